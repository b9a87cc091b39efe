"""Texts with spans in the format of brat (https://brat.nlplab.org/standoff.html): a .txt and an .ann file a document.

    T1<TAB>Person 0 4<TAB>Anna          a span: its label, its first character and the one beyond its last, its text
    T2<TAB>Place 10 14;20 25<TAB>…      one in several pieces: it is taken from its first character to its last

Relations, events, attributes and notes, the lines that begin with another letter, are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from desdecero.eval_suites.tasks import records
from desdecero.pipelines.finetuning.example import Example, Span
from desdecero.pipelines.finetuning.spans import checked

_LINE = re.compile(r"T\S*\t(?P<label>\S+) (?P<pieces>\d+ \d+(?:;\d+ \d+)*)(?:\t(?P<text>.*))?")


def has_annotations(path: Path) -> bool:
    """Tell whether a path is a folder with .ann files in it, at any depth."""
    return path.is_dir() and next(path.rglob("*.ann"), None) is not None


def read_brat(path: Path) -> tuple[list[Example], str]:
    """Return (the documents of a folder with their spans, the digest of its files).

    Raises `ValueError` for a file that has no other beside it, or a line that cannot be read.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix in (".txt", ".ann") and file.is_file())
    names = set(files)
    for file in files:
        other = file.with_suffix(".ann" if file.suffix == ".txt" else ".txt")
        if other not in names:
            hint = ", empty if it has no span," if other.suffix == ".ann" else ""
            raise ValueError(f"{file}: no {other.name} beside it: add that file{hint} or remove this one")
    examples = [_document(path, file) for file in files if file.suffix == ".txt"]
    return examples, records.digest_of(path, files)


def _document(root: Path, file: Path) -> Example:
    name, annotations = file.relative_to(root).as_posix(), file.with_suffix(".ann")
    text = _decoded(file, name)
    if not text.strip():
        raise ValueError(f"{name}, line 1: the file is empty: write into it, or remove it and its .ann file")
    spans, places = [], []
    place = annotations.relative_to(root).as_posix()
    for number, span in _spans(_decoded(annotations, place), text, place):
        spans.append(span)
        places.append(f"{place}, line {number}")
    return Example(text=text, spans=checked(spans, places, text), place=f"{name}, line 1")


def _decoded(file: Path, name: str) -> str:
    """Return a file's text with its line ends and its byte order mark as they are: brat counts them."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"{name}, line {line}: not UTF-8, in which brat counts characters: convert the file") from None


def _spans(annotations: str, text: str, name: str) -> Iterator[tuple[int, Span]]:
    """Yield the number of each line with a span, and the span."""
    for number, line in enumerate(annotations.removeprefix("\ufeff").split("\n"), start=1):
        line = line.rstrip("\r")
        if not line.startswith("T"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(
                f"{name}, line {number}: {line[:60]!r} is not a span of brat: write T1<TAB>LABEL START END<TAB>TEXT"
            )
        pieces = [tuple(map(int, piece.split())) for piece in found["pieces"].split(";")]
        span = Span(min(start for start, _ in pieces), max(end for _, end in pieces), found["label"])
        covered, said = text[span.start : span.end], found["text"]
        inside = span.end <= len(text) and len(pieces) == 1
        if said is not None and inside and covered.split() != said.split():
            raise ValueError(
                f"{name}, line {number}: the span covers {covered[:40]!r}, and its line says {said[:40]!r}: fix it"
            )
        yield number, span
