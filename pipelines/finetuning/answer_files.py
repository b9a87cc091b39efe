"""Files of answers, written as the answers come: JSONL, CSV, TSV and Parquet.

Lists and mappings stand as JSON in the cells of CSV and TSV. These two and Parquet have the columns of the first
answers: one that only later answers have is refused. A file replaces another of its name once it is complete.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from desdecero.pipelines.common.errors import UserError

Answer = Mapping[str, Any]
TYPES: Mapping[str, pa.DataType] = {
    "labels": pa.list_(pa.string()),
    "spans": pa.list_(
        pa.struct(
            [("start", pa.int64()), ("end", pa.int64()), ("label", pa.string()), ("probability", pa.float64())],
        )
    ),
}
"""Types of answers that may be empty, and would not show it."""
Answers = Iterable[Sequence[Answer]]
"""Answers, some at a time."""


def check_out(out: Path, read: Path) -> None:
    """Raise `UserError` for a file that cannot be written, or that is the one that is read."""
    if not _writer(out):
        raise UserError(f"--out {out}: answers are written to {' '.join(WRITERS)} files: name one of them")
    if out.is_dir() or not out.absolute().parent.is_dir():
        what = "is a folder" if out.is_dir() else "is in a folder that does not exist"
        raise UserError(f"--out {out} {what}: name a file to write, as in answers.jsonl")
    if out.exists() and read.exists() and out.samefile(read):
        raise UserError(f"--out {out} is the file that is read: name another one")


def write_answers(answers: Answers, out: Path) -> None:
    """Write answers to a file, of the form that its name ends in."""
    partial, write = out.with_name(out.name + ".partial"), _writer(out)
    assert write is not None, "`check_out` has looked"
    try:
        write(answers, partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def write_lines(answers: Answers, file: TextIO) -> None:
    """Write answers as JSON, one a line."""
    for some in answers:
        for answer in some:
            file.write(json_line(answer) + "\n")
        file.flush()


def json_line(value: Any) -> str:
    """Return a value as JSON in UTF-8. Half of a pair of surrogates is escaped; a value unknown to JSON is its text."""
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace").decode("utf-8")


def _json_lines(answers: Answers, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        write_lines(answers, file)


def _separated(answers: Answers, path: Path, delimiter: str) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        for number, (columns, some) in enumerate(_with_columns(answers)):
            if not number:
                writer.writerow(columns)
            writer.writerows([_cell(answer.get(column)) for column in columns] for answer in some)


def _cell(value: Any) -> Any:
    return json_line(value) if isinstance(value, list | tuple | Mapping) else value


def _commas(answers: Answers, path: Path) -> None:
    _separated(answers, path, ",")


def _tabs(answers: Answers, path: Path) -> None:
    _separated(answers, path, "\t")


def _parquet(answers: Answers, path: Path) -> None:
    writer = None
    try:
        for _, some in _with_columns(answers):
            try:
                rows = [dict(answer) for answer in some]
                if writer is None:
                    writer = pq.ParquetWriter(path, _schema(pa.Table.from_pylist(rows).schema))
                writer.write_table(pa.Table.from_pylist(rows, writer.schema))
            except (pa.ArrowException, UnicodeEncodeError) as error:
                raise UserError(
                    f"the answers have no common form, as Parquet needs ({str(error).splitlines()[0]}): write them to "
                    "a .jsonl file"
                ) from None
    finally:
        if writer is not None:
            writer.close()


def _schema(found: pa.Schema) -> pa.Schema:
    """Return the types of columns as the first answers have them; what these leave open are texts."""
    columns = ((field.name, pa.string() if field.type == pa.null() else field.type) for field in found)
    return pa.schema([(name, TYPES.get(name, kind)) for name, kind in columns])


def _with_columns(answers: Answers) -> Iterator[tuple[list[str], Sequence[Answer]]]:
    """Yield the columns of the first answers with each of the answers. Raises `UserError` for another column."""
    columns = list[str]()
    for some in answers:
        columns = columns or list(dict.fromkeys(column for answer in some for column in answer))
        if others := sorted({column for answer in some for column in answer} - set(columns)):
            raise UserError(
                f"the column {others[0]!r} is in some records only, and the first ones lack it: write the answers to a "
                ".jsonl file"
            )
        yield columns, some


def _writer(path: Path) -> Callable[[Answers, Path], None] | None:
    return next((writer for ending, writer in WRITERS.items() if path.name.lower().endswith(ending)), None)


WRITERS: dict[str, Callable[[Answers, Path], None]] = {
    ".jsonl": _json_lines, ".csv": _commas, ".tsv": _tabs, ".parquet": _parquet,
}  # fmt: skip
"""Ending of a file's name → its writer."""
