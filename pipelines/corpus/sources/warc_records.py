"""The records of a WARC file (ISO 28500), from a decompressed stream.

If the length that a record states is wrong, or bytes stand between records, reading continues at the next line
`WARC/1.x`. (warcio was tried: it gives up the rest of the file there, and at a response that it cannot decompress.)
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG
from desdecero.pipelines.corpus.sources.gzip_members import DamagedMember
from desdecero.pipelines.corpus.sources.streams import DAMAGES

MAX_LINE = 2**16
WRONG_LENGTH = "the length that its record states is wrong"
_LONGEST = MAX_RECORD_BYTES + 2**20
_VERSION = re.compile(rb"WARC/\d\.\d+\r?\n")
_NEXT = re.compile(rb"\r?\n\r?\n(?=WARC/\d\.\d+\r?\n[A-Za-z-]+:)")


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """One record with its headers."""

    headers: dict[str, str]
    """Headers by their names in small letters."""
    block: bytes
    damage: str = ""
    """Reason why the block may be incomplete, or ""."""


def records(file: io.BufferedReader) -> Iterator[WarcRecord | str]:
    """Yield the records in their order; a reason stands for bytes that are not a record.

    Raises one of `DAMAGES` if the stream cannot be read further, after all records before that spot.
    """
    reader = _Reader(file)
    while True:
        try:
            if not (line := reader.line()):
                return
            if _VERSION.fullmatch(line):
                yield from _record(reader)
            elif line.strip():
                yield f"{len(line) + reader.skip_to_version()} bytes that are no record"
        except DamagedMember as error:  # what follows begins a record
            yield str(error)


def _record(reader: _Reader) -> Iterator[WarcRecord | str]:
    """Yield the record after its first line, and faults in the bytes that follow it."""
    headers = _headers(reader)
    if headers is None:
        yield _CUT
        return
    stated = headers.get("content-length", "")
    length = int(stated) if stated.isdecimal() and len(stated) < 20 else -1
    if length > _LONGEST:
        reader.skip(length)
        yield WarcRecord(headers, b"", TOO_LONG)
        return
    block = reader.read(max(0, length))
    whole = len(block) == length
    try:
        ends, line = reader.blank_lines()
    except DAMAGES:
        yield WarcRecord(headers, block)
        raise
    if whole and ((ends and not line) or _VERSION.fullmatch(line)):
        reader.give_back(line)
        yield WarcRecord(headers, block)
    elif inside := _NEXT.search(block):  # the stated length is too large
        reader.give_back(block[inside.end() :] + b"\r\n" * ends + line)
        yield WarcRecord(headers, block[: inside.start()], WRONG_LENGTH)
    elif not line:
        yield _CUT
    elif ends > 1:
        yield WarcRecord(headers, block)
        yield f"{len(line) + reader.skip_to_version()} bytes that are no record"
    else:  # the stated length is too small
        rest = reader.read_to_version()
        yield WarcRecord(headers, (block + b"\r\n" * ends + line + rest).rstrip(b"\r\n"), WRONG_LENGTH)


_CUT = "the file ends in the middle of a record"


def _headers(reader: _Reader) -> dict[str, str] | None:
    """Return the named fields of a record; None if the file ends among them."""
    headers: dict[str, str] = {}
    name = ""
    while line := reader.line():
        text = line.decode("utf-8", errors="replace").rstrip("\r\n")
        if not text:
            return headers
        if text[0] in " \t" and name:  # folded
            headers[name] += " " + text.strip()
        else:
            name, _, value = text.partition(":")
            name = name.strip().lower()
            headers.setdefault(name, value.strip())
    return None


class _Reader:
    """A stream to which bytes can be given back."""

    def __init__(self, file: io.BufferedReader):
        self._file, self._held = file, io.BytesIO()

    def line(self) -> bytes:
        line = self._held.readline(MAX_LINE)
        return line if line.endswith(b"\n") else line + self._file.readline(MAX_LINE)

    def read(self, size: int) -> bytes:
        held = self._held.read(size)
        return held if len(held) == size else held + self._file.read(size - len(held))

    def skip(self, size: int) -> None:
        while size > 0 and (piece := self.read(min(size, 2**20))):
            size -= len(piece)

    def give_back(self, data: bytes) -> None:
        self._held = io.BytesIO(data + self._held.read())

    def blank_lines(self) -> tuple[int, bytes]:
        """Count the empty lines that come next, and return the line after them."""
        number = 0
        while (line := self.line()) in (b"\r\n", b"\n"):
            number += 1
        return number, line

    def read_to_version(self) -> bytes:
        """Return the bytes before the next record, as far as memory allows."""
        pieces, size = [], 0
        while (line := self.line()) and not _VERSION.fullmatch(line):
            size += len(line)
            if size <= _LONGEST:
                pieces.append(line)
        self.give_back(line)
        return b"".join(pieces)

    def skip_to_version(self) -> int:
        size = 0
        while (line := self.line()) and not _VERSION.fullmatch(line):
            size += len(line)
        self.give_back(line)
        return size
