"""Batches that are partly of the base's own training data, against forgetting (Robins 1995, "rehearsal")."""

from __future__ import annotations

import torch

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.data.batches import TrainingData


def rows_of_replay(size: int, share: float) -> int:
    """Return the rows of a batch that are replayed. Raises `UserError` where the share comes to none, or to all."""
    rows = round(share * size)
    if share and not 0 < rows < size:
        raise UserError(
            f"replay {share:g} of a batch_size of {size} is {rows} sequences: raise batch_size, or change replay"
        )
    return rows


class WithReplay:
    """Batches of two kinds of data; see `TrainingData`. The first rows of each batch are of `own`."""

    def __init__(self, own: TrainingData, base: TrainingData, padding: int):
        """Join them. A row of the narrower one is filled up with `padding`, and its targets with `IGNORED`."""
        self._own, self._base, self._padding = own, base, padding
        self.length, self.target_length = max(own.length, base.length), max(own.target_length, base.target_length)
        sizes = [len(data.batch(0)[0]) for data in (own, base)]
        self.row_tokens = (sizes[0] * own.row_tokens + sizes[1] * base.row_tokens) / sum(sizes)
        self.rows = round(own.rows * sum(sizes) / sizes[0])

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of a step, counted from 0, int64."""
        return self._joined(self._own.batch(step), self._base.batch(step))

    def spread(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of at most `rows` rows of one's own data, the same ones each time."""
        return self._own.spread(rows)

    def largest(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of a batch that takes as much memory as any."""
        return self._joined(self._own.largest(), self._base.largest())

    def _joined(
        self, own: tuple[torch.Tensor, torch.Tensor], base: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        (x, y), (u, v) = own, base
        return _stacked(x, u, self._padding), _stacked(y, v, IGNORED)


def _stacked(one: torch.Tensor, other: torch.Tensor, filling: int) -> torch.Tensor:
    width = max(one.shape[1], other.shape[1])
    rows = [torch.nn.functional.pad(part, (0, width - part.shape[1]), value=filling) for part in (one, other)]
    return torch.cat(rows)
