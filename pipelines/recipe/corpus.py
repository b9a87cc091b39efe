"""The `corpus` section: sources, steps, licences, and validation text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from desdecero.pipelines.recipe.base import WITHOUT_PLACES, ExamplePath, Section
from desdecero.pipelines.recipe.corpus_sources import Source
from desdecero.pipelines.recipe.corpus_steps import (
    Counterfactual,
    Decontamination,
    Deduplication,
    Language,
    Lines,
    PersonalData,
    Quality,
    Relevance,
    Spelling,
    Toxicity,
)


class Domain(Section):
    """A slice of the corpus that is kept out of pretraining, and on which `finetune` trains an adapter."""

    name: str
    """Name of the slice. The adapter is written to `adapters/<name>`."""
    where: Mapping[str, str]
    """Conditions that its documents meet: `source`, `path` or any metadata key → glob pattern. All must match."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the slice's documents that is kept for validation."""


class Licenses(Section):
    """Sets which licences the corpus may hold. The lists name SPDX expressions, families (`CC-BY-*`: all versions) or
    obligations (`non_commercial`, `no_derivatives`, …). Of an OR the best part counts, of an AND the worst
    (docs/licences.md)."""

    use: Literal["research", "commercial"] = "commercial"
    """Use of the model, by you or by those to whom its licence permits it: an open licence permits commercial use.
    Conflicts with the texts' licences are reported for this use and for `card.license`."""
    allowed: tuple[str, ...] = ()
    """If given, every other licence is denied."""
    denied: tuple[str, ...] = ()
    """Licences that the corpus may not hold; `if_denied` sets what happens to their texts."""
    review: tuple[str, ...] = ()
    """Licences that a person has to review; `if_review` sets what happens to their texts until then."""
    if_denied: Literal["drop", "quarantine"] = "drop"
    """`drop` keeps nothing of the text in the run; `quarantine` puts it aside in `corpus/dropped`."""
    if_review: Literal["keep", "quarantine"] = "keep"
    """`keep` keeps the text and lists it in the report; `quarantine` puts it aside in `corpus/dropped`."""
    if_unknown: Literal["keep", "drop", "quarantine"] = "keep"
    """Treatment of texts of unknown licence. `keep` counts them in the report."""

    @model_validator(mode="after")
    def _check_lists(self) -> Licenses:
        lists = {"allowed": self.allowed, "denied": self.denied, "review": self.review}
        for name, entries in lists.items():
            for other, others in lists.items():
                if other > name and (both := set(entries) & set(others)):
                    raise ValueError(f"{', '.join(sorted(both))} is both in {name} and in {other}: leave it in one")
        return self


class Corpus(Section):
    """Sources, the steps that process each document, licences, and validation text."""

    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    """Sources of the text, each with a `kind`."""
    max_bytes: Annotated[int, Field(gt=0)] | None = None
    """Stop reading after this many bytes of raw text."""
    lines: Lines | None = None
    language: Language | None = None
    spelling: Spelling | None = None
    quality: Quality = Quality()
    decontamination: Decontamination | None = None
    deduplication: Deduplication = Deduplication()
    engine: Literal["processes", "ray"] = "processes"
    """Process documents on this machine's cores, or on the Ray cluster that RAY_ADDRESS names. The result is the
    same."""
    personal_data: PersonalData = PersonalData()
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Share of the documents that is kept out of training, for validation: early stopping and `tokenizer.sweep` choose
    by it."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0
    """Share of the documents that nothing chooses by, and on which `evaluate` measures the finished model. With 0 there
    are none, and `evaluate` measures on validation text: its figures flatter a model that was chosen by that text."""
    domain: Domain | None = None
    licenses: Licenses = Licenses()
    blocklist: tuple[ExamplePath, ...] = ()
    """Lists of removed documents to leave out, besides `blocklist.jsonl` beside the run (see `desdecero forget`)."""
    relevance: Relevance | None = None
    toxicity: Toxicity | None = None
    counterfactual: Counterfactual | None = None

    @model_serializer(mode="wrap")
    def _leave_out_no_test(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        """Leave out a share of 0 where seals compare: a corpus from before there was this key is still the same."""
        content: dict[str, Any] = serialize(self)
        if info.context == WITHOUT_PLACES and not self.test:
            content.pop("test", None)
        return content

    @model_validator(mode="after")
    def _check_shares(self) -> Corpus:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation {self.validation:g} and test {self.test:g} leave nothing to train on: lower one of them"
            )
        return self

    @field_validator("sources")
    @classmethod
    def _check_distinct(cls, sources: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [source.name for source in sources]
        if len(set(names)) < len(names):
            raise ValueError(f"two sources have one name: give each its own `name` (now: {', '.join(names)})")
        return sources
