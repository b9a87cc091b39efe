"""Domain packs: what a model of a domain is trained on, measured by, tested with, and not to be used for.

    pack = domain("health")                          # one pack; `UserError` for a name that there is none of
    for name, pack in domains().items(): ...         # all of them, by name

A pack is a YAML file in `pipelines/recipes/domains/`, read and checked as `Domain`. It downloads nothing: it names
datasets of the Hub and the form that a data file of one's own has. Whatever people read stands in English and Spanish.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import AfterValidator, Field, model_validator

from desdecero.model_cards.words import Language
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.base import Section

Task = Literal["text", "chat", "classification", "tokens"]
Metric = Literal["bits_per_byte", "answer_loss", "accuracy", "macro_f1", "span_f1"]
Column = Literal["text", "text_b", "label", "spans", "messages", "prompt", "response"]
Risk = Literal["prohibited", "high_risk", "limited_risk", "minimal_risk"]
Group = Literal["names", "gender", "origin"]

FORMS: Mapping[Task, tuple[frozenset[Column], ...]] = {
    "text": (frozenset({"text"}),),
    "chat": (frozenset({"messages"}), frozenset({"prompt", "response"})),
    "classification": (frozenset({"text", "label"}), frozenset({"text", "text_b", "label"})),
    "tokens": (frozenset({"text", "spans"}),),
}
"""Task → the sets of columns that its data file may have."""
METRICS: Mapping[Task, frozenset[Metric]] = {
    "text": frozenset({"bits_per_byte"}),
    "chat": frozenset({"answer_loss"}),
    "classification": frozenset({"accuracy", "macro_f1"}),
    "tokens": frozenset({"span_f1"}),
}
TAGGED_WORDS = frozenset({"tokens", "tags"})
"""Columns of a Hub dataset whose texts come as words with a BIO tag each, from which spans are made."""
PARQUET = "refs/convert/parquet"
"""Branch that the Hub makes of a dataset with a loading script; datasets 5 runs no such script."""
FEWEST_EXAMPLES, MOST_EXAMPLES = 4, 8

Text = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]
"""Text of one line."""


def _spdx(expression: str) -> str:
    from desdecero.pipelines.licenses.names import spdx  # a node that only trains has no library of licences

    if spdx(expression) != expression:
        raise ValueError(f"not an SPDX expression in SPDX's spelling: {expression}")
    return expression


def _below(path: str) -> str:
    if not path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"not a path below a folder: {path!r}")
    return path


PathBelow = Annotated[str, AfterValidator(_below)]
License = Annotated[str, AfterValidator(_spdx)]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class Bilingual(Section):
    """Text in the languages that people read."""

    en: Text
    es: Text

    def read_in(self, language: Language) -> str:
        """Return the text in a language."""
        return self.en if language == "en" else self.es


class HubSet(Section):
    """Dataset of the Hub.

    Its licence was read at its origin, the authors' own page or repository: mirrors and the Hub's metadata differ.
    """

    name: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    config: str | None = None
    splits: Annotated[tuple[Text, ...], Field(min_length=1)]
    revision: str | None = None
    """None: the main branch."""
    columns: Mapping[str, Text]
    """Column of the pack's form → its name in the dataset."""
    labels: Mapping[str, Text] = {}
    """What the dataset's labels mean, where it has numbers and no names for them."""
    languages: Annotated[tuple[LanguageCode, ...], Field(min_length=1)]
    license: License


class LocalSet(Section):
    """Data that is at hand without a network."""

    path: PathBelow | None = None
    """Below the folder in DESDECERO_DATA; None: made from the documentation of installed packages."""
    where: Mapping[str, str] = {}
    """Fields of a record and the values that it must have."""
    task: Task | None = None
    """Task that it serves, where that is not the pack's."""
    languages: Annotated[tuple[LanguageCode, ...], Field(min_length=1)]
    license: License | None = None
    """None: each package has its own."""
    about: Bilingual


class Use(Section):
    """Category of a typical use under Regulation (EU) 2024/1689, with the article or annex that says so."""

    category: Risk
    about: Bilingual


class Span(Section):
    """Part of a text: from the character `start` up to `end`, which is not part of it."""

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    label: Text


class Message(Section):
    """Turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(min_length=1)]


class Line(Section):
    """Line of a data file. It has the columns of its pack's form, and no others."""

    text: Annotated[str, Field(min_length=1)] | None = None
    text_b: Annotated[str, Field(min_length=1)] | None = None
    label: Text | None = None
    spans: tuple[Span, ...] | None = None
    messages: Annotated[tuple[Message, ...], Field(min_length=2)] | None = None
    prompt: Annotated[str, Field(min_length=1)] | None = None
    response: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _spans_are_words_of_the_text(self) -> Line:
        text, end = self.text or "", 0
        for span in self.spans or ():
            if not end <= span.start < span.end <= len(text):
                raise ValueError(f"span {span.start}–{span.end} is empty, not in the text, or overlaps the one before")
            marked = text[span.start : span.end]
            around = text[max(span.start - 1, 0) : span.start] + text[span.end : span.end + 1]
            if marked != marked.strip() or any(map(str.isalnum, around)):
                raise ValueError(f"span {span.start}–{span.end} cuts a word or has a space at its end: {marked!r}")
            end = span.end
        return self

    def record(self) -> dict[str, Any]:
        """Return the columns that the line has, as they stand in a JSONL file."""
        return self.model_dump(mode="json", exclude_none=True)


Pair = Annotated[tuple[Text, Text], Field()]
Pairs = Annotated[tuple[Pair, ...], Field(min_length=1)]


