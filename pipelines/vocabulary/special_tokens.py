"""Tokens that no text contains: their roles, and their places in the vocabulary.

Those with a role open the vocabulary, those that a recipe adds close it: so a recipe that adds some changes no other
token's number. Where a person wrote one of them in a text, it stays text.
"""

from __future__ import annotations

from pipelines.recipe import Tokenizer

# Documents end with `eos_token`, batches are filled with `pad_token`, masked models hide behind `mask_token`. Only
# WordPiece has text that it cannot write (`unk_token`).
ROLES = {
    "bpe": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "unigram": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "wordpiece": {"eos_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"},
}


def roles(wanted: Tokenizer) -> dict[str, str]:
    """Role → token, for the wanted kind."""
    return ROLES[wanted.kind]


def added_tokens(wanted: Tokenizer) -> list[str]:
    """The special tokens that the recipe asks for, besides those with a role."""
    return list(wanted.sentinel_tokens)
