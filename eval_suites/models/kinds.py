"""Which kind of language model a class of transformers is. Imports no torch: the recipe's parser reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal

Objective = Literal["causal", "masked", "span_corruption"]
"""What a model was trained to predict: the next token, hidden tokens, or spans that were cut out."""


@cache
def objective_by_heads(model_type: str) -> Objective | None:
    """How a model type of transformers is pretrained, by the heads that it has there; None where it has none.

    An encoder–decoder fills spans. A type with a masked head fills gaps, because BERT and its relatives have a causal
    head as well. A type with only a causal head continues texts.
    """
    return next((objective for objective, heads in _heads().items() if model_type in heads), None)


def objective_of_classes(model_type: str, class_names: Sequence[str]) -> Objective | None:
    """The same, where possible by the classes that the weights were saved from (`architectures` in config.json)."""
    for objective, heads in _heads().items():
        if set(class_names) & set(heads.get(model_type, ())):
            return objective
    return objective_by_heads(model_type)


@cache
def _heads() -> dict[Objective, dict[str, tuple[str, ...]]]:
    """Objective → model type → the classes of transformers with its head."""
    from transformers.models.auto import modeling_auto as auto  # slow to import

    mappings: dict[Objective, Mapping[str, Any]] = {
        "span_corruption": auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        "masked": auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        "causal": auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    return {
        objective: {name: (found,) if isinstance(found, str) else tuple(found) for name, found in mapping.items()}
        for objective, mapping in mappings.items()
    }
