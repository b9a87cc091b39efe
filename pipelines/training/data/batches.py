"""Training batches from token shards: an order that depends on the seed and the step, and on nothing else.

The shards of a split are one long stream of tokens, cut into sequences; one may hold the end of one document and the
start of the next, and padding where documents were packed to fit (`packing.py`). Step `s` of a run takes sequences
`s·B … (s+1)·B − 1` of an endless sequence of shuffled epochs, whatever the number of processes, and whether or not the
run was interrupted. What is asked of a sequence (its next tokens, hidden ones, spans that were cut out) is the
collator's business: see `collators.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.data.shuffle import Permutation


def begins(tokens: torch.Tensor, end: int, padding: int) -> torch.Tensor:
    """(rows, length) of true where a document begins: at the `end` of the one before it, which is also where a prompt
    begins at inference. What goes on after padding is alone like a document, and so is each padding token itself. Of
    the first token in a row, with which one begins anyway, it says nothing."""
    padded = tokens == padding
    return (tokens == end) | padded | padded.roll(1, dims=1)


class Collator(Protocol):
    """Makes inputs and targets of sequences of tokens."""

    length: int
    """Tokens in a row of inputs."""
    span: int
    """Tokens that a row is made of."""
    stride: int
    """Tokens from where one row begins to where the next does."""
    target_length: int
    """Targets in a row, at most."""

    def __call__(self, tokens: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(rows, span) token ids to (rows, length) inputs and targets, `IGNORED` where nothing is asked; all int64."""


class Blocks:
    """Blocks of `span` tokens, mapped from files, `stride` apart."""

    def __init__(self, files: Sequence[Path], dtype: str, span: int, stride: int):
        self.shards = [map_shard(file, np.dtype(dtype)) for file in files]
        self.span, self.stride = span, stride
        counts = [max(0, (len(shard) - span) // stride + 1) for shard in self.shards]
        self.ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, index: int) -> np.ndarray:
        shard = int(np.searchsorted(self.ends, index, side="right"))
        start = (index - (int(self.ends[shard - 1]) if shard else 0)) * self.stride
        return np.asarray(self.shards[shard][start : start + self.span], dtype=np.int64)

    def stack(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """(len(indices), span) token ids, int64."""
        return np.stack([self[int(i)] for i in indices])


class Batches:
    """Global batches of inputs and targets for a run: `batch(step)` is a function of seed and step.

    Memory does not depend on the number of tokens: shards are mapped, and the order is computed place by place.
    """

    def __init__(
        self, files: Sequence[Path], dtype: str, collator: Collator, size: int, seed: int, vocab_size: int
    ):  # fmt: skip
        """`vocab_size` is what token ids must be below: those that another tokenizer made are refused."""
        self.blocks = Blocks(files, dtype, collator.span, collator.stride)
        self.collator, self.size, self.seed, self.vocab_size = collator, size, seed, vocab_size
        if not len(self.blocks):
            tokens = sum(len(shard) for shard in self.blocks.shards)
            raise UserError(
                f"{tokens} tokens do not fill one sequence of model.context_length {collator.length}: "
                "bring more text or lower the context length"
            )

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(inputs, targets) of a step, counted from 0; `size` rows each, int64."""
        return self._collate(self.order(np.arange(step * self.size, (step + 1) * self.size)), step)

    def spread(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(inputs, targets) of at most `rows` sequences, the same ones each time: evenly spaced, because the first ones
        are of a document or two."""
        count = min(rows, len(self.blocks))
        return self._collate(np.arange(count) * len(self.blocks) // count, step=0)

    def order(self, places: np.ndarray) -> np.ndarray:
        """The sequences that stand at these places of the endless row of epochs, each in an order of its own."""
        epochs, positions = np.divmod(places, len(self.blocks))
        found = np.empty_like(places)
        for epoch in np.unique(epochs).tolist():
            here = epochs == epoch
            found[here] = Permutation(len(self.blocks), (self.seed, 0, epoch))(positions[here])
        return found

    def _collate(self, indices: np.ndarray, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.blocks.stack(indices)
        if (largest := int(tokens.max())) >= self.vocab_size:
            raise UserError(
                f"the shards of tokens/ hold the id {largest}, and the vocabulary ends at {self.vocab_size - 1}: they "
                "were made by another tokenizer; build the tokens again with `desdecero tokens`"
            )
        inputs, targets = self.collator(tokens, np.random.default_rng((self.seed, 1, step)))
        return torch.from_numpy(inputs), torch.from_numpy(targets)


def map_shard(file: Path, dtype: np.dtype[Any]) -> np.ndarray:
    """A shard's tokens, read from the disk where they are looked at."""
    size = file.stat().st_size
    if not size or size % dtype.itemsize:
        what = "is empty" if not size else f"has {size} bytes, no whole number of {dtype.itemsize}-byte tokens"
        raise UserError(f"{file} {what}: it was cut short; build the tokens again with `desdecero tokens`")
    return np.memmap(file, dtype, "r")
