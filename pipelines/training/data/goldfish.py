"""Tokens that are never asked for, so that no passage can be learnt by heart (Hans et al. 2024, "Be like a Goldfish,
Don't Memorize!", §3).

Whether a token is left out is decided by a hash of the tokens before it: so wherever the same passage lies, it lacks
the same tokens, and what a model was never told it must guess. As in their code, a token counts as before whatever the
seed; a token is left out only where so many before it are of its own document, in view: how texts begin is learnt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.training.data.shuffle import mix

FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and without pattern in its bits (2⁶⁴ over the golden ratio: Knuth, vol. 3, §6.4): one power for each place."""


class Goldfish:
    """Leaves out one token in `k`, by the `context` tokens before it."""

    def __init__(self, k: int, context: int, end: int, padding: int):
        self.k, self.context, self.end, self.padding = k, context, end, padding

    def left_out(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(rows, length) token ids → true for those that are not asked for."""
        keys, hashes = mix(tokens.astype(np.uint64)), np.zeros(tokens.shape, np.uint64)
        for distance in range(self.context, 0, -1):
            hashes *= FACTOR
            hashes[:, distance:] += keys[:, :-distance]
        return (mix(hashes) % np.uint64(self.k) == 0) & self._known(tokens)

    def _known(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the whole context is of the token's own document, which the end of the one before it is a part of."""
        padded = tokens == self.padding
        start = (tokens == self.end) | padded | np.roll(padded, 1, axis=1)  # as `begins` has it
        place = np.arange(tokens.shape[1])
        before = place - np.maximum.accumulate(np.where(start, place, 0), axis=1) + 1
        return np.pad(before, ((0, 0), (1, 0)))[:, :-1] >= self.context
