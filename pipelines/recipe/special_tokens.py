"""Tokens that no text contains: their roles, their places in the vocabulary, and what they may look like.

Those with a role open the vocabulary, those that a recipe adds close it: so a recipe that adds some changes no other
token's number. Where a person wrote one of them in a text, it stays text. For that, the cuts between words must part
it: an encoder takes a piece that is in the vocabulary as it is.

Imported by the recipe's parser: no library but `regex`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import regex

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.pretokenization import PATTERN

# Documents end with `eos_token`, batches are filled with `pad_token`, masked models hide behind `mask_token`. Only
# WordPiece has text that it cannot write (`unk_token`).
ROLES = {
    "bpe": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "unigram": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "wordpiece": {"eos_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"},
}
BERT_PATTERN = r"[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+"
"""Where WordPiece cuts: every sign stands alone."""


def check_special_tokens(kind: str, added: Sequence[str], vocabulary: int) -> None:
    """Raise `ValueError` for two of one name, for one that a text could hold, and where they fill the vocabulary.

    added: those besides the ones with a role. vocabulary: all tokens of the smallest vocabulary that is asked for.
    """
    own = list(ROLES[kind].values())
    for token, times in Counter([*own, *added]).items():
        if times > 1:
            uses = "the tokenizer has it already" if token in own else "two tokens have this name"
            raise ValueError(f"the special token {token}: {uses}; choose another name")
        pattern = BERT_PATTERN if kind == "wordpiece" else PATTERN
        if token != token.strip() or len(regex.findall(pattern, token)) < 2:
            raise ValueError(
                f"the special token {token!r} could be a piece of an ordinary text: give it a name of letters between "
                "signs, as in <|user|>"
            )
    room = vocabulary - len(own) - len(added)
    if room <= 256:
        raise ValueError(
            f"a vocabulary of {vocabulary} leaves {room} tokens beside the {len(own) + len(added)} special ones, and "
            "the bytes alone are 256: raise it"
        )


def refuse_learnt(special: Sequence[str], learnt: Iterable[str]) -> None:
    """Raise `UserError` where a special token has the name of one that was learnt."""
    if same := set(special) & set(learnt):
        raise UserError(
            f"the special token {min(same)} has the name of a token that was learnt from the text: choose another in "
            "tokenizer.special_tokens or tokenizer.chat"
        )
