"""The special tokens that a tokenizer puts around a text, and the longest input of a model."""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

DEFAULT_CONTEXT = 512
"""Context length in tokens where neither configuration nor tokenizer names a limit: T5 was trained on 512 (Raffel et
al. 2020, §3.1.1)."""

POSITION_TABLES = ("position_embeddings", "embed_positions", "wpe")
"""Names of the tables of position embeddings in transformers' classes."""


def longest_input(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the number of tokens that the model can read at once."""
    named = [getattr(model.config, name, None) for name in ("max_position_embeddings", "n_positions")]
    # A tokenizer that knows no limit says 10³⁰.
    limits = [limit for limit in (*named, tokenizer.model_max_length) if limit is not None and limit < 10**9]
    return min([*limits, *learned_positions(model)], default=DEFAULT_CONTEXT)


def learned_positions(model: nn.Module) -> list[int]:
    """Return the number of positions of each table of position embeddings.

    Models of RoBERTa's kind count from the padding token's number plus 1, so that fewer positions exist than rows.
    """
    tables = [
        module
        for name, module in model.named_modules()
        if name.rpartition(".")[2] in POSITION_TABLES and isinstance(module, nn.Embedding)
    ]
    return [table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1) for table in tables]


def special_frame(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]] | None:
    """Return the tokens that a tokenizer itself puts before and after a text; None where it puts none."""
    whole: Any = tokenizer("a")["input_ids"]
    bare: Any = tokenizer("a", add_special_tokens=False)["input_ids"]
    for start in range(len(whole) - len(bare) + 1):
        if whole != bare and whole[start : start + len(bare)] == bare:
            return whole[:start], whole[start + len(bare) :]
    return None


def text_frame(tokenizer: PreTrainedTokenizerBase, closes: bool) -> tuple[list[int], list[int]]:
    """Return the tokens before and after a text; those after it only if it `closes` or the tokenizer itself adds them.

    Those are the tokens that the tokenizer itself adds, or else the end-of-text token, which separates documents in a
    training stream, or else the token that is named as the beginning of a text. Raises `ValueError` for a tokenizer
    with none of these.
    """
    if frame := special_frame(tokenizer):
        return frame
    named = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.sep_token_id, tokenizer.cls_token_id)
    separator: Any = next((token for token in named if token is not None), None)
    if separator is None:
        raise ValueError("the tokenizer has no end-of-text token and adds no special tokens: nothing begins a text")
    return [separator], [separator] if closes else []
