"""Tokens that no text contains: their roles, their places in the vocabulary, and what they may look like.

Those with a role open the vocabulary, those that a recipe adds close it: so a recipe that adds some changes no other
token's number. Where a person wrote one of them in a text, it stays text. For that, the cuts between words must part
it: an encoder takes a piece that is in the vocabulary as it is.

Imported by the recipe's parser: no library but `regex`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import regex

from desdecero.pipelines.errors import UserError
from desdecero.pipelines.vocabulary.splitting import PATTERN

if TYPE_CHECKING:
    from desdecero.pipelines.recipe import Tokenizer

# Documents end with `eos_token`, batches are filled with `pad_token`, masked models hide behind `mask_token`. Only
# WordPiece has text that it cannot write (`unk_token`).
ROLES = {
    "bpe": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "unigram": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "wordpiece": {"eos_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"},
}
BERT_PATTERN = r"[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+"
"""Where WordPiece cuts: every sign stands alone."""


def roles(wanted: Tokenizer) -> dict[str, str]:
    """Role → token, for the wanted kind."""
    return ROLES[wanted.kind]


def added_tokens(wanted: Tokenizer) -> list[str]:
    """The special tokens that the recipe asks for, besides those with a role."""
    return [*wanted.special_tokens, *(wanted.chat.tokens if wanted.chat else ()), *wanted.sentinel_tokens]


def check_special_tokens(wanted: Tokenizer) -> None:
    """Raise `ValueError` for two of one name, for one that a text could hold, and where they fill the vocabulary."""
    added, own = added_tokens(wanted), list(roles(wanted).values())
    for token, times in Counter([*own, *added]).items():
        if times > 1:
            uses = "the tokenizer has it already" if token in own else "two tokens have this name"
            raise ValueError(f"the special token {token}: {uses}; choose another name")
        pattern = BERT_PATTERN if wanted.kind == "wordpiece" else PATTERN
        if token != token.strip() or len(regex.findall(pattern, token)) < 2:
            raise ValueError(
                f"the special token {token!r} could be a piece of an ordinary text: give it a name of letters between "
                "signs, as in <|user|>"
            )
    size = wanted.sweep.sizes[0] if wanted.sweep else wanted.vocab_size
    room = size - len(own) - len(added)
    if room <= 256:
        raise ValueError(
            f"a vocabulary of {size} leaves {room} tokens beside the {len(own) + len(added)} special ones, and "
            "the bytes alone are 256: raise it"
        )


def refuse_learnt(special: Sequence[str], learnt: Iterable[str]) -> None:
    """Raise `UserError` where a special token has the name of one that was learnt."""
    if same := set(special) & set(learnt):
        raise UserError(
            f"the special token {min(same)} has the name of a token that was learnt from the text: choose another in "
            "tokenizer.special_tokens or tokenizer.chat"
        )
