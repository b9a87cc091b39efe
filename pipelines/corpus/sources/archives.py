"""Zip files (.epub, .docx and .odt are zip files), safe to open from untrusted sources."""

from __future__ import annotations

import io
import zipfile
import zlib

from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES
from desdecero.pipelines.corpus.sources.extraction import Unreadable

MAX_MEMBERS = 20_000
MAX_TOTAL_BYTES = 4 * MAX_RECORD_BYTES
"""Limit for all bytes unpacked from one archive: a longer one holds pictures of text, or is a bomb."""


class Archive:
    """The members of a zip file, by name. Raises `Unreadable` if it is damaged, encrypted or too large."""

    def __init__(self, data: bytes):
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Unreadable(f"damaged archive: {error}") from None
        self.names = frozenset(self._zip.namelist())
        self._read = 0
        if len(self.names) > MAX_MEMBERS:
            raise Unreadable(f"{len(self.names):,} files in one archive")

    def read(self, name: str) -> bytes:
        """Decompress a member. Its stated size is not trusted: the bytes are counted."""
        try:
            with self._zip.open(name) as file:
                data = file.read(MAX_RECORD_BYTES + 1)
        except KeyError:
            raise Unreadable(f"{name} is missing in it") from None
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{name} in it: {error}") from None  # RuntimeError: encrypted
        self._read += len(data)
        if len(data) > MAX_RECORD_BYTES or self._read > MAX_TOTAL_BYTES:
            raise Unreadable(f"a decompression bomb, or no document: over {self._read // 2**20} MB in it")
        return data
