"""Records of an evaluation suite, or of examples to fine-tune on: from JSONL, CSV, TSV and Parquet files, folders of
them, and datasets of the Hub.

Whatever is wrong with a file raises `ValueError` with one sentence that names file and line.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Record:
    """One record, and where it stands."""

    values: Mapping[str, Any]
    place: str
    """File and line, for messages."""
    file: str
    """Name of its file without suffixes: the paradigm of minimal pairs that come in a file each."""

    def value(self, field: str) -> Any:
        """Return the value of a field; raise `ValueError` where the record has none."""
        if self.values.get(field) is None:
            present = ", ".join(map(str, self.values)) or "none"
            raise ValueError(
                f"{self.place}: no field {field!r} (it has {present}): fix the record, or map the field with `fields`"
            )
        return self.values[field]

    def text(self, field: str) -> str:
        """Return the text of a field; raise `ValueError` where there is none, or where it is empty or no text."""
        value = self.value(field)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(
                f"{self.place}: field {field!r} is {'empty' if value == '' else repr(value)[:60]}: it must be a text"
            )
        return value

    def label(self, field: str) -> str:
        """Return a field that need not be there as text; empty where it is not."""
        return str(self.values.get(field) or "")


@dataclass(frozen=True)
class Data:
    """Records, with the digest of the files that they come from."""

    records: list[Record]
    sha256: str


def read(path: Path) -> Data:
    """Read the records of a file, or of all files of a folder in the order of their names."""
    return Data(list(stream(path)), digest(path))


def stream(path: Path) -> Iterator[Record]:
    """Yield the records that `read` returns, a file's rows as they are read."""
    record = None
    for file in files_of(path):
        for record in _records(file):
            yield record
    if record is None:
        raise ValueError(f"{path}: no records: the file is empty, or has a head alone: it needs at least one")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's files."""
    return digest_of(path, files_of(path))


def digest_of(path: Path, files: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, or of the names (below `path`) and contents of several."""
    if files == [path]:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    lines = (f"{file.relative_to(path).as_posix()} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


SCRIPT_ONLY = "Dataset scripts are no longer supported"
"""How datasets, from 4.0 on, begins the refusal of a dataset that is a program rather than files."""


def read_hub(name: str, config: str | None, split: str, revision: str | None, named_labels: bool = False) -> Data:
    """Read a split of a dataset of the Hub. Its digest is that of its rows.

    named_labels: where the dataset numbers its labels and knows their names, the records have the names.
    """
    from datasets import ClassLabel, load_dataset

    try:
        rows = load_dataset(name, config, split=split, revision=revision)
    except Exception as error:  # noqa: BLE001  # datasets raises whatever its loaders and the network raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if SCRIPT_ONLY in reason:
            raise ValueError(
                f"{name}: the dataset comes as a script, which datasets does not run: read the files that the Hub made "
                "of it, with revision: refs/convert/parquet"
            ) from None
        raise ValueError(
            f"{name}: the dataset could not be read from the Hub ({reason}): check name, config and split, "
            "and HF_HUB_OFFLINE"
        ) from None
    classes = {key: feature for key, feature in rows.features.items() if isinstance(feature, ClassLabel)}
    records = [
        Record(_with_names(row, classes) if named_labels else row, f"{name} {split}, row {number}", name)
        for number, row in enumerate(rows, start=1)
    ]
    whole = hashlib.sha256()
    for record in records:
        whole.update(json.dumps(record.values, sort_keys=True, ensure_ascii=False, default=str).encode())
    return Data(records, whole.hexdigest())


def _with_names(row: Mapping[str, Any], classes: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the numbers of labels by their names; -1, by which datasets marks a label that is held back, by None."""
    names = {
        key: None if row[key] is None or row[key] < 0 else feature.int2str(row[key]) for key, feature in classes.items()
    }
    return {**row, **names}


def files_of(path: Path) -> list[Path]:
    """Return a file itself, or the files of a folder that can be read; raise `ValueError` where there are none."""
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder: fix the path")
    if not path.is_dir():
        if _reader(path) is None:
            raise ValueError(f"{path}: records are read from {' '.join(READERS)} files: convert it to one of them")
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and _reader(file) is not None)
    if not files:
        raise ValueError(f"{path}: no {' '.join(READERS)} file in the folder: fix the path")
    return files


def _records(path: Path) -> Iterator[Record]:
    reader = _reader(path)
    assert reader is not None
    name = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    try:
        for number, values in reader(path):
            if not isinstance(values, Mapping):
                raise ValueError(f"line {number} is not a record of fields")
            yield Record(values, f"{path.name}, line {number}", name)
    except (OSError, EOFError, ValueError, csv.Error, pa.ArrowException) as error:
        raise ValueError(f"{path}: {str(error).splitlines()[0]}: fix the file") from None


def _reader(path: Path) -> Callable[[Path], Iterator[tuple[int, Any]]] | None:
    return next((reader for ending, reader in READERS.items() if path.name.lower().endswith(ending)), None)


def _json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            text = _decoded(line, number).removeprefix("\ufeff").strip()
            if not text:
                continue
            try:
                yield number, json.loads(text)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number} is not JSON ({error.msg} at column {error.colno})") from None


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"line {number} is not UTF-8") from None


def _table(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        for row in rows:
            if None in row or None in row.values():
                raise ValueError(f"line {rows.line_num} has {'more' if None in row else 'fewer'} columns than the head")
            yield rows.line_num, row


PARQUET_ROWS = 1024
"""Rows of a Parquet file that are in memory as Python's objects at a time."""


def _parquet(path: Path) -> Iterator[tuple[int, Any]]:
    with pq.ParquetFile(path) as file:
        rows = (row for batch in file.iter_batches(PARQUET_ROWS) for row in batch.to_pylist())
        yield from enumerate(rows, start=1)


READERS: dict[str, Callable[[Path], Iterator[tuple[int, Any]]]] = {
    ".jsonl": _json_lines, ".jsonl.gz": _json_lines, ".csv": _table, ".tsv": _table, ".parquet": _parquet,
}  # fmt: skip
"""Ending of a file's name → its reader, which yields line (or row) and record."""


def mapped(fields: Mapping[str, str], known: Sequence[str], what: str = "a suite of this kind") -> dict[str, str]:
    """Return the column of each known field: its own name, unless `fields` maps it to another.

    what: whose fields they are, for the message.
    """
    if unknown := sorted(set(fields) - set(known)):
        raise ValueError(f"fields: {', '.join(unknown)}: {what} has {', '.join(known)}")
    return {name: fields.get(name, name) for name in known}
