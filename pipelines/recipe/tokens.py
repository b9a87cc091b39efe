"""The `tokens` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from desdecero.pipelines.recipe.base import Proportion, Section


class Share(Section):
    """How much a source gives to training."""

    weight: Annotated[float, Field(ge=1e-6, le=1e6)] | None = None
    """Its proportion of the training tokens. If one source has a weight, all must have one."""
    epochs: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """How often its text is trained on, at most; below 1, a part of it."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Maximum number of training tokens that it gives, repetitions included."""


class Reweight(Section):
    """Trains more often on the groups that the corpus has too little of."""

    by: str = "source"
    """What makes a group: `source`, `language`, `license`, or a metadata key of the documents."""
    target: Literal["uniform"] | Mapping[str, Proportion] = "uniform"
    """Share of the training text by group. Groups that are not named keep their proportions in what is left."""
    max_epochs: Annotated[float, Field(ge=1, le=1000)] = 4.0
    """How often any text is trained on, at most. Up to 4, repetition is about as good as new text (Muennighoff et al.
    2023)."""


class Tokens(Section):
    """How often each source is trained on, and how documents are laid into training sequences."""

    mixture: Mapping[str, Share] = {}
    """Source → its share. Sources that are not named give all their text, once. Validation text is never mixed."""
    reweight: Reweight | None = None
    """Balances groups of documents in place of `mixture`."""
    packing: Literal["concatenate", "best_fit"] = "concatenate"
    """`concatenate` cuts the stream of documents every `model.context_length` tokens; `best_fit` cuts no document that
    fits into a sequence, at the price of some padding (Ding et al. 2024). Validation text is always concatenated, so
    that losses compare. See docs/tokens.md."""
    block_length: Annotated[int, Field(ge=16)] | None = None
    """Tokens in a block of `best_fit`. It follows from the model, whatever is given; it is written out because the
    tokens' seal depends on it."""

    @model_validator(mode="after")
    def _one(self) -> Tokens:
        if self.mixture and self.reweight:
            raise ValueError("mixture and reweight both say how often a text is trained on: give one of them")
        return self
