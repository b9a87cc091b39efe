"""The examples to fine-tune on: read, checked, and divided into those to train, to choose and to measure on.

The whole of the data is held in memory; while texts are compared, they take 210 bytes a word more (20,000 texts of 109
words: 0.45 GB, and five seconds on a core).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.finetuning.cutting import cut, ordered
from desdecero.pipelines.finetuning.example import Example, Examples, Message, Span, Task
from desdecero.pipelines.finetuning.overlap import common, count_in_corpus, folded
from desdecero.pipelines.finetuning.personal_data import Redactor, count_personal_data
from desdecero.pipelines.finetuning.reading import Columns, Found, columns_of, digest_path, read_path, read_split
from desdecero.pipelines.recipe.finetune_data import FinetuneData

__all__ = [
    "Example",
    "Examples",
    "Message",
    "Span",
    "Task",
    "count_in_corpus",
    "count_personal_data",
    "digest",
    "read_examples",
]


def read_examples(task: Task, data: FinetuneData, seed: int) -> Examples:
    """Read the examples of a task. Raises `UserError` for whatever is wrong with them, by file and line."""
    try:
        return _examples(task, data, seed)
    except ValueError as error:
        raise UserError(str(error)) from None


def _examples(task: Task, data: FinetuneData, seed: int) -> Examples:
    parts = _read(task, data, columns_of(task, data))
    whole = _whole({name: found.sha256 for name, found in parts.items()})
    given = {name: found.examples for name, found in parts.items()}
    if data.personal_data == "redact":
        redactor = Redactor()
        given = {name: [redactor.redact(example) for example in examples] for name, examples in given.items()}
    several = any(len(example.labels) != 1 for examples in given.values() for example in examples)
    if task in ("classification", "tokens"):
        _check_labels(task, given)
    if "test" in given:
        train, test = ordered(given["train"], seed), given["test"]
    else:
        train, test = cut(given["train"], data.test_share, seed)
        if not test:
            raise ValueError(
                f"{given['train'][0].place}: no part of the data can be cut off to measure on, because "
                f"{_why_whole(given['train'])}: add examples, or name a test file"
            )
    validation = given.get("validation", [])
    found, in_training = common(
        [example.content for example in test], [example.content for example in (*train, *validation)]
    )
    dropped = Counter(found.values())
    kept = [number not in found for number in range(len(train) + len(validation))]
    train, validation = (
        [example for example, keep in zip(train, kept[: len(train)], strict=True) if keep],
        [example for example, keep in zip(validation, kept[len(train) :], strict=True) if keep],
    )
    if isinstance(data.validation, float):
        train, validation = cut(train, data.validation, seed)
    _check_parts(task, train, validation, test)
    return Examples(
        task=task, train=train, validation=validation, test=test,
        labels=tuple(sorted({label for example in train for label in example.kinds})),
        several=several and task == "classification", sha256=whole,
        dropped={reason: dropped[reason] for reason in ("exact", "near")}, in_training=tuple(sorted(in_training)),
    )  # fmt: skip


def digest(task: Task, data: FinetuneData) -> str | None:
    """Return the digest that the examples would have, without reading them; None for a dataset of the Hub."""
    if data.hub is not None:
        return None
    paths = {"train": data.train, "test": data.test, "validation": data.validation}
    found = {name: digest_path(task, Path(path)) for name, path in paths.items() if isinstance(path, str)}
    return _whole(found)


def _whole(digests: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{name} {found}\n" for name, found in digests.items()).encode()).hexdigest()


def _read(task: Task, data: FinetuneData, columns: Columns) -> dict[str, Found]:
    """Return the parts of the data that have files, or splits, of their own."""
    parts = {}
    if data.hub is not None:
        parts["train"] = read_split(task, data.hub, data.hub.train, columns)
        if data.hub.test is not None:
            parts["test"] = read_split(task, data.hub, data.hub.test, columns)
    if data.train is not None:
        parts["train"] = read_path(task, Path(data.train), columns)
    if data.test is not None:
        parts["test"] = read_path(task, Path(data.test), columns)
    if isinstance(data.validation, str):
        parts["validation"] = read_path(task, Path(data.validation), columns)
    return parts


def _why_whole(examples: Sequence[Example]) -> str:
    if len(examples) == 1:
        return "it is one example"
    if len({folded(example.content) for example in examples}) == 1:
        return "all examples are the same text"
    return "its examples are copies or near copies of each other, or no label has two that are not"


# --- labels ------------------------------------------------------------------------------------------------------


def _check_labels(task: Task, given: dict[str, list[Example]]) -> None:
    """Raise `ValueError` for labels that are meant to be one, for one that nothing is compared with, and for a label
    that cannot be learned.

    Spans may have labels that stand in the test alone (`Examples.untrained`): published splits have such rare ones, as
    MEDDOCAN's, and a model misses these spans, which counts against it. A text to classify has no right answer then.
    """
    first: dict[str, tuple[str, str]] = {}
    for example in (example for examples in given.values() for example in examples):
        for label in sorted(example.kinds):
            other, place = first.setdefault(folded(label), (label, example.place))
            if other != label:
                raise ValueError(
                    f"{example.place}: the label {label!r} differs from {other!r} ({place}) only in case or blanks: "
                    "write both the same way"
                )
    known = {label for example in given["train"] for label in example.kinds}
    place = given["train"][0].place
    if not known:
        what = "span" if task == "tokens" else "label"
        raise ValueError(f"{place}: no example has a {what}: there is nothing to learn: add some")
    if task == "classification" and len(known) == 1 and all(example.labels for example in given["train"]):
        (label,) = known
        raise ValueError(f"{place}: all examples to train on have the label {label!r}: there is nothing to tell apart")
    if task == "classification":
        _check_known(known, (example for name in ("test", "validation") for example in given.get(name, [])))


def _check_known(known: set[str], examples: Iterable[Example], left: str = "") -> None:
    for example in examples:
        for label in sorted(example.kinds - known):
            raise ValueError(
                f"{example.place}: no example to train on has the label {label!r}{left}: add some, or fix the label"
            )


def _check_parts(task: Task, train: list[Example], validation: list[Example], test: list[Example]) -> None:
    """Raise `ValueError` if too little was left to train on when the texts of the test were taken out."""
    left = " once those whose text stands in the test are left out"
    if not train:
        raise ValueError(f"{test[0].place}: no example to train on is left{left}: add others")
    known = {label for example in train for label in example.kinds}
    if task != "classification":
        return
    _check_known(known, (*test, *validation), left)
    if len(known) == 1 and all(example.labels for example in train):
        raise ValueError(f"{train[0].place}: one label is left to train on{left}: add examples of others")
