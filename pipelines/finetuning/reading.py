"""Examples from records, and from plain text.

Task             Record
text             {"text": "…"}; or files of plain text, .txt and .md
chat             {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}, or
                 {"prompt": "…", "response": "…"}
classification   {"text": "…", "label": "…"}; several labels are a list, and `text_b` is the second text of a pair
tokens           {"text": "…", "spans": [{"start": 0, "end": 5, "label": "…"}]}; or brat's files (`brat.py`)

Whatever is wrong with an example raises `ValueError` with one sentence that names file and line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desdecero.eval_suites.tasks import records
from desdecero.eval_suites.tasks.records import Record
from desdecero.pipelines.corpus.sources.decoding import Undecodable, decode
from desdecero.pipelines.finetuning.brat import has_annotations, read_brat
from desdecero.pipelines.finetuning.example import Example, Message, Span, Task
from desdecero.pipelines.finetuning.spans import checked
from desdecero.pipelines.recipe.finetune_data import FinetuneData, HubSplits

FIELDS: dict[Task, tuple[str, ...]] = {
    "text": ("text",),
    "chat": ("messages", "prompt", "response"),
    "classification": ("text", "text_b", "label"),
    "tokens": ("text", "spans"),
}
"""Task → the fields of its records."""
PLAIN = (".txt", ".md")
ROLES = ("system", "user", "assistant")
PIECE = 2000
"""Characters that a piece of a text that is one file has at least, if the text goes on: a page of print. Shorter ones
would be single paragraphs, and what is measured on them is mostly how a text begins."""

Columns = Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """Examples, with the digest of what they come from."""

    examples: list[Example]
    sha256: str


def columns_of(task: Task, data: FinetuneData) -> Columns:
    """Return the column of each field of a task's records. Raises `ValueError` for a field that the task lacks."""
    known = FIELDS[task]
    given = {"text": data.text, "text_b": data.text_b or "", "label": data.label}
    fields = {**{name: column for name, column in given.items() if name in known}, **data.fields}
    return records.mapped(fields, known, f"an example of {task}")


def read_path(task: Task, path: Path, columns: Columns) -> Found:
    """Read the examples of a file or a folder. A folder with files of records in it is read for these alone."""
    if task == "tokens" and has_annotations(path):
        return Found(*read_brat(path))
    if task == "text" and (files := plain_files(path)):
        examples = [example for file in files for example in _plain(path, file)]
        return Found(examples, records.digest_of(path, files))
    data = records.read(path)
    return Found([_example(task, record, columns) for record in data.records], data.sha256)


def digest_path(task: Task, path: Path) -> str:
    """Return the digest that `read_path` would give the examples of a path."""
    if task == "tokens" and has_annotations(path):
        return read_brat(path)[1]
    if task == "text" and (files := plain_files(path)):
        return records.digest_of(path, files)
    return records.digest(path)


def read_split(task: Task, hub: HubSplits, split: str, columns: Columns) -> Found:
    """Read the examples of a split of a dataset of the Hub."""
    data = records.read_hub(hub.name, hub.config, split, hub.revision, named_labels=True)
    if not data.records:
        raise ValueError(f"{hub.name}: the split {split} is empty: name another one")
    return Found([_example(task, record, columns) for record in data.records], data.sha256)


# --- plain text --------------------------------------------------------------------------------------------------


def plain_files(path: Path) -> list[Path]:
    """Return the files of plain text that a path means; none where it means records, or nothing."""
    if path.is_file():
        return [path] if path.name.lower().endswith(PLAIN) else []
    found = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    if any(file.parent == path and file.name.lower().endswith(tuple(records.READERS)) for file in found):
        return []
    return [file for file in found if file.name.lower().endswith(PLAIN)]


