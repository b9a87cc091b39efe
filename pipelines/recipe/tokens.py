"""The `tokens` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from desdecero.pipelines.recipe.base import Proportion, Section

VocabSize = Annotated[int, Field(ge=300, le=2_000_000)]
"""256 bytes and some tokens, at least; eight times the largest that are in use (Gemma's 262,144), at most."""


class Share(Section):
    """What a source gives to training."""

    weight: Annotated[float, Field(ge=1e-6, le=1e6)] | None = None
    """Its proportion of the training tokens; where one source has a weight, all must have one."""
    epochs: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Times that its text is trained on, at most; below 1, a part of it."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Training tokens that it gives, at most, repetitions included."""


class Reweight(Section):
    """Train more often on the groups that the corpus has too little of."""

    by: str = "source"
    """source, language, license, or a metadata key of the documents."""
    target: Literal["uniform"] | Mapping[str, Proportion] = "uniform"
    """Share of the training text by group; groups that are not named keep their proportions in what is left."""
    max_epochs: Annotated[float, Field(ge=1, le=1000)] = 4.0
    """Times that any text is trained on. Up to 4, repetition is about as good as new text (Muennighoff et al. 2023)."""


class Tokens(Section):
    mixture: Mapping[str, Share] = {}
    """Source → its share. Sources that are not named give all that they have, once. Held-out text is never mixed."""
    reweight: Reweight | None = None
    packing: Literal["concatenate", "best_fit"] = "concatenate"
    """`concatenate` cuts the stream of documents every `model.context_length` tokens; `best_fit` cuts no document that
    fits into a sequence, at the price of some padding (Ding et al. 2024). Held-out text is always concatenated, so that
    losses compare. `packing` in the tokens' report says what either way wastes and cuts; docs/tokens.md, which to take.
    """
    block_length: Annotated[int, Field(ge=16)] | None = None
    """Tokens in a block of `best_fit`: follows from the model whatever is given, and is written out here so that the
    tokens' seal knows of it."""

    @model_validator(mode="after")
    def _one(self) -> Tokens:
        if self.mixture and self.reweight:
            raise ValueError("mixture and reweight both say how often a text is trained on: give one of them")
        return self
