"""Facts about model types that are needed before a model is built. Imported by the recipe's parser: no torch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Any

from desdecero.eval_suites.models.kinds import Objective, objective_by_heads

SHAPED: dict[str, Objective] = {
    "llama": "causal",
    "qwen3": "causal",
    "gpt2": "causal",
    "bert": "masked",
    "modernbert": "masked",
    "t5": "span_corruption",
}
"""Architectures whose layers, widths and heads are keys of the recipe; others take them from `overrides`."""

GATED = ("llama", "qwen3", "modernbert", "t5")
"""Architectures with gated feed-forward units: three matrices instead of two (Shazeer 2020)."""

ROTARY = ("llama", "qwen3", "modernbert")
"""Architectures with rotary positions, which need heads of an even size."""


@cache
def objective_of(architecture: str) -> Objective:
    """Return how a model type of transformers is pretrained; raise `ValueError` for a type without a language model."""
    if architecture in SHAPED:
        return SHAPED[architecture]
    if objective := objective_by_heads(architecture):
        return objective
    from transformers.models.auto import modeling_auto as auto  # slow to import, and needed only for other types

    known = [*SHAPED, *auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES]
    near = difflib.get_close_matches(architecture, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"take one of {', '.join(SHAPED)}, or another of its model types"
    raise ValueError(f"transformers has no language model of type {architecture}: {hint}")


def check_overrides(architecture: str, overrides: Mapping[str, Any]) -> None:
    """Raise `ValueError` for a key that the model type's configuration does not know, or heads that do not divide."""
    from transformers import AutoConfig

    config = AutoConfig.for_model(architecture)
    if not hasattr(config, "vocab_size"):
        raise ValueError(f"{architecture} is not a model of text alone: its configuration has no vocab_size")
    names = [*config.to_dict(), *config.attribute_map]
    for key in overrides:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "see its configuration in transformers"
            raise ValueError(f"overrides: {architecture} has no {key}: {hint}")
    for key, value in overrides.items():
        setattr(config, key, value)
    width, heads = getattr(config, "hidden_size", 0), getattr(config, "num_attention_heads", 1)
    if getattr(config, "head_dim", None) is None and isinstance(heads, int) and width % heads:
        raise ValueError(f"overrides: hidden_size {width} cannot be split into {heads} heads: make it a multiple")
