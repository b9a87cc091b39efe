"""Pseudo-log-likelihoods: texts with tokens hidden, and the probabilities of one hidden token each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from desdecero.eval_suites.models.continuations import Pair


@dataclass(frozen=True)
class Hidden:
    """A context and its continuation with a token of the latter hidden."""

    pair: int
    """Index of the pair that it was made from."""
    row: list[int]
    """Token ids with the mark in place of each hidden one."""
    place: int
    """Index in `row` of the token that is asked for."""
    token: int
    """Its id."""


def hide_in_turn(
    pairs: Sequence[Pair], begin: list[int], mark: int, end: list[int], within_words: bool
) -> list[Hidden]:
    """Return each pair, between `begin` and `end`, once per token of its continuation, with `mark` in its place.

    With `within_words`, the later tokens of the same word are hidden too.
    """
    hidden = []
    for number, pair in enumerate(pairs):
        whole = [*begin, *pair.context, *pair.continuation, *end]
        first = len(begin) + len(pair.context)
        for place, word in enumerate(pair.words):
            last = place + 1
            while within_words and last < len(pair.words) and pair.words[last] == word:
                last += 1
            row = [*whole[: first + place], *[mark] * (last - place), *whole[first + last :]]
            hidden.append(Hidden(number, row, first + place, pair.continuation[place]))
    return hidden
