"""Kinds of language models in transformers. Imports no torch, because the recipe's parser imports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal

Objective = Literal["causal", "masked", "span_corruption"]
"""Training objective of a model: to predict the next token, hidden tokens, or spans that were cut out."""


@cache
def objective_by_heads(model_type: str) -> Objective | None:
    """Return the pretraining objective of a model type of transformers by its heads there; None where it has none.

    An encoder–decoder fills spans. A type with a masked head fills gaps, because BERT and its relatives have a causal
    head as well. A type with only a causal head continues texts.
    """
    return next((objective for objective, heads in _heads().items() if model_type in heads), None)


def objective_of_classes(model_type: str, class_names: Sequence[str]) -> Objective | None:
    """Return the objective of a model by the classes that its weights were saved from (`architectures` in config.json).

    Where none of the classes has a known head, the result is that of `objective_by_heads`.
    """
    for objective, heads in _heads().items():
        if set(class_names) & set(heads.get(model_type, ())):
            return objective
    return objective_by_heads(model_type)


def has_language_head(model_type: str, class_names: Sequence[str]) -> bool:
    """Return whether weights saved from one of these classes have the output layer of a language model.

    True where no class is named, and for those of pretraining with several tasks at once, as BERT's first one.
    """
    known = {name for heads in _heads().values() for name in heads.get(model_type, ())}
    return not class_names or any(name in known or name.endswith("ForPreTraining") for name in class_names)


@cache
def _heads() -> dict[Objective, dict[str, tuple[str, ...]]]:
    """Return objective → model type → the classes of transformers with its head."""
    from transformers.models.auto import modeling_auto as auto  # slow to import

    mappings: dict[Objective, Mapping[str, Any]] = {
        "span_corruption": auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        "masked": auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        "causal": auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    return {
        objective: {name: (heads,) if isinstance(heads, str) else tuple(heads) for name, heads in mapping.items()}
        for objective, mapping in mappings.items()
    }
