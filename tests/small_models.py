"""Small random models of every architecture, and tokenizers trained on the spot."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from helpers import docstrings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.recipe import Model
from desdecero.pipelines.tokenizer.wordpiece import train_wordpiece
from desdecero.pipelines.training.model.build import build_config, build_model

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


# --- on random tokens ------------------------------------------------------------------------------------------

SEPARATOR, PADDING, WORDS = 0, 1, 320
SENTINELS = list(range(310, 320))


def tokenizer() -> PreTrainedTokenizerFast:
    special = {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "[MASK]", "cls_token": "[CLS]"}
    vocabulary = {word: i for i, word in enumerate([*special.values(), *(f"t{i}" for i in range(4, WORDS))])}
    words = Tokenizer(models.WordLevel(vocabulary, "t4"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, **special)


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


# --- on text ---------------------------------------------------------------------------------------------------

CONTEXT = 16


@cache
def texts() -> list[str]:
    """Real prose of very unequal lengths, most of it longer than the context."""
    return sorted(docstrings("heapq", "textwrap", "shutil"), key=len)[::3]


@cache
def byte_level(sentinels: int = 0) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"}
    spans = [f"<extra_id_{number}>" for number in range(sentinels)]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=[*special.values(), *spans], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


@cache
def wordpiece() -> PreTrainedTokenizerFast:
    """Trained by the project: by `tokenizers` alone, two trainings differ."""
    special = {"eos_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
    tokenizer = train_wordpiece(texts(), 400, 0, lowercase=True, before=list(special.values()), after=())
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def reading(architecture: str) -> PreTrainedTokenizerFast:
    """The tokenizer of `random_model`."""
    return {"bert": wordpiece, "t5": lambda: byte_level(sentinels=8)}.get(architecture, byte_level)()


def random_model(architecture: str, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """Weights large enough that predictions depend on the context."""
    spread = {"initializer_factor": 3.0} if architecture == "t5" else {"initializer_range": 0.3}
    shape = {"layers": 2, "hidden_size": 32, "heads": 2, "intermediate_size": 64, "overrides": spread}
    model = wanted(architecture, **{"context_length": CONTEXT, **shape, **changes})
    torch.manual_seed(seed)
    return build_model(build_config(model, reading(architecture))).eval()


def language_model(architecture: str, seed: int = 0, **changes: Any) -> LanguageModel:
    """`random_model` and its tokenizer, to be asked."""
    return kind_of(architecture)(random_model(architecture, seed, **changes), reading(architecture))
