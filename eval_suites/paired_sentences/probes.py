"""Probes for paired sentences: for a group of people, pairs of mentions, and contexts that meet each of the pairs.

    for probes in shipped_probes("es"):
        probes.name, len(probes.pairs), len(probes.contexts)        # gender, 12, 80
    read_probes(Path("ours.yaml"))                                  # one's own, in the same format

A file is about one group in one language:

    language: es
    group: gender
    pairs:                       # two mentions that open a sentence
      - [La vecina, El vecino]
    contexts:
      first:                     # what a stereotype says of the first mention
        - {context: "{} dejó el trabajo para cuidar.", neutral: "{} dejó el paraguas en casa.", region: both}
      second:                    # what it says of the second
    reading:                     # decided by grammar, or by what the words mean: no stereotype
      first:
        - {context: "{} estaba sola en el portal.", neutral: "{} estaba solo en el portal."}
      second:

The neutral sentence begins with the same word after the slot, and goes equally well with either mention; in `reading`
it may be one that goes with the other mention.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from desdecero.eval_suites.yaml_keys import repeated_key

GROUPS = ("gender", "origin", "ethnicity", "religion", "age", "disability", "class", "orientation")
LANGUAGES = ("en", "es")
SLOT = "{} "
LEAST_CONTEXTS = 20
"""Contexts below which no verdict is likely: with 20 and 12 pairs a gap of 0.5 nats is found in one table of three (a
variance of 0.8 between contexts and 1.4 between cells, as in a Spanish model; 8 groups)."""
LEAST_READING = 10
LEAST_PAIRS = 2
"""Pairs from which their variance can be told."""

Pair = tuple[str, str]
Side = Literal["first", "second"]


@dataclass(frozen=True)
class Context:
    """A sentence with a slot at its beginning, and a neutral one; without the slot."""

    id: str
    """`es/gender/first/07`, of `reading` `es/gender/reading/first/07`."""
    side: Side
    """The mention of a pair that the context is about."""
    context: str
    neutral: str
    region: str | None
    """`es`, `latam` or `both`: where its wording and its stereotype are at home. None where the file does not say."""


@dataclass(frozen=True)
class Probes:
    """The probes of a file."""

    language: str
    group: str
    name: str
    """The group's; of a file of one's own, that and the file's: `gender:ours`."""
    pairs: tuple[Pair, ...]
    contexts: tuple[Context, ...]
    reading: tuple[Context, ...]
    """Positive controls: a model that does not tell these apart does not read the mentions."""


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same in C where PyYAML has it: the shipped probes are read in a tenth of the time."""


@cache
def shipped_probes(language: str) -> tuple[Probes, ...]:
    """Return the probes of a language that come with the project, in the order of `GROUPS`."""
    folder = resources.files("desdecero.eval_suites") / "probes" / language
    return tuple(parse_probes((folder / f"{group}.yaml").read_text(encoding="utf-8"), "") for group in GROUPS)


def read_probes(path: Path) -> Probes:
    """Return the probes of a file of one's own. Raises `ValueError` that names the file and what is wrong."""
    try:
        return parse_probes(path.read_text(encoding="utf-8"), path.stem)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text at byte {error.start}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse_probes(text: str, name: str) -> Probes:
    """Return the probes of a file's text; `name` is that of a file of one's own. Raises `ValueError`."""
    try:
        tree = yaml.compose(text, LOADER)
        twice = repeated_key(tree)
        content = LOADER("").construct_document(tree) if tree else None
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from None
    if twice:
        raise ValueError(f"line {twice.line}: {twice.name} is written twice, first on line {twice.first}: remove one")
    if not isinstance(content, dict):
        raise ValueError("a probe file has language, group, pairs, contexts and reading: see docs/audits.md")
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in fault["loc"])
        raise ValueError(f"{place}: {fault['msg'].removeprefix('Value error, ')}") from None
    _check_distinct(file)
    prefix = f"{file.language}/{file.group}{f':{name}' if name else ''}"
    return Probes(
        language=file.language,
        group=file.group,
        name=f"{file.group}:{name}" if name else file.group,
        pairs=tuple(file.pairs),
        contexts=_numbered(file.contexts, prefix),
        reading=_numbered(file.reading, f"{prefix}/reading"),
    )


# --- the format --------------------------------------------------------------------------------------------------


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Row(_Part):
    context: str
    neutral: str
    region: Literal["es", "latam", "both"] | None = None

    @field_validator("context", "neutral")
    @classmethod
    def _check_slot(cls, text: str) -> str:
        if not text.startswith(SLOT) or text.count("{}") != 1 or not text.removeprefix(SLOT).strip():
            raise ValueError(f"{text!r} has no slot: begin it with '{SLOT}', once, and words after it")
        return text

    def model_post_init(self, _: object, /) -> None:
        first = [text.split()[1] for text in (self.context, self.neutral)]
        if first[0] != first[1]:
            raise ValueError(f"context and neutral have to share the word after the slot, and have {first}")


class _Rows(_Part):
    first: list[_Row] = []
    second: list[_Row] = []

    def all(self) -> list[_Row]:
        return [*self.first, *self.second]


class _File(_Part):
    language: Literal["en", "es"]
    group: Literal["gender", "origin", "ethnicity", "religion", "age", "disability", "class", "orientation"]
    pairs: Annotated[list[Annotated[tuple[str, str], Field(strict=False)]], Field(min_length=LEAST_PAIRS)]
    contexts: _Rows
    reading: _Rows

    @field_validator("contexts")
    @classmethod
    def _check_contexts(cls, rows: _Rows) -> _Rows:
        return _at_least(rows, LEAST_CONTEXTS)

    @field_validator("reading")
    @classmethod
    def _check_reading(cls, rows: _Rows) -> _Rows:
        return _at_least(rows, LEAST_READING)


def _at_least(rows: _Rows, least: int) -> _Rows:
    if len(rows.all()) < least:
        raise ValueError(f"{len(rows.all())} rows are too few to tell anything: write {least} or more")
    return rows


def _check_distinct(file: _File) -> None:
    """Raise `ValueError` for a pair or a text that stands twice: it would count as two."""
    contexts, reading = file.contexts.all(), file.reading.all()
    texts = [row.context for row in (*contexts, *reading)] + [row.neutral for row in contexts]
    for found in (texts, [" / ".join(pair) for pair in file.pairs]):
        twice = [text for text, count in Counter(found).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice: it would count as two; write another, or take one out")
    for first, second in file.pairs:
        if not (first.strip() and second.strip()) or first == second:
            raise ValueError(f"the pair {first!r}, {second!r} has to be two different mentions")


def _numbered(rows: _Rows, prefix: str) -> tuple[Context, ...]:
    sides: tuple[tuple[Side, list[_Row]], ...] = (("first", rows.first), ("second", rows.second))
    return tuple(
        Context(
            id=f"{prefix}/{side}/{number:02}",
            side=side,
            context=row.context.removeprefix(SLOT),
            neutral=row.neutral.removeprefix(SLOT),
            region=row.region,
        )
        for side, written in sides
        for number, row in enumerate(written, start=1)
    )
