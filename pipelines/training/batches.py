"""Training batches from token shards: an order that depends on the seed and the step, and on nothing else.

The shards of a split are one long stream of tokens, cut into sequences; one may hold the end of one document and the
start of the next. Step `s` of a run takes sequences `s·B … (s+1)·B − 1` of an endless sequence of shuffled epochs,
whatever the number of processes, and whether or not the run was interrupted. What is asked of a sequence (its next
tokens, hidden ones, spans that were cut out) is the collator's business: see `collators.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from pipelines.errors import UserError

IGNORED = -100  # a target that counts for nothing: torch's cross-entropy knows it by this number


class Collator(Protocol):
    """Makes inputs and targets of sequences of tokens."""

    length: int
    """Tokens in a row of inputs."""
    span: int
    """Tokens that a row is made of."""
    stride: int
    """Tokens from where one row begins to where the next does."""

    def __call__(self, tokens: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(rows, span) token ids to (rows, length) inputs and targets, `IGNORED` where nothing is asked; all int64."""


class Blocks:
    """Blocks of `span` tokens, mapped from files, `stride` apart."""

    def __init__(self, files: Sequence[Path], dtype: str, span: int, stride: int):
        self.shards = [np.memmap(file, np.dtype(dtype), "r") for file in files if file.stat().st_size]
        self.span, self.stride = span, stride
        counts = [max(0, (len(shard) - span) // stride + 1) for shard in self.shards]
        self.ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, index: int) -> np.ndarray:
        shard = int(np.searchsorted(self.ends, index, side="right"))
        start = (index - (int(self.ends[shard - 1]) if shard else 0)) * self.stride
        return np.asarray(self.shards[shard][start : start + self.span], dtype=np.int64)

    def stack(self, indices: Sequence[int]) -> np.ndarray:
        """(len(indices), span) token ids, int64."""
        return np.stack([self[int(i)] for i in indices])


class Batches:
    """Global batches of inputs and targets for a run: `batch(step)` is a function of seed and step."""

    def __init__(self, files: Sequence[Path], dtype: str, collator: Collator, size: int, seed: int):
        self.blocks = Blocks(files, dtype, collator.span, collator.stride)
        self.collator, self.size, self.seed = collator, size, seed
        if not len(self.blocks):
            tokens = sum(len(shard) for shard in self.blocks.shards)
            raise UserError(
                f"{tokens} tokens do not fill one sequence of model.context_length {collator.length}: "
                "bring more text or lower the context length"
            )
        self._order: tuple[int, np.ndarray] | None = None

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(inputs, targets) of a step, counted from 0; `size` rows each, int64."""
        places = range(step * self.size, (step + 1) * self.size)
        return self._collate([self._block(place) for place in places], step)

    def first(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(inputs, targets) of the first sequences, unshuffled, at most `rows` of them: the same ones each time."""
        return self._collate(range(min(rows, len(self.blocks))), step=0)

    def _collate(self, indices: Sequence[int], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = np.random.default_rng((self.seed, 1, step))
        inputs, targets = self.collator(self.blocks.stack(indices), generator)
        return torch.from_numpy(inputs), torch.from_numpy(targets)

    def _block(self, place: int) -> int:
        epoch, position = divmod(place, len(self.blocks))
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.blocks))
        return int(self._order[1][position])
