"""Find the tokens that begin words, by the tokenizer's own pretokenization: for masking whole words.

WordPiece marks the tokens that continue a word (`##`). Other tokenizers cut the text before they learn tokens
(`recipe/pretokenization.py`), and a token alone does not tell on which side of a cut it stands: `way` continues `sub`
in *subway*, and begins a word at the start of a line. The pattern's rules, in terms of the characters that tokens begin
and end with, tell it for all but a few in ten thousand (English contractions, odd runs of spaces).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

LETTER, DIGIT, SIGN, SPACE, LINE_END, SPECIAL = range(6)
DIGITS_IN_A_WORD = 3


class Words:
    """Tells the tokens that begin a word from those that continue one."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        prefix = getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)
        self.marked = np.array([name.startswith(prefix) for name in names]) if prefix else None
        special = {token.content for token in tokenizer.added_tokens_decoder.values()}
        decode = tokenizer.backend_tokenizer.decode_batch
        texts = decode([[number] for number in range(len(names))], skip_special_tokens=False)
        kinds = [
            (SPECIAL, SPECIAL) if name in special or not text else (_kind(text[0]), _kind(text[-1]))
            for name, text in zip(names, texts, strict=True)
        ]
        self.first, self.last = np.array(kinds, np.int8).T
        self.length = np.array([len(text) for text in texts])
        self.space = np.array([text == " " for text in texts])

    def begin(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the tokens that begin a word: (rows, length) ids → (rows, length) bool; the first of a row does."""
        begins = np.ones(tokens.shape, np.bool_)
        begins[:, 1:] = ~(self._continues(tokens) if self.marked is None else self.marked[tokens[:, 1:]])
        return begins

    def _continues(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the tokens that continue a word, all but the first of a row, by the kinds of the character before a
        token and of its own first one: (rows, length) → (rows, length − 1)."""
        before, first, last = self.last[tokens][:, :-1], self.first[tokens][:, 1:], self.last[tokens][:, 1:]
        length, space = self.length[tokens], self.space[tokens][:, :-1]
        letters = (before == LETTER) & (first == LETTER)
        signs = ((before == SIGN) | space) & (first == SIGN)
        ends = ((before == SIGN) | (before == SPACE) | (before == LINE_END)) & (first == LINE_END)
        after = np.pad(first, ((0, 0), (0, 1)), constant_values=SPACE)[:, 1:]
        # Of a run of spaces, the last one belongs to what comes after it.
        inner = (length[:, 1:] > 1) | (after == SPACE) | (after == LINE_END)
        spaces = (before == SPACE) & (first == SPACE) & (last == SPACE) & inner
        continues: NDArray[np.bool_] = letters | signs | ends | spaces | self._within_a_number(tokens)[:, 1:]
        # A word keeps the one space or sign before it, unless that continues others.
        alone = (length[:, :-1] == 1) & ((before == SIGN) | (before == SPACE))
        alone[:, 1:] &= ~continues[:, :-1]
        continues |= alone & (first == LETTER)
        return continues

    def _within_a_number(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the digits inside a group: numbers are cut into groups of three digits, from the left."""
        digits = np.where(self.first[tokens] == DIGIT, self.length[tokens], 0)
        seen = digits.cumsum(axis=1) - digits
        before_the_run = np.maximum.accumulate(np.where(digits == 0, seen, 0), axis=1)
        within: NDArray[np.bool_] = (digits > 0) & ((seen - before_the_run) % DIGITS_IN_A_WORD > 0)
        return within


def _kind(character: str) -> int:
    if character == "\N{REPLACEMENT CHARACTER}" or character.isalpha():  # bytes of a letter that is cut in two
        return LETTER
    if character.isnumeric():
        return DIGIT
    if character in "\r\n":
        return LINE_END
    return SPACE if character.isspace() else SIGN
