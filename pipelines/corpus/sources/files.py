"""A file, a folder or a glob: one source, formats mixed freely.

        .txt .md .rst                         a document each; headers and footers of Project Gutenberg are removed
        .html .htm .xhtml                     web pages, without menus and boilerplate
        .pdf .epub .docx .odt .rtf            documents and books
        .xml (JATS)  .tex                     scientific articles
        .json .jsonl .csv .tsv .parquet       a document for each record, by the recipe's columns
        .zip                                  each of its members, as if in a folder
        any other name, or none               text, if its content is text (README, LICENSE, .log)

All but .zip may be compressed (.gz .bz2 .xz .zst). Bytes and records are read here; the workers extract the prose
(`extraction.prose`). Unreadable items are quarantined with their file and line, and reading continues (`faults.py`).
Folders are read recursively, without hidden files and without following links to folders (which may form circles).
`robots.txt` and `.well-known/tdmrep.json` apply to the files below their folder, as in the mirror of a site
(`site_rules.py`).
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast, get_args

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, FileFormat, Quarantined
from desdecero.pipelines.corpus.sources.contents import MISSING, FileOnDisk
from desdecero.pipelines.corpus.sources.csv_records import read_csv
from desdecero.pipelines.corpus.sources.decoding import LineDecoder, decode
from desdecero.pipelines.corpus.sources.entries import Entry, file_entry, members
from desdecero.pipelines.corpus.sources.faults import contained, reason_of
from desdecero.pipelines.corpus.sources.json_records import ReadRecord, read_json
from desdecero.pipelines.corpus.sources.kinds import SUFFIXES, kind_of
from desdecero.pipelines.corpus.sources.parquet_records import read_parquet
from desdecero.pipelines.corpus.sources.records import DocumentBuilder, printable
from desdecero.pipelines.corpus.sources.site_rules import ROBOTS, Mirror, rules_files
from desdecero.pipelines.corpus.sources.streams import lines, read_all
from desdecero.pipelines.recipe import Files

HEAD = 4096
"""Bytes by which a file is identified whose name does not help."""


def contents(source: Files) -> list[str | FileOnDisk]:
    """List every file that would be read, and the site rules that are applied."""
    return contents_of(source.path)


def contents_of(path: str) -> list[str | FileOnDisk]:
    """List the files of a path, under the names that ids begin with; `MISSING` if there are none."""
    base, paths, _ = find(path)
    holding = {path.parent for path in paths}
    folders = sorted({folder for one in holding for folder in (one, *one.parents) if folder.is_relative_to(base)})
    rules = [file for folder in folders for _, file in rules_files(folder)]
    start = len(base.as_posix().rstrip("/")) + 1  # takes a tenth of the time of Path.relative_to
    found = dict.fromkeys((*paths, *rules))
    return [FileOnDisk(printable(path.as_posix()[start:]), path) for path in found] or [MISSING]


def read(source: Files) -> Iterator[Document | Quarantined]:
    """Yield the documents of every file, in the order of their paths.

    Raises `UserError` if there is nothing to read, or if nothing there can be read.
    """
    base, paths, faults = find(source.path)
    if not paths and not Path(source.path).exists():
        raise UserError(
            f"source {source.name}: nothing at {source.path}: fix `path`, which starts at the "
            "recipe file, or in a shipped recipe at the current folder"
        )
    build, mirror = DocumentBuilder(source), Mirror(base)
    readable, fault = False, ""
    yield from faults
    for path in paths:
        if path.name == ROBOTS:
            continue
        for item in _read_file(path, printable(path.relative_to(base).as_posix()), build, mirror.signals):
            if isinstance(item, Document):
                readable = True
            elif not fault:
                fault = f" ({item.place}: {item.reason})"
            yield item
    if not readable:
        formats = " ".join(SUFFIXES)
        raise UserError(f"no readable documents in {source.path}{fault}: put {formats} files there")


def find(path: str) -> tuple[Path, list[Path], list[Quarantined]]:
    """Return (the folder that ids are relative to, the files in order, folders without permission).

    path: a file, a folder or a glob.
    """
    start = Path(path)
    if start.is_file():
        return start.parent, [start], []
    faults: list[Quarantined] = []
    if start.is_dir():
        return start, sorted(_walk(start, faults)), faults
    if not glob.has_magic(path):
        return start.parent, [], faults  # nothing is there
    base = next(parent for parent in start.parents if not glob.has_magic(str(parent)))
    pattern = _as_regex(start.relative_to(base).as_posix())
    found = [file for file in _walk(base, faults) if pattern.fullmatch(file.relative_to(base).as_posix())]
    return base, sorted(found), faults


def _walk(start: Path, faults: list[Quarantined]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        faults.append(Quarantined(printable(str(error.filename)), error.strerror or str(error)))

    for folder, folders, names in os.walk(start, onerror=refused):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (path for name in names if not name.startswith(".") and (path := Path(folder, name)).is_file())


def _as_regex(pattern: str) -> re.Pattern[str]:
    """Convert a glob, in which `**/` stands for any folders. Python's own follows links to folders, even in circles."""
    return re.compile(_WILD.sub(lambda match: _MEANING.get(match[0]) or _class(match[0]), pattern))


_WILD = re.compile(r"\*\*/|\*|\?|\[!?[^\]/]+\]|.")
_MEANING = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}


