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
    """Write a whole file or none: to a neighbour, to the disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    neighbour = path.with_name(path.name + ".partial")
    with neighbour.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(neighbour, path)


def write_json(path: Path, content: Any) -> None:
    """As `write_text`; NaN and infinity are refused, because JSON has none and a report may not hide them."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """What `write_json` writes."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_json(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def resolve_links(root: Path) -> None:
    """Put files in the place of the links to them that a library has left (wandb); other links are removed."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            target = path.resolve()
            path.unlink()
            if target.is_file():
                shutil.copyfile(target, path)


def replace_folder(new: Path, target: Path, keep: Sequence[PurePath] = ()) -> None:
    """Put `new` where `target` is. The old folder is moved aside first: a folder cannot be renamed over a full one.

    keep: folders inside, which are moved from the old one to the new one, where it has none.
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
