"""The `tokens` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from desdecero.pipelines.recipe.base import Proportion, Section

CANARY = "canary"
"""Source of canaries in the ledger of the tokens, and the beginning of their ids."""
MOST_COPIES = 100_000
"""Of all canaries together: some five million tokens."""


class Share(Section):
    """Amount of training text from one source."""

    weight: Annotated[float, Field(ge=1e-6, le=1e6)] | None = None
    """Its proportion of the training tokens. If one source has a weight, all must have one."""
    epochs: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Maximum number of times that its text is trained on; below 1, a part of the text."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Maximum number of training tokens that it gives, repetitions included."""


class Reweight(Section):
    """Trains more often on groups that are underrepresented in the corpus."""

    by: str = "source"
    """Key that defines the groups: `source`, `language`, `license`, or a metadata key of the documents."""
    target: Literal["uniform"] | Mapping[str, Proportion] = "uniform"
    """Share of the training text by group. Groups that are not named keep their proportions within the remaining
    share."""
    max_epochs: Annotated[float, Field(ge=1, le=1000)] = 4.0
    """Maximum number of times that any text is trained on. Up to 4, repetition is about as good as new text
    (Muennighoff et al. 2023)."""


class Canaries(Section):
    """Adds made-up personal data to the training tokens, to measure what a model learns by heart (Carlini et al. 2019).
    The model can then write them; they are in no split that it is evaluated on, and not in the corpus."""

    repetitions: Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(min_length=1, max_length=8)] = (
        1, 4, 16, 64,
    )  # fmt: skip
    """How often a canary stands in the training tokens; a group of canaries for each number."""
    each: Annotated[int, Field(ge=2, le=1000)] = 8
    """Canaries in a group. Fewer than 8 give no interval."""
    controls: Annotated[int, Field(ge=100, le=100_000)] = 1000
    """Texts of the same form that are never trained on, which canaries are ranked among. 1,000 show an exposure of up
    to 10 bits."""

    @model_validator(mode="after")
    def _check_repetitions(self) -> Canaries:
        if len(set(self.repetitions)) < len(self.repetitions):
            raise ValueError("repetitions: a number stands there twice: name each once")
        if (copies := self.each * sum(self.repetitions)) > MOST_COPIES:
            raise ValueError(f"{copies:,} copies of canaries are more than {MOST_COPIES:,}: lower repetitions, or each")
        return self


class Tokens(Section):
    """Sets how often each source is trained on, and how documents are packed into training sequences."""

    mixture: Mapping[str, Share] = {}
    """Source → its share. Sources that are not named give all their text once. Validation text is never mixed."""
    reweight: Reweight | None = None
    """Balances groups of documents in place of `mixture`."""
    packing: Literal["concatenate", "best_fit"] = "concatenate"
    """`concatenate` cuts the stream of documents every `model.context_length` tokens; `best_fit` cuts no document that
    fits into a sequence, at the cost of some padding (Ding et al. 2024). Validation text is always concatenated, so
    that losses are comparable. See docs/tokens.md."""
    block_length: Annotated[int, Field(ge=16)] | None = None
    """Tokens in a block of `best_fit`. It is derived from the model, and a given value is replaced; the resolved recipe
    shows it because the tokens' seal depends on it."""

    canaries: Canaries | None = None
    """Made-up personal data to be trained on and looked for in the audit. Absent: none."""

    @model_validator(mode="after")
    def _check_one(self) -> Tokens:
        if self.mixture and self.reweight:
            raise ValueError("mixture and reweight both set how often a text is trained on: give one of them")
        return self