class Swaps(Section):
    """Words to exchange in test texts, in either direction, to see whether the prediction changes.

    Spanish nouns come with their article, so that what is exchanged still agrees with it. An adjective further on may
    not: a text in which it does not is better left out of the comparison.
    """

    en: Pairs
    es: Pairs

    def read_in(self, language: Language) -> tuple[tuple[str, str], ...]:
        """Return the pairs of a language."""
        return self.en if language == "en" else self.es


class Domain(Section):
    """Domain pack: task, data form, metric, datasets, word exchanges, example lines, and the limits of its use."""

    title: Bilingual
    purpose: Bilingual
    """One line."""
    task: Task
    metric: Metric
    form: Mapping[Column, Bilingual]
    """Column of the data file → what it holds."""
    sets: Annotated[tuple[HubSet, ...], Field(min_length=1)]
    local: tuple[LocalSet, ...] = ()
    swaps: Mapping[Group, Swaps]
    examples: Mapping[Language, tuple[Line, ...]]
    """Language → lines of the data form, invented: no real person is in them."""
    eu_ai_act: Annotated[tuple[Use, ...], Field(min_length=1)]
    """Typical uses; the first one is that of the task itself."""
    not_for: Annotated[tuple[Bilingual, ...], Field(min_length=1)]
    note: Bilingual
    """Note on the risks, for the card."""

    def read_in(self, language: Language) -> dict[str, Any]:
        """Return what the card of an adapter says of the pack, in a language; `pairs` has the first words that are
        exchanged of each group, in each language."""
        return {
            "title": self.title.read_in(language),
            "note": self.note.read_in(language),
            "uses": [{"category": use.category, "about": use.about.read_in(language)} for use in self.eu_ai_act],
            "not_for": [use.read_in(language) for use in self.not_for],
            "pairs": {
                group: {other: words.read_in(other)[0] for other in get_args(Language)}
                for group, words in self.swaps.items()
            },
        }

    @property
    def languages(self) -> tuple[Language, ...]:
        """Languages that the pack has examples in."""
        return tuple(self.examples)

    @model_validator(mode="after")
    def _form_and_metric_suit_the_task(self) -> Domain:
        if frozenset(self.form) not in FORMS[self.task]:
            raise ValueError(f"form: a {self.task} file has other columns than {', '.join(self.form)}")
        if self.metric not in METRICS[self.task]:
            raise ValueError(f"metric: {self.metric} is no measure of the task {self.task}")
        for one in self.sets:
            tagged = self.task == "tokens" and one.columns.keys() == TAGGED_WORDS
            if one.columns.keys() != self.form.keys() and not tagged:
                raise ValueError(f"sets: {one.name} maps other columns than those of the form")
        return self

    @model_validator(mode="after")
    def _examples_have_the_form(self) -> Domain:
        lines = [line for of_language in self.examples.values() for line in of_language]
        if not FEWEST_EXAMPLES <= len(lines) <= MOST_EXAMPLES or not all(self.examples.values()):
            raise ValueError(f"examples: {FEWEST_EXAMPLES} to {MOST_EXAMPLES}, and some in each language")
        if not all(line.record().keys() == self.form.keys() for line in lines):
            raise ValueError(f"examples: each line has the columns {', '.join(self.form)}, and no others")
        for language, of_language in self.examples.items():
            if self.task == "classification" and len({line.label for line in of_language}) < 2:
                raise ValueError(f"examples: two labels and more in {language}")
            if self.task == "tokens" and not any(line.spans for line in of_language):
                raise ValueError(f"examples: one line and more with a span in {language}")
        return self

    @model_validator(mode="after")
    def _swaps_are_whole(self) -> Domain:
        if missing := set(get_args(Group)) - set(self.swaps):
            raise ValueError(f"swaps: {', '.join(sorted(missing))} missing")
        languages: tuple[Language, ...] = get_args(Language)
        for language in languages:
            words = list(self._words(language))
            if twice := sorted({word for word in words if words.count(word) > 1}):
                raise ValueError(f"swaps: {', '.join(twice)} twice in {language}: it could be exchanged for two words")
        return self

    def _words(self, language: Language) -> Iterator[str]:
        for group in self.swaps.values():
            for pair in group.read_in(language):
                yield from map(str.casefold, pair)


def domain(name: str) -> Domain:
    """Return the pack of a name; raise `UserError` with the nearest name if there is none."""
    _check_name(name)
    return domains()[name]


def task_of(name: str) -> str:
    """Return the task of a pack, without reading the rest of it; raises as `domain` does."""
    _check_name(name)
    return str(yaml.safe_load(_files()[name].read_text(encoding="utf-8"))["task"])


def domains() -> dict[str, Domain]:
    """Return the packs that come with the project: name → pack, in the order of their names."""
    return dict(_packs())


def _check_name(name: str) -> None:
    names = _files()
    if name not in names:
        near = difflib.get_close_matches(name.lower(), names, n=1)
        raise UserError(f"no domain {name!r}: " + (f"did you mean {near[0]}?" if near else f"name {_listed(names)}"))


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


@functools.cache
def _packs() -> Mapping[str, Domain]:
    texts = {name: file.read_text(encoding="utf-8") for name, file in _files().items()}
    return {name: Domain.model_validate(yaml.safe_load(text)) for name, text in texts.items()}


@functools.cache
def _files() -> Mapping[str, Any]:
    """Return the files of the packs by name: readable resources."""
    folder = resources.files("desdecero.pipelines") / "recipes" / "domains"
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".yaml")), key=lambda item: item.name)
    return {file.name.removesuffix(".yaml"): file for file in files}
