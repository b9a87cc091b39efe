"""Atomic writes, hashes of content, and the replacement of folders."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write a file atomically: to a temporary file beside it, flushed to the disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically; NaN and infinity raise `ValueError`: JSON has neither, and a report must not hide them."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """Return the text that `write_json` writes."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_json(content: Any) -> str:
    """Return the SHA-256 of a value as JSON with sorted keys, in hexadecimal."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def resolve_links(root: Path) -> None:
    """Replace symbolic links that a library left (wandb) by copies of their files; remove the other links."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            target = path.resolve()
            path.unlink()
            if target.is_file():
                shutil.copyfile(target, path)


def replace_folder(new: Path, target: Path, keep: Sequence[PurePath] = ()) -> None:
    """Move `new` to `target`. The old folder is moved aside first: a folder cannot replace one that is not empty.

    keep: folders inside `target` that are moved into the new folder where it has none of that name
    """
    aside = new.with_name(new.name + ".old")
    shutil.rmtree(aside, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        for name in keep:
            if (target / name).exists() and not (new / name).exists():
                os.rename(target / name, new / name)
        os.rename(target, aside)
    os.rename(new, target)
    shutil.rmtree(aside, ignore_errors=True)
