"""The entries of a source of files: files, and the members of zip files, which are read in the same way."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from desdecero.pipelines.corpus.document import Quarantined
from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG
from desdecero.pipelines.corpus.sources.faults import reason_of
from desdecero.pipelines.corpus.sources.streams import COMPRESSED, MAX_RATIO, RATIO_FROM, decompressed, guarded

MAX_MEMBERS = 200_000
"""Limit for the members of one zip file: their names take some 100 MB of memory."""
_PASSED_OVER = ("__MACOSX",)
"""Folders that tools leave in archives."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a member of a zip file."""

    name: str
    """Name in ids and the ledger: the path below the source's folder; a member's follows that of its archive."""
    path: Path
    """The file, or the archive."""
    size: int
    """Bytes, as stored (compressed)."""
    raw: Callable[[], BinaryIO]
    """Opens it as stored."""
    is_member: bool = False

    @property
    def suffix(self) -> str:
        """Suffix without that of the compression: `.csv` for `a.csv.gz`; "" for a name without one."""
        name = PurePosixPath(self.name.lower())
        return PurePosixPath(name.stem).suffix if name.suffix in COMPRESSED else name.suffix

    def open(self) -> io.BufferedReader:
        """Open its decompressed content."""
        return decompressed(self.raw, PurePosixPath(self.name.lower()).suffix, self.size)

    def seekable(self) -> Path | BinaryIO:
        """Return an object for a reader that needs random access. Raises `ValueError` if it would take too much
        memory."""
        compressed = self.name.lower().endswith(COMPRESSED)
        if not self.is_member and not compressed:
            return self.path
        with self.open() as file:
            data = file.read(MAX_RECORD_BYTES + 1)
        if len(data) > MAX_RECORD_BYTES:
            raise ValueError(f"{TOO_LONG}: unpack it")
        return io.BytesIO(data)


def file_entry(path: Path, name: str) -> Entry:
    """Build the entry of a file."""
    return Entry(name, path, path.stat().st_size, lambda: path.open("rb"))


def members(archive: Entry) -> Iterator[Entry | Quarantined]:
    """Yield the members of a zip file, in the order of their names. Raises what `zipfile` does for a damaged one."""
    packed = zipfile.ZipFile(cast(Path, archive.seekable()))
    infos = [info for info in packed.infolist() if not info.is_dir() and _counts(info.filename)]
    if len(infos) > MAX_MEMBERS:
        raise ValueError(f"{len(infos):,} files in one archive: unpack it")
    budget = _Budget(max(RATIO_FROM, MAX_RATIO * archive.size))
    seen: set[str] = set()
    for info in sorted(infos, key=lambda info: info.filename):
        name = f"{archive.name}/{info.filename}"
        if name in seen:
            yield Quarantined(name, "a second file of this name in the archive: give it another name", info.file_size)
            continue
        seen.add(name)
        if info.flag_bits & 1:
            yield Quarantined(name, "encrypted: unpack it", info.file_size)
            continue
        yield Entry(name, archive.path, max(1, info.file_size), _opener(packed, info, budget), is_member=True)


def _counts(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not any(part.startswith(".") or part in _PASSED_OVER for part in parts)


class _Budget:
    """Bytes that may still come out of an archive: overlapping members expand without end."""

    def __init__(self, left: int):
        self.left = left


def _opener(packed: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        return cast(BinaryIO, guarded(_Counted(packed.open(info), budget), max(1, info.compress_size)))

    return opened


class _Counted(io.RawIOBase):
    """A member of an archive; its bytes are counted, its stated size is not trusted."""

    def __init__(self, file: IO[bytes], budget: _Budget):
        self._file, self._budget = cast(zipfile.ZipExtFile, file), budget

    def readable(self) -> bool:
        return True

    def read1(self, size: int) -> bytes:
        try:
            piece = self._file.read1(size)
        except Exception as error:
            raise ValueError(reason_of(error)) from error
        self._budget.left -= len(piece)
        if self._budget.left < 0:
            raise ValueError("a decompression bomb: the archive swells without end")
        return piece

    def close(self) -> None:
        self._file.close()
        super().close()
