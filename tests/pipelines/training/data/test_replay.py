"""Batches that are partly of the base's training data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.data.labelled_rows import LabelledRows
from desdecero.pipelines.training.data.replay import WithReplay, rows_of_replay


def rows(token: int, count: int, length: int, size: int) -> LabelledRows:
    ids = [np.full(length, token, dtype=np.int32) for _ in range(count)]
    return LabelledRows(ids, ids, True, 0, size, 0)


def test_each_batch_has_its_share_of_the_bases_rows_and_what_is_narrower_is_filled_up() -> None:
    own, base = rows(1, 90, 4, size=9), rows(2, 500, 6, size=1)
    data = WithReplay(own, base, padding=0)
    inputs, targets = data.batch(3)
    assert inputs.shape == targets.shape == (10, 6)
    assert inputs[:9].tolist() == [[1, 1, 1, 1, 0, 0]] * 9 and inputs[9].tolist() == [2] * 6
    assert targets[:9].tolist() == [[1, 1, 1, 1, IGNORED, IGNORED]] * 9 and targets[9].tolist() == [2] * 6
    assert data.rows == 100, "an epoch is one of one's own data"
    assert torch.equal(data.spread(5)[0], own.spread(5)[0]), "what is chosen by is one's own data alone"


@pytest.mark.parametrize(("size", "share", "rows"), [(16, 0.1, 2), (16, 0.0, 0), (4, 0.5, 2)])
def test_a_share_is_rounded_to_rows(size: int, share: float, rows: int) -> None:
    assert rows_of_replay(size, share) == rows


@pytest.mark.parametrize(("size", "share"), [(4, 0.1), (4, 0.99), (1, 0.5)])
def test_a_share_of_no_whole_row_is_refused(size: int, share: float) -> None:
    with pytest.raises(UserError, match="raise batch_size, or change replay"):
        rows_of_replay(size, share)
