"""The `evaluate` section."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from desdecero.pipelines.recipe.base import Confidence, Resamples, Section, check_tails


class Evaluate(Section):
    """Measures the model on validation text."""

    max_bytes: Annotated[int, Field(gt=0)] = 1_000_000
    """Validation text that is scored: whole documents, in an order drawn with the seed, up to this size."""
    resamples: Resamples = 2000
    """Bootstrap draws over documents."""
    confidence: Confidence = 0.95
    """Confidence of the intervals."""
    prompts: tuple[str, ...] = ()
    """Texts that the model continues (or fills in, if it fills gaps: write `[MASK]`). Default: the first words of three
    validation documents."""
    sample_tokens: Annotated[int, Field(ge=1, le=10_000)] = 60
    """Maximum number of tokens in a sample; for an encoder–decoder, in each gap."""

    @model_validator(mode="after")
    def _check_tails(self) -> Evaluate:
        check_tails(self.resamples, self.confidence)
        return self
