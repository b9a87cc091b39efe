"""Training batches from token shards: an order that depends on the seed and the step, and on nothing else.

The shards of a split are one long stream of tokens, cut into sequences; one may hold the end of one document and the
start of the next, and padding where documents were packed to fit (`packing.py`). Step `s` of a run takes sequences
`s·B … (s+1)·B − 1` of an endless sequence of shuffled epochs, whatever the number of processes, and whether or not the
run was interrupted. The collator makes inputs and targets of a sequence (its next tokens, hidden ones, spans that were
cut out): see `collators.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.data.shuffle import in_epochs


def begins(tokens: torch.Tensor, end: int, padding: int) -> torch.Tensor:
    """Mark the tokens at which a document begins: (rows, length) token ids → (rows, length) bool.

    A document begins at the `end` token of the one before it, which is also where a prompt begins at inference. The
    token after padding begins a document, and so does each padding token. The first token of a row, at which one
    begins anyway, is not marked for that.
    """
    padded = tokens == padding
    return (tokens == end) | padded | padded.roll(1, dims=1)


class TrainingData(Protocol):
    """Batches of a training: of token shards, of conversations, of labelled examples."""

    length: int
    """Tokens in a row of inputs, at most."""
    target_length: int
    """Targets in a row, at most."""
    row_tokens: float
    """Tokens in a row of inputs, on average, without padding."""
    rows: int
    """Rows in an epoch."""

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of a step, counted from 0, int64."""

    def spread(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of at most `rows` rows, the same ones each time."""

    def largest(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of a batch that takes as much memory as any."""


class Collator(Protocol):
    """Makes inputs and targets of sequences of tokens."""

    length: int
    """Tokens in a row of inputs."""
    span: int
    """Tokens that a row is made of."""
    earlier: int
    """Tokens at the beginning of the span that are neither inputs nor targets."""
    stride: int
    """Tokens between the beginnings of two consecutive rows."""
    target_length: int
    """Targets in a row, at most."""

    def __call__(
        self, tokens: NDArray[np.int64], generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Turn (rows, span) token ids into (inputs, targets), (rows, length) each; `IGNORED` marks targets that do not
        count."""


class Blocks:
    """Blocks of `span` tokens, `stride` apart, in memory-mapped files."""

    def __init__(self, files: Sequence[Path], dtype: str, span: int, stride: int):
        self.shards = [map_shard(file, np.dtype(dtype)) for file in files]
        self.span, self.stride = span, stride
        counts = [max(0, (len(shard) - span) // stride + 1) for shard in self.shards]
        self.ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, index: int) -> NDArray[np.int64]:
        shard = int(np.searchsorted(self.ends, index, side="right"))
        start = (index - (int(self.ends[shard - 1]) if shard else 0)) * self.stride
        return np.asarray(self.shards[shard][start : start + self.span], dtype=np.int64)

    def stack(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the blocks at `indices` as (len(indices), span) token ids."""
        return np.stack([self[int(i)] for i in indices])


class Batches:
    """Global batches of inputs and targets for a run: `batch(step)` is a function of seed and step.

    Memory does not depend on the number of tokens: shards are memory-mapped, and the order is computed, not stored.
    """

    def __init__(self, files: Sequence[Path], dtype: str, collator: Collator, size: int, seed: int, vocab_size: int):
        """Open the shards. Token ids must be below `vocab_size`: `batch` raises `UserError` for those of another
        tokenizer. Raises `UserError` for too few tokens."""
        self.blocks = Blocks(files, dtype, collator.span, collator.stride)
        self.collator, self.size, self.seed, self.vocab_size = collator, size, seed, vocab_size
        if not len(self.blocks):
            tokens = sum(len(shard) for shard in self.blocks.shards)
            raise UserError(
                f"{tokens} tokens do not fill one sequence of model.context_length {collator.length}: "
                "bring more text or lower the context length"
            )
        self.length, self.target_length = collator.length, collator.target_length
        self.row_tokens, self.rows = float(collator.length), len(self.blocks)

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of a step, counted from 0; `size` rows each, int64."""
        return self._collate(self.order(np.arange(step * self.size, (step + 1) * self.size)), step)

    def largest(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first batch: all take the same memory."""
        return self.batch(0)

    def spread(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of at most `rows` sequences, the same ones each time: evenly spaced, because the
        first ones are of a document or two."""
        count = min(rows, len(self.blocks))
        return self._collate(np.arange(count) * len(self.blocks) // count, step=0)

    def order(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices of the sequences at these places of the endless series of epochs; each epoch has its own
        order."""
        return in_epochs(places, len(self.blocks), self.seed)

    def _collate(self, indices: NDArray[np.int64], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.blocks.stack(indices)
        if (largest := int(tokens.max())) >= self.vocab_size:
            raise UserError(
                f"the shards of tokens/ hold the id {largest}, and the vocabulary ends at {self.vocab_size - 1}: they "
                "were made by another tokenizer; build the tokens again with `desdecero tokens`"
            )
        inputs, targets = self.collator(tokens, np.random.default_rng((self.seed, 1, step)))
        return torch.from_numpy(inputs), torch.from_numpy(targets)


def map_shard(file: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory-map a shard's tokens. Raises `UserError` for a file that was cut short."""
    size = file.stat().st_size
    if not size or size % dtype.itemsize:
        what = "is empty" if not size else f"has {size} bytes, not a whole number of {dtype.itemsize}-byte tokens"
        raise UserError(f"{file} {what}: it was cut short; build the tokens again with `desdecero tokens`")
    return np.memmap(file, dtype, "r")
