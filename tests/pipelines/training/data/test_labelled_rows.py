"""Batches of labelled examples."""

from __future__ import annotations

import numpy as np
import pytest

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.training.data.labelled_rows import LabelledRows

PADDING = 0


def rows(lengths: list[int], size: int, by_token: bool = False, seed: int = 3) -> LabelledRows:
    """Return rows whose first token is the number of the example, from 1, and whose target is the same."""
    ids = [np.array([number + 1, *[9_999] * (length - 1)], dtype=np.int32) for number, length in enumerate(lengths)]
    targets = [np.array([number + 1] * (len(row) if by_token else 1), dtype=np.int32) for number, row in enumerate(ids)]
    return LabelledRows(ids, targets, by_token, PADDING, size, seed)


@pytest.fixture
def lengths() -> list[int]:
    return np.random.default_rng(0).integers(4, 80, 1000).tolist()


def test_an_epoch_takes_every_example_and_fills_up_the_last_batch_only(lengths: list[int]) -> None:
    data = rows(lengths, size=32)
    for epoch in range(2):
        taken = [data.batch(epoch * data.per_epoch + step)[0][:, 0] for step in range(data.per_epoch)]
        numbers = np.concatenate([part.numpy() for part in taken])
        assert set(numbers) == set(range(1, 1001)) and len(numbers) == data.rows == 32 * 32


def test_a_batch_depends_on_seed_and_step_alone(lengths: list[int]) -> None:
    one, other = rows(lengths, size=32), rows(lengths, size=32)
    later, _ = other.batch(77)
    assert (one.batch(77)[0] == later).all()
    first, again = one.batch(0)[0][:, 0], one.batch(one.per_epoch)[0][:, 0]
    assert first.tolist() != again.tolist()
    assert first.tolist() != rows(lengths, size=32, seed=4).batch(0)[0][:, 0].tolist()


def test_inputs_and_targets_belong_together_and_are_padded_on_the_right(lengths: list[int]) -> None:
    for by_token in (False, True):
        inputs, targets = rows(lengths, size=32, by_token=by_token).batch(5)
        assert (targets[:, 0] == inputs[:, 0]).all()
        for row, number in zip(inputs, inputs[:, 0].tolist(), strict=True):
            length = lengths[number - 1]
            assert (row[:length] != PADDING).all() and (row[length:] == PADDING).all()
        if by_token:
            assert ((targets == IGNORED) == (inputs == PADDING)).all()
        else:
            assert targets.shape == (32, 1)


def test_rows_of_a_batch_are_of_like_lengths(lengths: list[int]) -> None:
    data = rows(lengths, size=32)
    inputs = [data.batch(step)[0] for step in range(data.per_epoch)]
    padded = sum(int((batch == PADDING).sum()) for batch in inputs) / sum(batch.numel() for batch in inputs)
    assert padded < 0.05
    widths = [batch.shape[1] for batch in inputs]
    assert widths != sorted(widths), "batches of a window are shuffled"


def test_the_largest_batch_has_the_longest_rows(lengths: list[int]) -> None:
    data = rows(lengths, size=32)
    inputs, _ = data.largest()
    assert inputs.shape == (32, max(lengths)) and data.length == max(lengths)
    assert sorted(int((row != PADDING).sum()) for row in inputs) == sorted(lengths)[-32:]
    assert rows([5, 7], size=8).largest()[0].shape == (8, 7)


def test_validation_rows_are_spread_over_all(lengths: list[int]) -> None:
    inputs, _ = rows(lengths, size=32).spread(100)
    assert sorted(inputs[:, 0].tolist()) == [1 + 10 * number for number in range(100)]
    assert len(rows(lengths, size=32).spread(5000)[0]) == 1000
