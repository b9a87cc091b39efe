"""Files as streams of bytes, compressed or not, of which memory holds a bounded part."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path

from pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG

COMPRESSED = (".gz", ".bz2", ".xz")
MAX_RATIO, RATIO_FROM = 200, 2**30
"""A stream that swells more than this, once it has grown to a gigabyte, is a bomb: text shrinks to a third or a
tenth, its most repetitive tables to a hundredth; gzip can reach 1,032 and bzip2 over 100,000."""

DAMAGES = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""What reading a damaged stream raises."""


def open_stream(path: Path) -> io.BufferedReader:
    """The content of a file, decompressed if its last suffix says so. Reading raises `ValueError` for a bomb."""
    match path.suffix.lower():
        case ".gz":
            return guarded(gzip.open(path), path.stat().st_size)
        case ".bz2":
            return guarded(bz2.open(path), path.stat().st_size)
        case ".xz":
            return guarded(lzma.open(path), path.stat().st_size)
    return path.open("rb")


def guarded(stream: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile, size: int) -> io.BufferedReader:
    """A decompressed stream that raises `ValueError` where it proves to be a bomb. `size`: the bytes it comes from."""
    return io.BufferedReader(_Guarded(stream, size), buffer_size=2**17)


def read_whole(path: Path) -> bytes:
    """The content of a file. Raises `ValueError` where it is longer than a record may be, `DAMAGES` where damaged."""
    with open_stream(path) as file:
        data = file.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise ValueError(TOO_LONG)
    return data


def lines(file: io.BufferedReader) -> Iterator[tuple[int, bytes | None]]:
    """(number from 1, line without its end); None stands for a line too long to hold, which is read past in pieces."""
    number, size = 1, 0
    held: list[bytes] = []  # the beginning of a line, as far as it was read
    while block := file.read1(_BLOCK):
        if number == 1 and not held and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ValueError("UTF-16, which cannot be cut into lines: save it as UTF-8")
        *ended, last = block.split(b"\n")
        for piece in ended:
            yield number, b"".join((*held, piece)) if size + len(piece) <= MAX_RECORD_BYTES else None
            held, size, number = [], 0, number + 1
        size += len(last)
        held = [*held, last] if size <= MAX_RECORD_BYTES else []
    if size:
        yield number, b"".join(held) if size <= MAX_RECORD_BYTES else None


_BLOCK = 2**20


class _Guarded(io.RawIOBase):
    def __init__(self, stream: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile, size: int):
        self._stream, self._read = stream, 0
        self._limit = max(RATIO_FROM, MAX_RATIO * size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        try:
            piece = self._stream.read1(len(buffer))  # read() would lose what stands before a damaged spot
        except EOFError as error:  # some readers take an EOFError for the end that it is not
            raise ValueError(str(error)) from None
        self._read += len(piece)
        if self._read > self._limit:
            raise ValueError(f"a decompression bomb: over {self._limit // 2**20} MB from a {MAX_RATIO}th of that")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()
