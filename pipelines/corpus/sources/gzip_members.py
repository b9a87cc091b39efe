"""Gzip files of many members, such as web archives: after a damaged one, reading continues with the next."""

from __future__ import annotations

import io
import re
import zlib
from typing import Protocol

from desdecero.pipelines.corpus.sources.streams import MAX_RATIO, RATIO_FROM

_BLOCK = 2**16
_MEMBER = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")


class DamagedMember(ValueError):
    """A member cannot be read to its end. The next read returns the beginning of the next member."""


class Readable(Protocol):
    """A binary file, as far as it is needed here."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class GzipMembers(io.RawIOBase):
    """The content of all members, concatenated. Reading raises `DamagedMember`, or `ValueError` for a bomb."""

    def __init__(self, file: Readable):
        self._file, self._stream = file, zlib.decompressobj(31)
        self._left = b""
        self._begun = False  # True while a member is open
        self._taken = self._given = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Fill the buffer with decompressed bytes."""
        while True:
            if not self._begun:
                self._left = self._left.lstrip(b"\0")  # some writers pad
            if not self._left and not self._fill():
                if self._begun:
                    self._open_next()
                    raise DamagedMember("the compressed file ends in the middle of a member")
                return 0
            self._begun = True
            try:
                data = self._stream.decompress(self._left, len(buffer))
            except zlib.error as error:
                self._find_next()
                raise DamagedMember(f"a damaged part of the compressed file: {error}") from None
            self._left = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if self._stream.eof:
                self._open_next()
            if data:
                self._given += len(data)
                if self._given > max(RATIO_FROM, MAX_RATIO * self._taken):
                    raise ValueError(
                        f"a decompression bomb: over {self._given // 2**20} MB from a {MAX_RATIO}th of that"
                    )
                buffer[: len(data)] = data
                return len(data)

    def _fill(self) -> bool:
        self._left = self._file.read(_BLOCK)
        self._taken += len(self._left)
        return bool(self._left)

    def _open_next(self) -> None:
        self._stream, self._begun = zlib.decompressobj(31), False

    def _find_next(self) -> None:
        """Go to what looks like the beginning of the next member."""
        self._open_next()
        searched = self._left[1:]
        while not (found := _MEMBER.search(searched)):
            tail = searched[-3:]
            if not self._fill():
                self._left = b""
                return
            searched = tail + self._left
        self._left = searched[found.start() :]

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()
