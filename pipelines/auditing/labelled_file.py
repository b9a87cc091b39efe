"""Read the labelled texts that a classifier on the model's features is tried on.

    data = read_labelled(Path("questions.jsonl"), "text", "label", "audit.suites.swaps")
    data.texts, data.labels

Formats are those of `eval_suites/tasks/records.py`. Each text has one label.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desdecero.eval_suites.tasks.records import Record, read
from desdecero.pipelines.common.errors import UserError


@dataclass(frozen=True)
class LabelledTexts:
    """Texts, each with its label, and the digest of the file that they come from."""

    texts: list[str]
    labels: list[str]
    sha256: str


def read_labelled(path: Path, text: str, label: str, setting: str) -> LabelledTexts:
    """Read a file of records with a text and a label each, under these names; `setting` is where the recipe names them.

    Raises `UserError` for a missing, unreadable or empty file, a record without one of the fields, several labels of
    one text, and a file with one label alone.
    """
    try:
        data = read(path)
        texts = [record.text(text) for record in data.records]
        labels = [_label(record, label) for record in data.records]
        if len(set(labels)) < 2:
            raise ValueError(f"{path}: all texts have the label {labels[0]!r}: add texts with another")
    except ValueError as error:
        raise UserError(f"{setting}: {_one_sentence(str(error), setting)}") from None
    return LabelledTexts(texts, labels, data.sha256)


def _label(record: Record, field: str) -> str:
    value: Any = record.value(field)
    if not isinstance(value, str | int | float) or not str(value).strip():
        raise ValueError(
            f"{record.place}: field {field!r} is {str(value)[:60]!r}: a text has one label, a word or a number"
        )
    return str(value).strip()


def _one_sentence(message: str, setting: str) -> str:
    """Name the recipe's own settings for the names of fields, which are not under `fields` here."""
    return message.replace("map the field with `fields`", f"name its field in {setting}.text or .label")
