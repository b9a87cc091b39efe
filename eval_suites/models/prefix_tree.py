"""Sequences of tokens that begin alike, joined to trees, so that a causal model reads each shared beginning once.

    Good and bad sentence          as one row of a batch
    The cats that he saw are …     The cats that he saw are … is …
    The cats that he saw is …      position 0 1 2 3 4 5 6 … 5 6 …

A token of the row sees those before it on its own branch alone, by a mask, and its position is that in its sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

TREE_TOKENS = 96
"""Maximum number of tokens in a row that joins short sequences, because attention costs the square of a row's length.
A row of sequences longer than half of it may have twice their length. On a CPU, with 5 million parameters, sentences
after a mention take 7–12% less time with 96 than with 48, 64, 128 or 256 (`docs/measured/evaluation_speed.md`)."""


@dataclass
class Row:
    """A tree as one row of a batch: the sequences that share its beginning, one branch after the other."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """For each token, the place in the row where the branches that grow from it end: those before it see it."""
    paths: list[tuple[int, list[int]]] = field(default_factory=list)
    """Index of each sequence, and the places of its tokens in the row."""


def rows_of(sequences: Sequence[list[int]], join: bool) -> list[Row]:
    """Return rows that together hold every sequence; sequences with a common beginning share a row if `join` is true.

    The last token of a sequence may be shared too. A sequence joins the row of the one before it, in the order of their
    tokens, where that saves at least a quarter of it and the row does not become too long.
    """
    rows, last, path = list[Row](), list[int](), list[int]()
    order = sorted(range(len(sequences)), key=lambda i: sequences[i]) if join else range(len(sequences))
    for number in order:
        sequence = sequences[number]
        shared = _common(last, sequence) if join else 0
        most = max(TREE_TOKENS, 2 * len(sequence)) - len(sequence) + shared
        if not rows or 4 * shared < len(sequence) or len(rows[-1].ids) > most:
            rows.append(Row())
            path, shared = [], 0
        row = rows[-1]
        size = len(row.ids) + len(sequence) - shared
        path = [*path[:shared], *range(len(row.ids), size)]
        row.ids += sequence[shared:]
        row.positions += range(shared, len(sequence))
        row.ends += repeat(size, len(sequence) - shared)
        for place in path[:shared]:
            row.ends[place] = size
        row.paths.append((number, path))
        last = sequence
    return rows


def visible(rows: Sequence[Row]) -> NDArray[np.bool_]:
    """Return (rows, longest, longest): true where the first token may see the second. Padding sees itself alone."""
    longest = max(len(row.ids) for row in rows)
    place = np.arange(longest)
    ends = np.tile(place + 1, (len(rows), 1))
    for number, row in enumerate(rows):
        ends[number, : len(row.ends)] = row.ends
    return (place <= place[:, None]) & (place[:, None] < ends[:, None])


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the number of tokens that two sequences have in common at their beginning."""
    shortest = min(len(one), len(other))
    return next((place for place in range(shortest) if one[place] != other[place]), shortest)
