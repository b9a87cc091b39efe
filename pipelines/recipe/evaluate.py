"""The `evaluate` section."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from desdecero.pipelines.recipe.base import Confidence, Resamples, Section, check_tails


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
