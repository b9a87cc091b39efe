"""Random models of a few thousand weights, and tokenizers trained on the spot."""

from __future__ import annotations

from functools import cache

import torch
from helpers import docstrings
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BertConfig,
    GPT2Config,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

CONTEXT = 16


@cache
def texts() -> list[str]:
    """Real prose of very unequal lengths, most of it longer than the context."""
    return sorted(docstrings("heapq", "textwrap", "shutil"), key=len)[::3]


@cache
def byte_level() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"}
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(special.values()), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


@cache
def wordpiece() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = {"eos_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=list(special.values()), show_progress=False)
    tokenizer.train_from_iterator(texts(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def random_model(architecture: str, seed: int = 0) -> PreTrainedModel:
    """Weights large enough that predictions depend on the context."""
    tokenizer = wordpiece() if architecture == "bert" else byte_level()
    ids = {
        "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "initializer_range": 0.3,
        "bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    sizes = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
        "max_position_embeddings": CONTEXT,
    }  # fmt: skip
    torch.manual_seed(seed)
    if architecture == "llama":
        return AutoModelForCausalLM.from_config(LlamaConfig(**sizes, **ids)).eval()
    if architecture == "gpt2":
        return AutoModelForCausalLM.from_config(GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=CONTEXT, **ids))
    return AutoModelForMaskedLM.from_config(BertConfig(**sizes, **ids)).eval()
