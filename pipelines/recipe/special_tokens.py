"""Special tokens: their roles, their places in the vocabulary, and the rules for their names.

Those with a role are the first in the vocabulary and those that a recipe adds the last, so that adding some leaves the
numbers of all other tokens unchanged. If a text contains the name of one, it is encoded as ordinary text. For this, the
pretokenization must split the name: an encoder takes a piece that is in the vocabulary as it is.

Imported by the recipe's parser, with no library but `regex`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import regex

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.pretokenization import PATTERN

# `eos_token` ends documents, `pad_token` fills batches, `mask_token` hides tokens from masked models. Only WordPiece
# has text that it cannot encode (`unk_token`).
ROLES = {
    "bpe": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "unigram": {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "<|mask|>"},
    "wordpiece": {"eos_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"},
}
BERT_PATTERN = r"[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+"
"""Pretokenization of WordPiece: every punctuation mark or symbol is a piece of its own."""


def check_special_tokens(kind: str, added: Sequence[str], vocabulary: int) -> None:
    """Raise `ValueError` for a repeated name, for one that is not split, and if they leave no room for the 256 bytes.

    added: special tokens besides those with a role; vocabulary: number of tokens in the smallest vocabulary.
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
            f"a vocabulary of {vocabulary} leaves {room} tokens besides the {len(own) + len(added)} special ones, and "
            "the bytes alone are 256: raise it"
        )


def check_learnt_tokens(special: Sequence[str], learnt: Iterable[str]) -> None:
    """Raise `UserError` if a special token has the name of a learnt one."""
    if same := set(special) & set(learnt):
        raise UserError(
            f"the special token {min(same)} has the name of a token that was learnt from the text: choose another in "
            "tokenizer.special_tokens or tokenizer.chat"
        )
