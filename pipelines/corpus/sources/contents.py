"""Content of a corpus' sources, identified by the sha256 of each file: a touched or renamed file is recognized.

Hashing a file means reading it, so hashes are cached by the file's inode, size and times, and only a file for which
one of these changed is read again. `Names` says which part of a file's name counts; in the ledger, documents keep the
names that their files had when they were read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from desdecero.pipelines.common.progress import progress

Names = Literal["suffix", "order", "full"]
"""Part of the files' names that counts: the suffix, which determines how a file is read; their order too, if reading
stops at a limit; or the whole name, if site rules or `corpus.domain` use it."""
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
MISSING = "missing"
"""Stands for the files of a path without any."""
_SHOWN = 3
"""Number of file names that a reason quotes."""


@dataclass(frozen=True, slots=True)
class FileOnDisk:
    """A file that a source reads; its documents' ids begin with the name."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as it was at some time."""

    name: str
    path: str
    size: int
    stamp: str
    """Inode, size and times: while these are unchanged, so is the content."""
    sha256: str = ""
    """Empty until the file is read; or the reason why it cannot be."""


@dataclass(frozen=True, slots=True)
class SeenSource:
    """A source as it was at some time."""

    name: str
    name_from_path: bool
    facts: tuple[str, ...]
    """Versions, addresses and other facts than files that it depends on."""
    files: tuple[SeenFile, ...]


def see(name: str, name_from_path: bool, contents: Iterable[str | FileOnDisk], known: Mapping[str, str]) -> SeenSource:
    """Record sizes and times, and read nothing: hashes are taken from `known`, by their stamps."""
    facts, files = [], []
    for content in contents:
        if isinstance(content, FileOnDisk):
            files.append(_stat(content, known))
        else:
            facts.append(content)
    return SeenSource(name, name_from_path, tuple(facts), tuple(files))


def _stat(file: FileOnDisk, known: Mapping[str, str]) -> SeenFile:
    try:
        status = file.path.stat()
    except OSError as error:  # removed after it was listed
        return SeenFile(file.name, str(file.path), 0, "", error.strerror or str(error))
    stamp = f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    return SeenFile(file.name, str(file.path), status.st_size, stamp, known.get(stamp, ""))


def hashed(sources: Sequence[SeenSource]) -> list[SeenSource]:
    """Return the sources with the hash of every file; reads the files whose hash is not known."""
    unknown = sum(file.size for source in sources for file in source.files if not file.sha256)
    with progress(title="hashing sources", total=unknown, unit="B") as bar:

        def complete(file: SeenFile) -> SeenFile:
            if file.sha256:
                return file
            bar.update(file.size)
            return replace(file, sha256=_sha256(Path(file.path)))

        return [replace(source, files=tuple(map(complete, source.files))) for source in sources]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:  # the reader quarantines it
        return error.strerror or str(error)


def digest(sources: Iterable[SeenSource]) -> str:
    """Hash names, facts and contents of sources whose files are hashed (sha256)."""
    seen = [[source.name, source.facts, [[file.name, file.sha256] for file in source.files]] for source in sources]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


# --- comparing -----------------------------------------------------------------------------------------------


def same_sizes(before: Sequence[SeenSource], now: Sequence[SeenSource]) -> bool:
    """Tell whether the sources may hold the same, judged by sizes."""
    counts = [[Counter(file.size for file in source.files) for source in sources] for sources in (before, now)]
    return counts[0] == counts[1]


def difference(before: SeenSource, now: SeenSource, names: Names, called_by_name: bool) -> str:
    """Describe the change in a source, in a few words; "" if nothing changed that a corpus depends on.

    called_by_name: True if the recipe refers to sources by their names
    """
    if before.name != now.name and (called_by_name or not (before.name_from_path and now.name_from_path)):
        return f"{before.name} is now named {now.name}"
    if MISSING in now.facts and MISSING not in before.facts:
        return f"{now.name}: nothing is there any more"
    if before.facts != now.facts:
        return f"{now.name} has another version or address"
    if _content(before, names) == _content(now, names):
        return ""
    return f"{now.name}: {_changes(before, now) or 'files were renamed'}"


def renamed(before: SeenSource, now: SeenSource) -> bool:
    """Tell whether the source or its files have new names."""
    return before.name != now.name or [f.name for f in before.files] != [f.name for f in now.files]


def _content(source: SeenSource, names: Names) -> Any:
    if names == "full":
        return [(file.name, file.sha256) for file in source.files]
    content = [(_form(file.name), file.sha256) for file in source.files]
    return Counter(content) if names == "suffix" else content


def _form(name: str) -> str:
    """Return the suffixes that determine how a file is read: `.jsonl`, or `.jsonl.gz`."""
    stem, suffix = os.path.splitext(name.lower())
    return os.path.splitext(stem)[1] + suffix if suffix in _COMPRESSED else suffix


def _changes(before: SeenSource, now: SeenSource) -> str:
    """Count the files that are new, gone or changed, with the first names."""
    old, new = ({file.name: file for file in source.files} for source in (before, now))
    moved = {file.sha256 for file in before.files} & {file.sha256 for file in now.files} - {""}
    groups = {
        "new": [name for name in new if name not in old and new[name].sha256 not in moved],
        "gone": [name for name in old if name not in new and old[name].sha256 not in moved],
        "changed": [name for name in new if name in old and _differ(old[name], new[name])],
    }
    return ", ".join(f"{_count(names)} {what} ({_shown(names)})" for what, names in groups.items() if names)


def _differ(old: SeenFile, new: SeenFile) -> bool:
    return old.size != new.size or bool(new.sha256 and old.sha256 != new.sha256)


def _count(names: list[str]) -> str:
    return f"{len(names):,} file{'s' * (len(names) > 1)}"


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


# --- storing -------------------------------------------------------------------------------------------------


def to_json(sources: Iterable[SeenSource]) -> list[dict[str, Any]]:
    """Convert the sources to JSON values."""
    return [asdict(source) for source in sources]


def from_json(content: Any) -> list[SeenSource]:
    """Read what `to_json` wrote. Raises `TypeError`, `KeyError` or `AttributeError` for anything else."""
    return [
        SeenSource(
            source["name"],
            source["name_from_path"],
            tuple(source["facts"]),
            tuple(SeenFile(**file) for file in source["files"]),
        )
        for source in content
    ]
