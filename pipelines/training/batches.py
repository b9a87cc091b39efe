"""Training batches from token shards: an order that depends on the seed and the step, and on nothing else.

The shards of a split are one long stream of tokens, cut into blocks of the context length; a block may hold the
end of one document and the start of the next. Step `s` of a run takes blocks `s·B … (s+1)·B − 1` of an endless
sequence of shuffled epochs, whatever the number of processes, and whether or not the run was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pipelines.errors import UserError

IGNORED = -100  # a target that counts for nothing: torch's cross-entropy knows it by this number


class Blocks:
    """Blocks of `length` tokens, mapped from files; `lookahead` more follow each for causal targets."""

    def __init__(self, files: Sequence[Path], dtype: str, length: int, lookahead: int):
        self.shards = [np.memmap(file, np.dtype(dtype), "r") for file in files if file.stat().st_size]
        self.length, self.span = length, length + lookahead
        counts = [max(0, (len(shard) - lookahead) // length) for shard in self.shards]
        self.ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, index: int) -> np.ndarray:
        shard = int(np.searchsorted(self.ends, index, side="right"))
        start = (index - (int(self.ends[shard - 1]) if shard else 0)) * self.length
        return np.asarray(self.shards[shard][start : start + self.span], dtype=np.int64)

    def stack(self, indices: Sequence[int]) -> torch.Tensor:
        """(len(indices), length + lookahead) token ids, int64."""
        return torch.from_numpy(np.stack([self[int(i)] for i in indices]))


class Batches:
    """Global batches of inputs and targets for a run: `batch(step)` is a function of seed and step."""

    def __init__(
        self, files: Sequence[Path], dtype: str, length: int, size: int, seed: int,
        mask_token: int | None = None, mask_probability: float = 0.0,
    ):  # fmt: skip
        self.blocks = Blocks(files, dtype, length, lookahead=0 if mask_token is not None else 1)
        self.size, self.seed = size, seed
        self.mask_token, self.mask_probability = mask_token, mask_probability
        if not len(self.blocks):
            tokens = sum(len(shard) for shard in self.blocks.shards)
            raise UserError(
                f"{tokens} tokens do not fill one sequence of model.context_length {length}: "
                "bring more text or lower the context length"
            )
        self._order: tuple[int, np.ndarray] | None = None

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(inputs, targets) of a step, counted from 0; each (size, length), int64."""
        places = range(step * self.size, (step + 1) * self.size)
        return self.prepare(self.blocks.stack([self._block(place) for place in places]), step)

    def prepare(self, tokens: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Causal: each token's target is the next one. Masked: a share of tokens is hidden and asked for.

        All chosen tokens become the mask token (Wettig et al. 2023, §6, found BERT's random and unchanged
        tokens to cost more than they bring). Which ones depends on seed and step.
        """
        if self.mask_token is None:
            return tokens[:, :-1], tokens[:, 1:]
        generator = np.random.default_rng((self.seed, 1, step))
        chosen = torch.from_numpy(generator.random(tokens.shape) < self.mask_probability)
        chosen[:, 0] |= ~chosen.any(dim=1)  # a sequence without a question would teach nothing
        return torch.where(chosen, self.mask_token, tokens), torch.where(chosen, tokens, IGNORED)

    def _block(self, place: int) -> int:
        epoch, position = divmod(place, len(self.blocks))
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.blocks))
        return int(self._order[1][position])
