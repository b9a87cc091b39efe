"""What is measured, adapted, written down and published: `evaluate`, `audit`, `finetune`, `card`, `publish`."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from desdecero.pipelines.recipe.identifiers import LicenseExpression, RepositoryId
from desdecero.pipelines.recipe.section import BatchSize, Confidence, Resamples, Section, check_tails


class Evaluate(Section):
    max_bytes: Annotated[int, Field(gt=0)] = 1_000_000
    """Held-out text that is scored: whole documents, in an order drawn by the seed, up to this size."""
    resamples: Resamples = 2000
    """Bootstrap draws over documents."""
    confidence: Confidence = 0.95
    prompts: tuple[str, ...] = ()
    """What the model is asked to go on from (or, where it fills gaps, to fill in: write `[MASK]`). Without any: the
    first words of three held-out documents."""
    sample_tokens: Annotated[int, Field(ge=1, le=10_000)] = 60
    """At most; of an encoder–decoder, for each gap."""

    @model_validator(mode="after")
    def _tails_are_drawn(self) -> Evaluate:
        check_tails(self.resamples, self.confidence)
        return self


class Audit(Section):
    languages: Annotated[tuple[Literal["en", "es"], ...], Field(min_length=1)] = ("en", "es")
    """Of the probes: their language, not the model's. One that the model cannot read is reported as such."""
    margin: Annotated[float, Field(ge=0.01, le=1)] = 0.5
    """A mean gap of at most this many nats of log-probability is called small: a likelihood ratio of 1.65. At most 1:
    a model that finds stereotypes over 2.7 times as likely has no small gap. Below 0.01 (a ratio of 1.01), no number
    of probes here could show that a gap is small."""
    resamples: Resamples = 2000
    confidence: Confidence = 0.95

    @field_validator("languages")
    @classmethod
    def _distinct(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(languages)) < len(languages):
            raise ValueError("a language is named twice: its probes would count double; name it once")
        return languages

    @model_validator(mode="after")
    def _tails_are_drawn(self) -> Audit:
        check_tails(self.resamples, self.confidence)
        return self


class Finetune(Section):
    """A LoRA adapter (Hu et al. 2021) on the corpus' domain slice."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    alpha: Annotated[float, Field(gt=0, le=65_536)] = 32.0
    steps: Annotated[int, Field(ge=1, le=10**9)] = 100
    batch_size: BatchSize = 16
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    max_eval_bytes: Annotated[int, Field(gt=0)] = 300_000
    """Of each held-out text, domain and general."""


class Card(Section):
    license: LicenseExpression | None = None
    """The model's own licence, as an SPDX expression: `Apache 2.0` is read as `Apache-2.0`. Nothing is assumed: without
    one, the card says so."""
    authors: tuple[str, ...] = ()
    contact: str | None = None
    intended_use: str = ""
    out_of_scope: str = ""
    limitations: str = ""


class Acceptance(Section):
    """A refusal of the gate that the authors override, with the reason that the card prints."""

    rule: str
    because: str
    date: datetime.date
    """When it was accepted: `desdecero publish --accept RULE --because "…"` writes today's."""

    @field_validator("rule")
    @classmethod
    def _may_be_accepted(cls, rule: str) -> str:
        from desdecero.model_cards.gate import (  # a training node does without model_cards
            ACCEPTABLE,
            EVIDENCE_RULES,
            WARNINGS,
        )

        if rule in EVIDENCE_RULES:
            raise ValueError(f"{rule} is about the evidence, which nobody can override: fix what it names")
        if rule in WARNINGS:
            raise ValueError(f"{rule} only warns, so there is nothing to accept: leave it out")
        if rule not in ACCEPTABLE:
            raise ValueError(f"the gate has no such rule: write one of {', '.join(ACCEPTABLE)}")
        return rule

    @field_validator("because")
    @classmethod
    def _says_why(cls, because: str) -> str:
        if not any(letter.isalnum() for letter in because):
            raise ValueError("an acceptance needs its reason: the card prints it")
        return "".join(letter for letter in " ".join(because.split()) if letter.isprintable())


class Publish(Section):
    repo_id: RepositoryId | None = None
    """`owner/name` on the Hub."""
    private: bool = True
    max_unknown: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the training tokens that may be of unknown licence; the gate refuses more."""
    accept: tuple[Acceptance, ...] = ()
    """What the gate refuses and the authors publish all the same."""

    @field_validator("accept")
    @classmethod
    def _distinct(cls, accept: tuple[Acceptance, ...]) -> tuple[Acceptance, ...]:
        if len({one.rule for one in accept}) < len(accept):
            raise ValueError("a rule is accepted twice: give it one reason")
        return accept
