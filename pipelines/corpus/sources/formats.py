"""The records of .jsonl, .csv, .tsv and .parquet files, streamed: memory holds one record, or one batch.

A reader yields (place, fields) for a record, and (place, reason) for one that is damaged, and goes on behind it.
It raises `ValueError`, `OSError` or `EOFError` where the rest of the file cannot be read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG, Undecodable, decode
from pipelines.corpus.sources.streams import lines, open_stream

Record = tuple[str, dict[str, Any] | str]
_JSON = json.JSONDecoder(strict=False)


def read_jsonl(path: Path, text_columns: Sequence[str]) -> Iterator[Record]:
    """One JSON object a line. Which fields it has may change from line to line, so none is asked for."""
    with open_stream(path) as file:
        for number, line in lines(file):
            if line is None or line.strip():
                yield f"line {number}", _json_object(line)


def _json_object(line: bytes | None) -> dict[str, Any] | str:
    if line is None:
        return TOO_LONG
    try:
        value = _JSON.decode(decode(line)[0])
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:  # no text at all; a number or a nesting without end
        return f"not JSON: {error}"
    return value if isinstance(value, dict) else f"not a JSON object but {type(value).__name__}"


def read_csv(path: Path, text_columns: Sequence[str]) -> Iterator[Record]:
    """A header, then one record a row; separated by commas, semicolons, tabs or bars, whichever yields the columns.

    A row with more or fewer fields than the header is damaged: what it holds cannot be told apart.
    """
    csv.field_size_limit(MAX_RECORD_BYTES)
    with open_stream(path) as file:
        faults: list[Record] = []
        text = _text_lines(file, faults)
        header = next(text, "")
        columns, delimiter = [], ","
        for delimiter in ",;\t|":
            columns = next(csv.reader([header], delimiter=delimiter), [])
            if all(column in columns for column in text_columns):
                break
        else:
            missing = ", ".join(repr(column) for column in text_columns)
            raise ValueError(f"no column {missing} in the header {header.strip()[:200]!r}: set text_field")
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        while True:
            row = []
            try:
                row = next(rows)
            except StopIteration:
                break
            except csv.Error as error:  # the reader goes on with the next row
                faults.append((f"line {rows.line_num + 1}", f"not CSV: {error}"))
            yield from faults
            faults.clear()
            if len(row) == len(columns):
                yield f"line {rows.line_num + 1}", dict(zip(columns, row, strict=True))
            elif row:
                yield f"line {rows.line_num + 1}", f"{len(row)} fields below {len(columns)} columns"
        yield from faults


def _text_lines(file: io.BufferedReader, faults: list[Record]) -> Iterator[str]:
    """Decoded lines; one that is none is empty, and told among the faults."""
    for number, line in lines(file):
        try:
            yield f"{decode(line)[0]}\n" if line is not None else "\n"
        except Undecodable as error:
            faults.append((f"line {number}", str(error)))
            yield "\n"
        if line is None:
            faults.append((f"line {number}", TOO_LONG))


def read_parquet(path: Path, text_columns: Sequence[str]) -> Iterator[Record]:
    """All columns but those of bytes, in small batches."""
    from pyarrow import parquet, types  # here: a signature of sources must not wait for it

    with parquet.ParquetFile(path) as file:
        fields = {field.name: field.type for field in file.schema_arrow}
        texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_struct, types.is_dictionary)
        for column in text_columns:
            kind = fields.get(column, fields.get(column.partition(".")[0]))
            if kind is None or not any(is_text(kind) for is_text in texts):
                have = ", ".join(f"{name}: {kind}" for name, kind in fields.items())
                raise ValueError(f"no text column {column!r} (it has {have}): set text_field")
        columns = [name for name, kind in fields.items() if not (types.is_binary(kind) or types.is_large_binary(kind))]
        number = 0
        for batch in file.iter_batches(batch_size=32, columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
