"""The files of a set below the path that the recipe names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def files_of_set(path: Path, folders: Sequence[str], pattern: str, name: str) -> list[Path]:
    """Return the files of a set that match `pattern` in the first of the folders below `path` that has any, sorted.

    `path` may also be one such file. Raises `ValueError` where there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"{path}: no such file or folder: name the folder that {name} was unpacked into")
    for folder in folders:
        if found := sorted(file for file in (path / folder).glob(pattern) if file.is_file()):
            return found
    places = " or ".join(str(path / folder) for folder in folders)
    raise ValueError(f"{path}: no file {pattern} in {places}: name the folder that {name} was unpacked into")
