"""Training batches of labelled examples: one example a row, rows of like lengths together.

An epoch takes every example once, in an order of its own; what is missing in its last batch is filled up with examples
of its beginning. Within a window of batches examples are sorted by length, so that little of a batch is padding, and
the batches of the window are shuffled. Batch `s` depends on the seed and `s` alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.training.data.shuffle import Permutation

WINDOW = 32
"""Batches that are sorted by length together. Of banking77's questions, 4 to 80 tokens long, batches of 32 hold 2%
padding with it, and 54% in random order."""

Ids = NDArray[np.int32]


class LabelledRows:
    """Rows of token ids with their targets, as `Batches` of shards are: see there.

    targets: of each row a class, (1,), a yes or no for each label, (labels,), or a class for each token, (tokens,).
    by_token: whether they are of the third kind
    """

    def __init__(self, rows: Sequence[Ids], targets: Sequence[Ids], by_token: bool, padding: int, size: int, seed: int):
        self._rows, self._targets, self._by_token = rows, targets, by_token
        self._padding, self._size, self._seed = padding, size, seed
        self._lengths = np.array([len(row) for row in rows])
        self.per_epoch = -(-len(rows) // size)
        """Batches in an epoch."""
        self.length = int(self._lengths.max())
        self.target_length = 1
        self.row_tokens = float(self._lengths.mean())
        self.rows = self.per_epoch * size

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of a step, counted from 0: `size` rows, padded to the longest, int64."""
        epoch, place = divmod(step, self.per_epoch)
        window = place // WINDOW
        first = window * WINDOW
        count = min(WINDOW, self.per_epoch - first)
        places = np.arange(first * self._size, (first + count) * self._size) % len(self._rows)
        drawn = Permutation(len(self._rows), (self._seed, 0, epoch))(places)
        batches = drawn[np.argsort(self._lengths[drawn], kind="stable")].reshape(count, self._size)
        order = np.random.default_rng((self._seed, 2, epoch, window)).permutation(count)
        return self._collate(batches[order[place - first]])

    def spread(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of at most `rows` examples, evenly spaced, the same ones each time; sorted by
        length."""
        count = min(rows, len(self._rows))
        chosen = np.arange(count) * len(self._rows) // count
        return self._collate(chosen[np.argsort(self._lengths[chosen], kind="stable")])

    def largest(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of the longest rows, as many as a batch has."""
        longest = np.argsort(-self._lengths, kind="stable")[: self._size]
        return self._collate(np.resize(longest, self._size))

    def _collate(self, chosen: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        width = int(self._lengths[chosen].max())
        inputs = np.full((len(chosen), width), self._padding, dtype=np.int64)
        targets = np.full((len(chosen), width if self._by_token else len(self._targets[0])), IGNORED, dtype=np.int64)
        for place, number in enumerate(chosen):
            row, target = self._rows[number], self._targets[number]
            inputs[place, : len(row)], targets[place, : len(target)] = row, target
        return torch.from_numpy(inputs), torch.from_numpy(targets)
