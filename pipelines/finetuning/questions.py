"""What an adapter is asked: the texts, pairs of texts, prompts or conversations of a file, without their answers.

    for question in read_questions("classification", Path("tickets.csv"), columns): ...

Records are those of `reading.py` without labels, spans and responses, and are yielded as they are read. Of plain text,
each file is one text, whose characters are counted as they stand in it. Whatever is wrong with a record raises
`ValueError` with one sentence that names file and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desdecero.eval_suites.tasks import records
from desdecero.eval_suites.tasks.records import Record
from desdecero.pipelines.finetuning.example import Message, Task
from desdecero.pipelines.finetuning.reading import Columns, messages_of, plain_files


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked, and the record that it stands in. What its task does not have is empty."""

    values: Mapping[str, Any]
    """All columns of the record; of a file of plain text, its name and its text."""
    column: str
    """The column that is asked about."""
    text: str = ""
    text_b: str = ""
    """The second of a pair of texts."""
    messages: tuple[Message, ...] = ()
    """A conversation; the last message is the user's."""
    place: str = ""
    """File and line, for messages."""


def read_questions(task: Task, path: Path, columns: Columns) -> Iterator[Question]:
    """Yield what the file, or the files of a folder, ask. Memory does not grow with the number of records.

    columns: the column of each field of the task's records
    """
    if files := plain_files(path):
        for file in files:
            record = _plain(path, file, columns["prompt" if task == "chat" else "text"])
            yield _question(task, record, columns)
        return
    for record in records.stream(path):
        yield _question(task, record, columns)


def _plain(root: Path, file: Path, column: str) -> Record:
    name = file.name if file == root else file.relative_to(root).as_posix()
    content = file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{name}, line {line}: not UTF-8: convert the file") from None
    return Record({"file": name, column: text}, f"{name}, line 1", name)


def _question(task: Task, record: Record, columns: Columns) -> Question:
    if task == "chat":
        return _conversation(record, columns)
    column, second = columns["text"], columns.get("text_b")
    text, text_b = _text(record, column), _text(record, second) if second else ""
    return Question(record.values, column, text, text_b, place=record.place)


def _conversation(record: Record, columns: Columns) -> Question:
    column = columns["messages"]
    if isinstance(record.values.get(column), str | None):
        column = columns["prompt"]
        return Question(record.values, column, messages=(Message("user", _text(record, column)),), place=record.place)
    messages = messages_of(record, column)
    if messages[-1].role != "user":
        raise ValueError(
            f"{record.place}: the last message is of the {messages[-1].role}: end with what the user asks, which is to "
            "be answered"
        )
    for message in messages:
        _check_characters(record, message.content)
    return Question(record.values, column, messages=messages, place=record.place)


def _text(record: Record, column: str) -> str:
    if record.values.get(column) is None:
        present = ", ".join(map(str, record.values)) or "none"
        raise ValueError(f"{record.place}: no column {column!r} (it has {present}): name the one to read with --text")
    text = record.text(column)
    _check_characters(record, text)
    return text


def _check_characters(record: Record, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{record.place}: the text has half of a pair of surrogates in it: fix the text") from None
