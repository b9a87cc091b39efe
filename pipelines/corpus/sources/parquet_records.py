"""Rows of Parquet files, in small batches: the required columns, and of the others those that can be read.

An unreadable cell of a required column (a byte that is not UTF-8) is reported with its row, and the other rows are
read; in any other column it is left out. A damaged row group is reported, and reading continues with the next one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from desdecero.pipelines.corpus.sources.faults import reason_of
from desdecero.pipelines.corpus.sources.json_records import ReadRecord

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

BATCH = 32
"""Rows: even of whole books, a few dozen fit into memory."""


def read_parquet(file: Path | BinaryIO, columns: Sequence[str], wanted: Sequence[str]) -> Iterator[ReadRecord]:
    """Read the rows of a file. `columns` are those that hold a record's text, `wanted` all that the recipe names.

    Raises `ValueError` if a column of text is missing, and pyarrow's errors if the file cannot be opened.
    """
    from pyarrow import parquet  # lazy: a signature of sources must not wait for it

    with parquet.ParquetFile(file, page_checksum_verification=True) as table:
        _check(table.schema_arrow, columns)
        strict = [name for name in dict.fromkeys([*columns, *wanted]) if _kind(table.schema_arrow, name) is not None]
        others = [field.name for field in table.schema_arrow if field.name not in strict and not _is_bytes(field.type)]
        row = 0
        for group in range(table.num_row_groups):
            about = table.metadata.row_group(group)
            size = about.total_byte_size // max(1, about.num_rows)
            done = row
            try:
                for fields in _rows(table, group, strict, others):
                    done += 1
                    yield ReadRecord(f"row {done}", fields, size=size)
            except Exception as error:  # noqa: BLE001  pyarrow's errors have no common class
                row += about.num_rows
                yield ReadRecord(f"rows {done + 1}–{row}", reason_of(error), size=size * (row - done))
            row = max(row, done)


def _rows(
    table: parquet.ParquetFile, group: int, strict: Sequence[str], others: Sequence[str]
) -> Iterator[dict[str, Any] | str]:
    """Yield the rows of a row group, or why one cannot be read."""
    extra = _Extra(table, group, others)
    for batch in table.iter_batches(batch_size=BATCH, row_groups=[group], columns=list(strict)):
        more = extra.take(len(batch))
        for index, fields in enumerate(_cells(batch)):
            broken = {name: value for name, value in fields.items() if isinstance(value, Exception)}
            if broken:
                name, error = next(iter(broken.items()))
                yield f"the column {name!r} cannot be read: {reason_of(error)}"
            else:
                kept = {name: value for name, value in more[index].items() if not isinstance(value, Exception)}
                yield {**fields, **kept}


class _Extra:
    """The columns of a row group that the recipe does not name. An unreadable one is left out from there on."""

    def __init__(self, table: parquet.ParquetFile, group: int, names: Sequence[str]):
        self._streams = {
            name: table.iter_batches(batch_size=BATCH, row_groups=[group], columns=[name]) for name in names
        }

    def take(self, rows: int) -> list[dict[str, Any]]:
        """Return these columns of the next rows. A batch has the same number of rows in every column."""
        found: list[dict[str, Any]] = [{} for _ in range(rows)]
        for name, stream in list(self._streams.items()):
            try:
                batch = next(stream)
                if len(batch) != rows:
                    raise ValueError("another number of rows")
            except Exception:  # noqa: BLE001  pyarrow's errors have no common class
                del self._streams[name]
                continue
            for fields, cells in zip(found, _cells(batch), strict=True):
                fields.update(cells)
        return found


def _cells(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the rows of a batch; in place of a value that Python cannot hold, the error."""
    try:
        rows = batch.to_pylist()
    except Exception:  # noqa: BLE001  pyarrow's errors have no common class
        rows = [
            {name: _cell(column, index) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
            for index in range(len(batch))
        ]
    return [{name: _text(value) if type(value) is bytes else value for name, value in row.items()} for row in rows]


def _cell(column: pa.Array, index: int) -> Any:
    try:
        return column[index].as_py()
    except Exception as error:  # noqa: BLE001  pyarrow's errors have no common class
        return error


def _text(value: bytes) -> str | Exception:
    """Decode text in a column of bytes, as older writers have it."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        return error


def _check(schema: pa.Schema, columns: Sequence[str]) -> None:
    from pyarrow import types

    texts = (
        types.is_string, types.is_large_string, types.is_string_view, types.is_struct, types.is_dictionary,
        types.is_binary, types.is_large_binary, types.is_null,
    )  # fmt: skip
    have = ", ".join(f"{field.name}: {field.type}" for field in schema)[:500]
    for column in columns:
        kind = _kind(schema, column)
        if kind is None or not any(is_text(kind) for is_text in texts):
            raise ValueError(f"no text column {column!r} (it has {have}): set text_field")
        if schema.names.count(column) > 1:
            raise ValueError(f"two columns are called {column!r}: rename one")


def _kind(schema: pa.Schema, column: str) -> pa.DataType | None:
    """Return the type of a column; of `a.b`, that of the field `b` inside the column `a`, or of `a` if it has no
    fields."""
    for name in (column, column.partition(".")[0]):
        if schema.names.count(name):
            kind = schema.types[schema.names.index(name)]
            for part in column.split(".")[1:] if name != column else []:
                index = kind.get_field_index(part) if _is_struct(kind) else -1
                if index < 0:
                    return None
                kind = kind.field(index).type
            return kind
    return None


def _is_struct(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_struct(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))
