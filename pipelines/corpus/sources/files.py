"""A file, a folder or a glob of .txt .md .rst .jsonl .jsonl.gz .csv and .parquet: one source, formats mixed freely.

A text file is one document; so is each record of the other formats, and its scalar fields go with it as
metadata. What cannot be read is quarantined with its file and line, and reading goes on. Folders are read
recursively, without hidden files and without following links to folders (which may form circles).
"""

from __future__ import annotations

import csv
import glob
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from pipelines.corpus.document import Document, Quarantined
from pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, decode
from pipelines.corpus.sources.formats import TOO_LONG, read_csv, read_jsonl, read_parquet
from pipelines.corpus.sources.records import DocumentBuilder
from pipelines.errors import UserError
from pipelines.recipe import Files

TEXT = (".txt", ".md", ".rst")
RECORDS = {".jsonl": read_jsonl, ".jsonl.gz": read_jsonl, ".csv": read_csv, ".parquet": read_parquet}


def signature(source: Files) -> list[str]:
    """Every file that would be read, with its size and time; a path where there is nothing is signed as missing."""
    base, paths = find(source.path)
    status = {path: path.stat() for path in paths}
    return [f"{path.relative_to(base)} {s.st_size} {s.st_mtime_ns}" for path, s in status.items()] or ["missing"]


def read(source: Files) -> Iterator[Document | Quarantined]:
    """The documents of every file, in the order of their paths.

    Raises `UserError` where there is nothing to read, or where nothing of what is there can be read.
    """
    base, paths = find(source.path)
    if not paths and not Path(source.path).exists():
        raise UserError(f"source {source.name}: nothing at {source.path}: mend `path`, which starts at the recipe file")
    build = DocumentBuilder(source)
    readable, fault = False, ""
    for path in paths:
        for item in _read_file(path, path.relative_to(base).as_posix(), build):
            if isinstance(item, Document):
                readable = True
            elif not fault:
                fault = f" ({item.place}: {item.reason})"
            yield item
    if not readable:
        formats = " ".join((*TEXT, *RECORDS))
        raise UserError(f"no readable documents in {source.path}{fault}: put {formats} files there")


def find(path: str) -> tuple[Path, list[Path]]:
    """(the folder that ids are relative to, the files in order) for a file, a folder or a glob."""
    start = Path(path)
    if start.is_file():
        return start.parent, [start]
    if start.is_dir():
        return start, sorted(_walk(start))
    base = next(parent for parent in start.parents if not glob.has_magic(str(parent)))
    return base, sorted(Path(match) for match in glob.glob(path, recursive=True) if os.path.isfile(match))


def _walk(start: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(start):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (path for name in names if not name.startswith(".") and (path := Path(folder, name)).is_file())


def _read_file(path: Path, name: str, build: DocumentBuilder) -> Iterator[Document | Quarantined]:
    """The documents of one file. A fault in a record is its own affair; one in the file ends the file."""
    place = ""
    try:
        if path.suffix.lower() in TEXT:
            yield _read_text(path, name, build)
            return
        reader = next((reader for suffix, reader in RECORDS.items() if name.lower().endswith(suffix)), None)
        if reader is None:
            yield Quarantined(name, f"no reader for {path.suffix or 'a name without a suffix'}")
            return
        for place, fields in reader(path, build.source.text_field):
            if isinstance(fields, str):
                yield Quarantined(f"{name}, {place}", fields)
            else:
                yield build.from_record(name, place, fields)
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Quarantined(f"{name}, after {place}" if place else name, reason)


def _read_text(path: Path, name: str, build: DocumentBuilder) -> Document | Quarantined:
    if path.stat().st_size > MAX_RECORD_BYTES:
        return Quarantined(name, TOO_LONG)
    text, encoding = decode(path.read_bytes())
    return build.from_text(name, text, encoding)
