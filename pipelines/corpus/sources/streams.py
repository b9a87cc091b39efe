"""Files as streams of bytes, compressed or not, with bounded memory."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG, unmarked_utf16

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
MAX_RATIO, RATIO_FROM = 200, 2**30
"""A stream that expands more than this, once it has reached a gigabyte, is a bomb: text shrinks to a third or a
tenth, its most repetitive tables to a hundredth; gzip can reach 1,032 and bzip2 over 100,000."""

DAMAGES = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""Errors raised by reading a damaged stream."""


def open_stream(path: Path) -> io.BufferedReader:
    """Open the content of a file, decompressed if its last suffix says so. Reading raises `ValueError` for a bomb."""
    return decompressed(lambda: path.open("rb"), path.suffix.lower(), path.stat().st_size)


def decompressed(file: Callable[[], Any], suffix: str, size: int) -> io.BufferedReader:
    """Decompress an opened file by its last suffix; unchanged without one. `size`: its bytes."""
    raw = file()
    match suffix:
        case ".gz":
            return guarded(gzip.GzipFile(fileobj=raw), size, raw)
        case ".bz2":
            return guarded(bz2.BZ2File(raw), size, raw)
        case ".xz":
            return guarded(lzma.LZMAFile(raw), size, raw)
        case ".zst":
            import pyarrow  # lazy: a signature of sources must not wait for it

            return guarded(pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, mode="r"), "zstd"), size, raw)
    plain: io.BufferedReader = raw
    return plain


def guarded(stream: Any, size: int, raw: Any = None) -> io.BufferedReader:
    """Wrap a decompressed stream so that it raises `ValueError` if it proves to be a bomb.

    size: its compressed bytes. raw: a file to close with it.
    """
    return io.BufferedReader(_Guarded(stream, size, raw), buffer_size=2**17)


def read_all(file: io.BufferedReader) -> tuple[bytes, Exception | None]:
    """Return the content of a stream, as far as it can be read, and the error that stopped it.

    Raises `ValueError` if it is longer than a record may be.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := file.read1(_BLOCK):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_RECORD_BYTES:
                break
    except DAMAGES as error:
        return b"".join(pieces), error
    if size > MAX_RECORD_BYTES:
        raise ValueError(TOO_LONG)
    return b"".join(pieces), None


def lines(file: io.BufferedReader) -> Iterator[tuple[int, bytes | None]]:
    """Yield (number from 1, line without its end); None for a line too long to hold, which is skipped in pieces.

    Lines end with LF, or CR LF; if the first one ends with CR alone, as on old Macintoshes, all do. UTF-16 is converted
    to UTF-8.
    """
    number, size = 1, 0
    held: list[bytes] = []  # the beginning of a line, as far as it was read
    head, file = with_head(file)
    end = b"\r" if _first_end(head) == b"\r" else b"\n"
    while block := file.read1(_BLOCK):
        *ended, last = block.split(end)
        for piece in ended:
            yield number, b"".join((*held, piece)) if size + len(piece) <= MAX_RECORD_BYTES else None
            held, size, number = [], 0, number + 1
        size += len(last)
        held = [*held, last] if size <= MAX_RECORD_BYTES else []
    if size:
        yield number, b"".join(held) if size <= MAX_RECORD_BYTES else None


def _first_end(head: bytes) -> bytes:
    """Return the end of the first line, quotes apart: in a table, a quoted field may hold line ends."""
    quoted = False
    pieces: list[bytes] = re.findall(rb"\"|\r\n|\r|\n", head[:_BLOCK])
    for piece in pieces:
        if piece == b'"':
            quoted = not quoted
        elif not quoted:
            return piece
    return b"\r" if b"\r" in head and b"\n" not in head else b"\n"


def with_head(file: io.BufferedReader) -> tuple[bytes, io.BufferedReader]:
    """Return (the first megabyte of a text, the whole of it), converted from UTF-16 to UTF-8."""
    head, file = _peek(file)
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if encoding := "utf-16" if wide else unmarked_utf16(head[: 2**16]):
        return _peek(io.BufferedReader(_Recoded(file, encoding), buffer_size=_BLOCK))
    return head, file


def _peek(file: io.BufferedReader) -> tuple[bytes, io.BufferedReader]:
    pieces: list[bytes] = []
    error = None
    try:
        while sum(map(len, pieces)) < _BLOCK and (piece := file.read1(_BLOCK)):
            pieces.append(piece)
    except DAMAGES as damage:
        error = damage
    head = b"".join(pieces)
    return head, io.BufferedReader(_Headed(head, error, file), buffer_size=_BLOCK)


class _Headed(io.RawIOBase):
    """A stream whose head was read: the head, the error that stopped its reading, and the rest."""

    def __init__(self, head: bytes, error: Exception | None, file: io.BufferedReader):
        self._head, self._error, self._file = head, error, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        if not self._head and self._error:
            raise self._error
        piece = self._head[: len(buffer)] if self._head else self._file.read1(len(buffer))
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _Recoded(io.RawIOBase):
    """A stream in another encoding, as UTF-8."""

    def __init__(self, file: io.BufferedReader, encoding: str):
        self._file, self._left = file, b""
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        while not self._left:
            piece = self._file.read1(_BLOCK)
            self._left = self._decoder.decode(piece, final=not piece).encode("utf-8", errors="replace")
            if not piece:
                break
        piece, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


_BLOCK, _PIECE = 2**20, 2**15


class _Guarded(io.RawIOBase):
    def __init__(self, stream: Any, size: int, raw: Any):
        self._stream, self._raw, self._read = stream, raw, 0
        self._limit = max(RATIO_FROM, MAX_RATIO * size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        try:
            # read(), or Arrow's read1() of much, would lose the bytes before a damaged spot.
            piece = self._stream.read1(min(len(buffer), _PIECE))
        except EOFError as error:  # some readers mistake an EOFError for the end of the file
            raise ValueError(str(error)) from None
        self._read += len(piece)
        if self._read > self._limit:
            raise ValueError(f"a decompression bomb: over {self._limit // 2**20} MB from a {MAX_RATIO}th of that")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        if self._raw is not None:
            self._raw.close()
        super().close()
