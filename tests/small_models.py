"""Small random models of every architecture, for what training does with them."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from pipelines.recipe import Model
from pipelines.training.models import build_config, build_model

ARCHITECTURES = ["llama", "qwen3", "gpt2", "bert", "modernbert", "t5"]
OTHERS: dict[str, dict[str, Any]] = {
    "olmo2": {
        "num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 128,
    },
    "gemma2": {
        "num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 16, "intermediate_size": 128, "sliding_window": 16,
    },
    "roberta": {
        "num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128,
        "max_position_embeddings": 80, "type_vocab_size": 1, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    "umt5": {"num_layers": 2, "d_model": 64, "num_heads": 4, "d_kv": 16, "d_ff": 128, "dropout_rate": 0.0},
}  # fmt: skip
"""Of other model types: their shape, as a recipe's `model.overrides`."""

SEPARATOR, PADDING, WORDS = 0, 1, 320
SENTINELS = list(range(310, 320))


def tokenizer() -> PreTrainedTokenizerFast:
    special = {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "[MASK]", "cls_token": "[CLS]"}
    vocabulary = {word: i for i, word in enumerate([*special.values(), *(f"t{i}" for i in range(4, WORDS))])}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(vocabulary, "t4")), **special)


def wanted(architecture: str, context_length: int = 64, **changes: Any) -> Model:
    if architecture not in ARCHITECTURES:
        return Model(
            architecture=architecture, context_length=context_length,
            **{"overrides": OTHERS.get(architecture, {}), **changes},
        )  # fmt: skip
    shape = {"layers": 3, "hidden_size": 64, "heads": 4, "context_length": context_length}
    return Model(architecture=architecture, **{**shape, **changes})


def small(architecture: str, context_length: int = 64, **changes: Any) -> PreTrainedModel:
    torch.manual_seed(0)
    return build_model(build_config(wanted(architecture, context_length, **changes), tokenizer())).eval()
