"""The records of .jsonl, .jsonl.gz, .csv and .parquet files, streamed: memory holds one record, or one batch.

A reader yields (place, fields) for a record, and (place, reason) for one that is damaged, and goes on behind it.
It raises `ValueError`, `OSError` or `EOFError` where the rest of the file cannot be read.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, decode

Record = tuple[str, dict[str, Any] | str]

TOO_LONG = f"longer than {MAX_RECORD_BYTES // 2**20} MB"


def read_jsonl(path: Path, text_field: str) -> Iterator[Record]:
    """One JSON object a line. Which fields it has may change from line to line, so `text_field` is not asked for."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        for number, line in _lines(cast(IO[bytes], file)):
            if line is None or line.strip():
                yield f"line {number}", _json_object(line)


def _json_object(line: bytes | None) -> dict[str, Any] | str:
    if line is None:
        return TOO_LONG
    try:
        value = json.loads(decode(line)[0], strict=False)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:  # no text at all; a number or a nesting without end
        return f"not JSON: {error}"
    return value if isinstance(value, dict) else f"not a JSON object but {type(value).__name__}"


def read_csv(path: Path, text_field: str) -> Iterator[Record]:
    """A header, then one record a row; separated by commas, semicolons, tabs or bars, whichever yields `text_field`."""
    csv.field_size_limit(MAX_RECORD_BYTES)
    with path.open("rb") as file:
        lines = (decode(line)[0] if line is not None else "" for _, line in _lines(file))
        header = next(lines, "")
        columns, delimiter = [], ","
        for delimiter in ",;\t|":
            columns = next(csv.reader([header], delimiter=delimiter), [])
            if text_field in columns:
                break
        else:
            raise ValueError(f"no column {text_field!r} in the header {header.strip()[:200]!r}: set text_field")
        rows = csv.DictReader(lines, fieldnames=columns, delimiter=delimiter)
        for row in rows:
            yield f"line {rows.line_num + 1}", row


def read_parquet(path: Path, text_field: str) -> Iterator[Record]:
    """The columns that hold text, numbers or truth values, in small batches."""
    from pyarrow import parquet, types  # here: a signature of sources must not wait for it

    with parquet.ParquetFile(path) as file:
        kinds = (types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean)
        columns = [field.name for field in file.schema_arrow if any(kind(field.type) for kind in kinds)]
        if text_field not in columns:
            have = ", ".join(f"{field.name}: {field.type}" for field in file.schema_arrow)
            raise ValueError(f"no text column {text_field!r} (it has {have}): set text_field")
        number = 0
        for batch in file.iter_batches(batch_size=128, columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """(number from 1, line); None stands for a line too long to hold, which is read past in pieces."""
    number = 0
    while line := file.readline(MAX_RECORD_BYTES):
        number += 1
        if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ValueError("UTF-16, which cannot be cut into lines: save it as UTF-8")
        if len(line) < MAX_RECORD_BYTES or line.endswith(b"\n"):
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_RECORD_BYTES)
        yield number, None