def _plain(root: Path, file: Path) -> Iterator[Example]:
    """Yield a file of a folder as one example; a file that stands alone in pieces, so that some can be kept apart."""
    name = file.name if file == root else file.relative_to(root).as_posix()
    try:
        text, _ = decode(file.read_bytes())
    except Undecodable as error:
        raise ValueError(f"{name}: no text can be read from it ({error}): save it as UTF-8") from None
    if not text.strip():
        raise ValueError(f"{name}, line 1: the file is empty: write into it, or remove it")
    if file != root:
        yield Example(text=text.strip(), place=f"{name}, line 1")
        return
    for line, piece in _pieces(text):
        yield Example(text=piece, place=f"{name}, line {line}")


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut a text at blank lines into pieces of some length. Yields (number of the first line, piece)."""
    lines: list[str] = []
    first = size = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() and size >= PIECE:
            yield first, "\n".join(lines).strip()
            lines, size = [], 0
        elif line.strip() or lines:
            first = number if not lines else first
            lines.append(line)
            size += len(line) + 1
    if lines:
        yield first, "\n".join(lines).strip()


# --- records -----------------------------------------------------------------------------------------------------


def _example(task: Task, record: Record, columns: Columns) -> Example:
    return _READERS[task](record, columns)


def _text(record: Record, columns: Columns) -> Example:
    return Example(text=record.text(columns["text"]), place=record.place)


def _chat(record: Record, columns: Columns) -> Example:
    if record.values.get(columns["messages"]) is not None:
        messages = messages_of(record, columns["messages"])
        if messages[-1].role != "assistant":
            raise ValueError(
                f"{record.place}: the last message is of the {messages[-1].role}: there is no answer to learn from it: "
                "end with a message of the assistant, or take the record out"
            )
        return Example(messages=messages, place=record.place)
    if record.values.get(columns["prompt"]) is None and record.values.get(columns["response"]) is None:
        present = ", ".join(map(str, record.values)) or "none"
        raise ValueError(
            f"{record.place}: no field {columns['messages']!r}, nor {columns['prompt']!r} and {columns['response']!r} "
            f"(it has {present}): fix the record, or map the fields with `fields`"
        )
    asked, said = (record.text(columns[name]) for name in ("prompt", "response"))
    return Example(messages=(Message("user", asked), Message("assistant", said)), place=record.place)


def messages_of(record: Record, column: str) -> tuple[Message, ...]:
    """Return the conversation in a column: with a message of the user, and none of the system but the first."""
    given = record.values[column]
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ValueError(f"{record.place}: {column!r} is not a list of messages: write [{{role, content}}, …]")
    messages = tuple(_message(record.place, number, each) for number, each in enumerate(given, start=1))
    for number, message in enumerate(messages[1:], start=2):
        if message.role == "system":
            raise ValueError(f"{record.place}: message {number} is of the system: only the first one may be")
    if all(message.role != "user" for message in messages):
        raise ValueError(f"{record.place}: no message is of the user: begin with what is asked")
    return messages


def _message(place: str, number: int, given: Any) -> Message:
    if not isinstance(given, Mapping) or not {"role", "content"} <= set(given):
        raise ValueError(f"{place}: message {number} is not one with role and content: fix the record")
    role, content = given["role"], given["content"]
    if role not in ROLES:
        raise ValueError(f"{place}: message {number} has the role {role!r}: it must be {', '.join(ROLES)}")
    if not isinstance(content, str) or not content.strip():
        raise ValueError(f"{place}: message {number}, of the {role}, is empty or no text: fix it, or leave it out")
    return Message(role, content)


def _classified(record: Record, columns: Columns) -> Example:
    text, second = record.text(columns["text"]), columns["text_b"]
    text_b = record.text(second) if second else ""
    column = columns["label"]
    given = record.value(column)
    several = isinstance(given, Sequence) and not isinstance(given, str)
    labels = [_label(record.place, column, each) for each in (given if several else [given])]
    if len(set(labels)) < len(labels):
        raise ValueError(f"{record.place}: a label stands twice among {', '.join(labels)[:80]}: name each once")
    return Example(text=text, text_b=text_b, labels=tuple(sorted(labels)), place=record.place)


def _label(place: str, column: str, value: Any) -> str:
    """Return a label as text. A number with a fraction is none: a column of regression, or of numbers with gaps."""
    if not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(f"{place}: {column!r} is {value!r}: a label is a text or a whole number, or a list of them")
    return str(value)


def _tokens(record: Record, columns: Columns) -> Example:
    text, given = record.text(columns["text"]), record.value(columns["spans"])
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ValueError(
            f"{record.place}: {columns['spans']!r} is not a list of spans: write [{{start, end, label}}, …]"
        )
    spans = [_span(record.place, number, each) for number, each in enumerate(given, start=1)]
    return Example(text=text, spans=checked(spans, [record.place] * len(spans), text), place=record.place)


def _span(place: str, number: int, given: Any) -> Span:
    if not isinstance(given, Mapping) or not {"start", "end", "label"} <= set(given):
        raise ValueError(f"{place}: span {number} is not one with start, end and label: fix the record")
    start, end = given["start"], given["end"]
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in (start, end)):
        raise ValueError(f"{place}: span {number} goes from {start!r} to {end!r}: both must be numbers of characters")
    return Span(start, end, _label(place, "label", given["label"]))


_READERS: dict[Task, Callable[[Record, Columns], Example]] = {
    "text": _text, "chat": _chat, "classification": _classified, "tokens": _tokens,
}  # fmt: skip
