"""A file, a folder or a glob: one source, formats mixed freely.

    .txt .md .rst                    a document each; headers and footers of Project Gutenberg are taken off
    .html .htm .xhtml                web pages, without menus and boilerplate
    .pdf .epub .docx .odt            documents and books
    .xml (JATS)  .tex                scientific articles
    .jsonl .csv .tsv .parquet        a document for each record, by the recipe's columns

All but Parquet and the third row may be compressed (.gz .bz2 .xz). What is read here is bytes and records; the
prose in them is found by the workers (`extraction.prose`). What cannot be read is quarantined with its file and line,
and reading goes on. Folders are read recursively, without hidden files and without following links to folders
(which may form circles). `robots.txt` and `.well-known/tdmrep.json` count for what lies below their folder, as in the
mirror of a site (`site_rules.py`).
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.corpus.document import Document, Form, Quarantined
from pipelines.corpus.sources.contents import MISSING, FileOnDisk
from pipelines.corpus.sources.decoding import decode
from pipelines.corpus.sources.extraction import require
from pipelines.corpus.sources.formats import read_csv, read_jsonl, read_parquet
from pipelines.corpus.sources.records import DocumentBuilder, printable
from pipelines.corpus.sources.site_rules import ROBOTS, Mirror, rules_files
from pipelines.corpus.sources.streams import COMPRESSED, DAMAGES, open_stream, read_whole
from pipelines.errors import UserError
from pipelines.recipe import Files

WHOLE: dict[str, Form] = {
    ".txt": "text", ".md": "text", ".rst": "text", ".html": "html", ".htm": "html", ".xhtml": "html", ".pdf": "pdf",
    ".epub": "epub", ".docx": "docx", ".odt": "odt", ".xml": "jats", ".nxml": "jats", ".tex": "latex",
}  # fmt: skip
"""Files that are one document."""
RECORDS = {
    ".jsonl": read_jsonl, ".ndjson": read_jsonl, ".csv": read_csv, ".tsv": read_csv, ".parquet": read_parquet,
}  # fmt: skip
"""Files of records."""


def contents(source: Files) -> list[str | FileOnDisk]:
    """Every file that would be read, and the site rules that are obeyed."""
    return contents_of(source.path)


def contents_of(path: str) -> list[str | FileOnDisk]:
    """The files of a path, under the names that ids begin with; `MISSING` where there are none."""
    base, paths, _ = find(path)
    holding = {path.parent for path in paths}
    folders = sorted({folder for one in holding for folder in (one, *one.parents) if folder.is_relative_to(base)})
    rules = [file for folder in folders for _, file in rules_files(folder)]
    start = len(base.as_posix().rstrip("/")) + 1  # a tenth of the time of Path.relative_to
    found = dict.fromkeys((*paths, *rules))
    return [FileOnDisk(printable(path.as_posix()[start:]), path) for path in found] or [MISSING]


def read(source: Files) -> Iterator[Document | Quarantined]:
    """The documents of every file, in the order of their paths.

    Raises `UserError` where there is nothing to read, or where nothing of what is there can be read.
    """
    base, paths, faults = find(source.path)
    if not paths and not Path(source.path).exists():
        raise UserError(
            f"source {source.name}: nothing at {source.path}: mend `path`, which starts at the "
            "recipe file, or in a shipped recipe at the current folder"
        )
    build, mirror = DocumentBuilder(source), Mirror(base)
    readable, fault = False, ""
    yield from faults
    for path in paths:
        if path.name == ROBOTS:
            continue
        for item in _read_file(path, printable(path.relative_to(base).as_posix()), build, mirror):
            if isinstance(item, Document):
                readable = True
            elif not fault:
                fault = f" ({item.place}: {item.reason})"
            yield item
    if not readable:
        formats = " ".join((*WHOLE, *RECORDS))
        raise UserError(f"no readable documents in {source.path}{fault}: put {formats} files there")


def find(path: str) -> tuple[Path, list[Path], list[Quarantined]]:
    """(the folder that ids are relative to, the files in order, folders that may not be read)

    for a file, a folder or a glob.
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
    """A glob, in which `**/` stands for any folders. Python's own follows links to folders, in circles too."""
    return re.compile(_WILD.sub(lambda match: _MEANING.get(match[0]) or _class(match[0]), pattern))


_WILD = re.compile(r"\*\*/|\*|\?|\[!?[^\]/]+\]|.")
_MEANING = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}


def _class(piece: str) -> str:
    """A character as itself, `[abc]` as such, `[!abc]` as all but these."""
    if len(piece) == 1:
        return re.escape(piece)
    return f"[^{piece[2:-1]}]" if piece[1] == "!" else piece


def _read_file(path: Path, name: str, build: DocumentBuilder, mirror: Mirror) -> Iterator[Document | Quarantined]:
    """The documents of one file. A fault in a record is its own affair; one in the file ends the file."""
    lower = path.name.lower()
    for suffix in COMPRESSED:
        lower = lower.removesuffix(suffix)
    suffix = Path(lower).suffix
    place = ""
    try:
        if path.stat().st_size == 0:
            yield Quarantined(name, "the file is empty")
        elif suffix in WHOLE:
            yield _read_whole(path, name, WHOLE[suffix], build, mirror.signals(path))
        elif suffix in RECORDS:
            for place, fields in RECORDS[suffix](path, build.text_columns):
                if isinstance(fields, str):
                    yield Quarantined(f"{name}, {place}", fields)
                else:
                    yield build.from_record(name, place, fields)
        else:
            yield Quarantined(name, f"no reader for {Path(lower).suffix or 'a name without a suffix'}")
    except DAMAGES as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        yield Quarantined(f"{name}, after {place}" if place else name, reason)


def _read_whole(
    path: Path, name: str, form: Form, build: DocumentBuilder, said: dict[str, Any]
) -> Document | Quarantined:
    if form == "text":
        text, encoding = decode(read_whole(path))
        return build.from_file(name, form, text.replace("\r\n", "\n").replace("\r", "\n"), encoding=encoding, **said)
    if form == "jats":
        with open_stream(path) as file:
            if b"<mediawiki" in file.read(2000):
                return Quarantined(name, "a MediaWiki dump: read it with a source of kind `wikipedia`")
    require(form)
    return build.from_file(name, form, data=read_whole(path), **said)
