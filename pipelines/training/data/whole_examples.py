"""Batches of examples to fine-tune on: each is packed whole into a row, and sees nothing of the others in it.

The rows of a task are made once: examples are placed largest first, each into the row with the least room that is
sufficient (`best_fit.py`), and what is left of a row is padding. Then all is as in `batches.py`: rows are shuffled anew
in each epoch, in an order that depends on the seed and the step, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.tokens.best_fit import best_fit
from desdecero.pipelines.training.data.shuffle import in_epochs

Pair = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Inputs and targets of an example; `IGNORED` marks targets that do not count."""


class WholeExamples:
    """Global batches of whole examples: `batch(step)` is a function of seed and step.

    Memory: four bytes a token of inputs or targets, twice while they are taken in, and sixteen an example.
    """

    length: int
    """Tokens in a row of inputs."""
    target_length: int
    """Targets in a row."""
    separator: int | None
    """The token that alone stands between examples, and to the right of them, for `ModelWithLoss`. None where each
    example begins with the end-of-text token and has no other: then examples are told apart as documents are. Of rows
    that hold one example each, it is the padding."""
    rows: int
    """Rows in an epoch."""
    row_tokens: float
    """Inputs in a row, on average, without padding."""

    def __init__(
        self, examples: Sequence[Pair], length: int, size: int, seed: int, end: int, padding: int | None,
        packed: bool = True,
    ):  # fmt: skip
        """Pack the examples into rows of `length` inputs; a batch has `size` rows.

        end, padding: the model's end-of-text and padding token, None for a model without. packed: whether examples
        share rows, for which each has as many targets as inputs; pairs for an encoder–decoder do not.

        Raises `ValueError` for no examples, and for one that does not fit a row.
        """
        if not examples:
            raise ValueError("there are no examples to train on: add some")
        lengths = np.array([len(inputs) for inputs, _ in examples])
        if (longest := int(lengths.max())) > length:
            raise ValueError(f"an example has {longest} tokens, and a row {length}: shorten it")
        targets = lengths if packed else np.array([len(targets) for _, targets in examples])
        self.length, self.target_length = length, length if packed else int(targets.max())
        self.size, self.seed = size, seed
        self.inputs = np.concatenate([inputs for inputs, _ in examples])
        self.targets = np.concatenate([targets for _, targets in examples])
        self.input_starts, self.target_starts = (np.r_[0, counts.cumsum()] for counts in (lengths, targets))
        self.separator, self.padding = self._separator(end, padding, packed)
        between = 0 if self.separator is None else 1
        if packed:
            row, count = best_fit(lengths + between, length + between)
        else:
            row, count = np.arange(len(examples)), len(examples)
        self.between = between
        self.order_in_rows = np.argsort(row, kind="stable")
        self.row_starts = np.r_[0, np.bincount(row, minlength=count).cumsum()]
        self.rows, self.row_tokens = count, float(lengths.sum() / count)

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of a step, counted from 0; `size` rows each, int64."""
        return self._rows(in_epochs(np.arange(step * self.size, (step + 1) * self.size), self.rows, self.seed))

    def largest(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the first batch: all have rows of one length."""
        return self.batch(0)

    def spread(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (inputs, targets) of at most `rows` rows, the same ones each time, evenly spaced: the first ones hold
        the longest examples."""
        count = min(rows, self.rows)
        return self._rows(np.arange(count) * self.rows // count)

    def _rows(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = np.full((len(rows), self.length), self.padding, dtype=np.int64)
        targets = np.full((len(rows), self.target_length), IGNORED, dtype=np.int64)
        for number, row in enumerate(rows.tolist()):
            place = 0
            for example in self.order_in_rows[self.row_starts[row] : self.row_starts[row + 1]].tolist():
                read = self.inputs[self.input_starts[example] : self.input_starts[example + 1]]
                asked = self.targets[self.target_starts[example] : self.target_starts[example + 1]]
                inputs[number, place : place + len(read)] = read
                targets[number, place : place + len(asked)] = asked
                place += len(read) + self.between
        return torch.from_numpy(inputs), torch.from_numpy(targets)

    def _separator(self, end: int, padding: int | None, packed: bool) -> tuple[int | None, int]:
        """Return (separator, padding token).

        The end-of-text token may also end turns, or be the padding token: some published models have it so. Then the
        separator is the lowest token that no example has, if it is not the padding token; what it is makes no
        difference, as nothing sees it.
        """
        firsts = self.inputs[self.input_starts[:-1]]
        begin_only = bool((firsts == end).all()) and np.count_nonzero(self.inputs == end) == len(firsts)
        taken = np.unique(self.inputs)
        if padding is None or padding == end or padding in taken:
            padding = next(i for i, token in enumerate([*taken.tolist(), -1]) if i != token)
            return padding, padding
        return None if begin_only and packed else padding, padding
