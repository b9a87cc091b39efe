"""The `model` section."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from desdecero.eval_suites.models.kinds import Objective
from desdecero.pipelines.recipe.architectures import ROTARY, SHAPED, check_overrides, objective_of
from desdecero.pipelines.recipe.base import Section

SHAPE = ("size", "layers", "hidden_size", "heads", "intermediate_size", "dropout")
"""Keys of `model` that apply to the architectures in `SHAPED` only."""


def parse_size(size: str) -> tuple[int | None, int | None]:
    """Return (parameters, depth), one of which is None. Raises `ValueError` for anything that is not a size."""
    if depth := re.fullmatch(r"d(\d{1,3})", size):
        return None, int(depth[1])
    parameters = re.fullmatch(r"(\d+(?:\.\d+)?)([MB])", size)
    if not parameters or not float(parameters[1]):
        raise ValueError("a size is a number of parameters, as in 5M or 1.2B, or a depth, as in d12")
    return round(float(parameters[1]) * {"M": 1e6, "B": 1e9}[parameters[2]]), None


class Model(Section):
    """Architecture and size of the model."""

    architecture: str = "llama"
    """`llama`, `qwen3` and `gpt2` continue a text; `bert` and `modernbert` fill gaps in one; `t5`, an encoder–decoder
    of version 1.1, fills gaps of several words. `qwen3` is `llama` with normalised queries and keys; `modernbert` is
    `bert` with rotary positions, gated units and, in most layers, local attention. Or another model type of
    transformers (`olmo2`, `roberta`, …), whose shape is then given in `overrides`."""
    overrides: Mapping[str, Any] = {}
    """Values of transformers' configuration, by its own names (`num_key_value_heads: 2`). They take precedence over all
    others."""
    size: str | None = None
    """Total parameters (`5M`, `1.2B`) or depth (`d12`). Layers, widths, heads, context length, vocabulary, batch size,
    learning rates and weight decay are derived from it. Values that the recipe gives take precedence; the resolved
    recipe shows the rest. See docs/models.md."""
    layers: Annotated[int, Field(ge=1, le=1024)] = 4
    """Transformer layers; for `t5`, in the encoder and in the decoder each."""
    hidden_size: Annotated[int, Field(ge=8, le=131_072)] = 256
    """Width of the hidden states."""
    heads: Annotated[int, Field(ge=1, le=4096)] = 4
    """Attention heads in a layer."""
    intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)] | None = None
    """Width inside the feed-forward layers. Default: four times the hidden size, or 8/3 of it with gated units, which
    all but `gpt2` and `bert` have (Shazeer 2020, §3)."""
    context_length: Annotated[int, Field(ge=16, le=10_000_000)] = 256
    """Tokens in a training sequence, and positions that the model knows."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout probability. Pretraining sees little repetition, so none by default (Geiping & Goldstein 2022, §4.2)."""
    tie_embeddings: bool = True
    """Use one matrix for the input and the output embeddings."""

    @field_validator("size", mode="before")
    @classmethod
    def _check_size(cls, size: Any) -> Any:
        if size is not None:
            parse_size(str(size))
        return size

    @model_validator(mode="after")
    def _check_architecture(self) -> Model:
        objective_of(self.architecture)
        given = set(SHAPE) & self.model_fields_set
        if self.architecture not in SHAPED and given:
            raise ValueError(
                f"{self.architecture} takes its shape from overrides: give {', '.join(sorted(given))} there"
            )
        if self.overrides:
            check_overrides(self.architecture, self.overrides)
            if self.size:
                raise ValueError(
                    "size counts the parameters of an architecture without overrides: remove size or overrides"
                )
        if self.context_length > self.overrides.get("max_position_embeddings", self.context_length):
            raise ValueError(
                f"context_length {self.context_length} is more than overrides.max_position_embeddings "
                f"{self.overrides['max_position_embeddings']}: lower the first, or remove the second"
            )
        return self

    @model_validator(mode="after")
    def _check_heads(self) -> Model:
        if self.architecture not in SHAPED or (self.size and not {"hidden_size", "heads"} <= self.model_fields_set):
            return self  # checked by `check_overrides`, or set later from `size`
        if self.hidden_size % self.heads or (self.architecture in ROTARY and self.hidden_size // self.heads % 2):
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be split into {self.heads} heads of an even, whole size: "
                "make hidden_size a multiple of twice the heads"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        return {k: v for k, v in values.items() if self.architecture in SHAPED or k not in SHAPE}

    @property
    def objective(self) -> Objective:
        """Return what the model is trained to predict."""
        return objective_of(self.architecture)
