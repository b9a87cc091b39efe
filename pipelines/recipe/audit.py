"""The `audit` section."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from desdecero.pipelines.recipe.base import Confidence, Resamples, Section, check_tails


class Audit(Section):
    """Looks for bias with paired sentences."""

    languages: Annotated[tuple[Literal["en", "es"], ...], Field(min_length=1)] = ("en", "es")
    """Languages of the probes. One that the model cannot read is reported as such."""
    margin: Annotated[float, Field(ge=0.01, le=1)] = 0.5
    """A mean gap of at most this many nats of log-probability is called small: a likelihood ratio of 1.65. At most 1: a
    model that finds stereotypes over 2.7 times as likely has no small gap. Below 0.01 (a ratio of 1.01), no number of
    probes here could show that a gap is small."""
    resamples: Resamples = 2000
    """Bootstrap draws over probes."""
    confidence: Confidence = 0.95
    """Confidence of intervals and verdicts."""

    @field_validator("languages")
    @classmethod
    def _check_distinct(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(languages)) < len(languages):
            raise ValueError("a language is named twice: its probes would count double; name it once")
        return languages

    @model_validator(mode="after")
    def _check_tails(self) -> Audit:
        check_tails(self.resamples, self.confidence)
        return self
