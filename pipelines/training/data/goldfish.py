"""Goldfish loss: leave some tokens out of the targets, so that passages are not memorised (Hans et al. 2024, "Be like a
Goldfish, Don't Memorize!", §3).

A hash of the tokens before a token decides whether it is left out: every copy of a passage lacks the same targets, and
the model must guess what it was never trained on. As in their code, the hash does not depend on the seed; a token is
left out only if the whole context before it is in view and of its own document, so the beginnings of texts are learnt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.training.data.shuffle import mix

FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""An odd multiplier without pattern in its bits (2⁶⁴ over the golden ratio: Knuth, vol. 3, §6.4): one power for each
place."""


class Goldfish:
    """Leaves out one token in `k`, by a hash of the `context` tokens before it."""

    def __init__(self, k: int, context: int, end: int, padding: int):
        self.k, self.context, self.end, self.padding = k, context, end, padding

    def left_out(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the tokens that are not targets: (rows, length) token ids → (rows, length) bool."""
        keys, hashes = mix(tokens.astype(np.uint64)), np.zeros(tokens.shape, np.uint64)
        for distance in range(self.context, 0, -1):
            hashes *= FACTOR
            hashes[:, distance:] += keys[:, :-distance]
        hit: NDArray[np.bool_] = mix(hashes) % np.uint64(self.k) == 0
        return hit & self._known(tokens)

    def _known(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the tokens whose whole context is of their own document, which begins with the end of the one before."""
        padded = tokens == self.padding
        start = (tokens == self.end) | padded | np.roll(padded, 1, axis=1)  # the rule of `begins`
        place = np.arange(tokens.shape[1])
        before = place - np.maximum.accumulate(np.where(start, place, 0), axis=1) + 1
        known: NDArray[np.bool_] = np.pad(before, ((0, 0), (1, 0)))[:, :-1] >= self.context
        return known