def _class(piece: str) -> str:
    """Convert a character to itself, `[abc]` to itself, `[!abc]` to all but these."""
    if len(piece) == 1:
        return re.escape(piece)
    return f"[^{piece[2:-1]}]" if piece[1] == "!" else piece


def forms(source: Files) -> Iterator[tuple[FileFormat, str]]:
    """Yield (format, name) of each file that is a document, or may hold some; no text is read."""
    base, paths, _ = find(source.path)
    for path in paths:
        for item in contained(_forms(path, path.relative_to(base).as_posix()), lambda _: ""):
            if not isinstance(item, Quarantined):
                yield item
    if source.text_form != "text":
        yield source.text_form, "the recipe's text_form"


def _forms(path: Path, name: str) -> Iterator[tuple[FileFormat, str]]:
    entry = file_entry(path, name)
    kind = kind_of(entry.suffix, _head(entry))
    if kind == "zip":
        for member in members(entry):
            if isinstance(member, Entry) and (form := _form(kind_of(member.suffix, b""))):
                yield form, member.name
    elif form := _form(kind):
        yield form, name


def _form(kind: str) -> FileFormat | None:
    return cast(FileFormat, kind) if kind in get_args(FileFormat) and kind != "text" else None


Items = Iterator[Document | Quarantined]
Signals = Callable[[Path], dict[str, Any]]


def _read_file(path: Path, name: str, build: DocumentBuilder, metadata: Signals) -> Items:
    """Yield the documents of one file. A fault in a record affects that record; one in the file ends the file."""
    size, read = 0, False

    def items() -> Items:
        nonlocal size
        entry = file_entry(path, name)
        size = entry.size
        yield from _read_entry(entry, build, metadata(path))

    def reached(last: Document | Quarantined | None) -> str:
        if isinstance(last, Document):
            return f"{name}, after {last.meta.get('record', last.id)}"
        return f"{name}, after {last.place.removeprefix(f'{name}, ')}" if last else name

    for item in contained(items(), reached, lambda: size):
        read = True
        yield item
    if not read:
        yield Quarantined(name, "it holds no records", size)


def _read_entry(entry: Entry, build: DocumentBuilder, metadata: dict[str, Any]) -> Items:
    if entry.size == 0:
        yield Quarantined(entry.name, "the file is empty")
        return
    kind = kind_of(entry.suffix, _head(entry))
    if kind == "zip":
        yield from _read_archive(entry, build, metadata)
    elif kind in ("json", "csv", "parquet"):
        for record in _records(entry, kind, build):
            if isinstance(record.fields, str):
                yield Quarantined(f"{entry.name}, {record.place}", record.fields, record.size)
            else:
                yield build.from_record(entry.name, record.place, record.fields, record.encoding, record.size)
    elif kind in get_args(FileFormat):
        yield from _read_whole(entry, cast(FileFormat, kind), build, metadata)
    else:
        yield Quarantined(entry.name, kind, entry.size)


def _head(entry: Entry) -> bytes:
    """Return the first bytes of a file; none if its name identifies it, or if it is damaged."""
    if not isinstance(kind_of(entry.suffix, b""), str) or entry.suffix in SUFFIXES:
        return b""
    with entry.open() as file:
        return file.read(HEAD)


def _read_archive(entry: Entry, build: DocumentBuilder, metadata: dict[str, Any]) -> Items:
    if entry.is_member:
        yield Quarantined(entry.name, "an archive within an archive: unpack it", entry.size)
        return
    for member in members(entry):
        if isinstance(member, Entry):
            yield from _read_member(member, build, metadata)
        else:
            yield member


def _read_member(member: Entry, build: DocumentBuilder, metadata: dict[str, Any]) -> Items:
    return contained(_read_entry(member, build, metadata), lambda _last: member.name, lambda: member.size)


def _records(entry: Entry, kind: str, build: DocumentBuilder) -> Iterator[ReadRecord]:
    if kind == "parquet":
        yield from read_parquet(entry.seekable(), build.text_columns, build.named_columns)
        return
    with entry.open() as file:
        yield from (read_csv if kind == "csv" else read_json)(
            file, build.text_columns, LineDecoder(lambda: _lines(entry))
        )


def _lines(entry: Entry) -> Iterator[bytes | None]:
    """Yield the lines of a file, as far as they can be read."""
    with entry.open() as file:
        for item in contained(lines(file), str):
            if not isinstance(item, Quarantined):
                yield item[1]


def _read_whole(entry: Entry, form: FileFormat, build: DocumentBuilder, metadata: dict[str, Any]) -> Items:
    with entry.open() as file:
        data, damage = read_all(file)
    if form == "jats" and b"<mediawiki" in data[:2000]:
        yield Quarantined(entry.name, "a MediaWiki dump: read it with a source of kind `wikipedia`", entry.size)
        return
    if damage and (form != "text" or not data):
        raise damage
    if form != "text":
        yield build.from_file(entry.name, form, data=data, **metadata)
        return
    text, encoding = decode(data)
    damage_entry: dict[str, Any] = {"damage": f"it breaks off: {reason_of(damage)}"} if damage else {}
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    yield build.from_file(entry.name, form, plain, encoding=encoding, **damage_entry, **metadata)
    if damage:
        yield Quarantined(f"{entry.name}, after {len(data):,} bytes", reason_of(damage))
