"""Steps that would harm are refused, a loss that stays high sends training back, and neither happens to calm ones."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Stability
from desdecero.pipelines.training.watch.loss_spikes import Guard


def calm(steps: int = 400, seed: int = 0) -> list[tuple[float, float]]:
    """Losses and gradient norms as small batches give them: falling, and noisy."""
    draws = np.random.default_rng(seed)
    fall = 3 + 5 * np.exp(-np.arange(steps) / 60)
    return list(zip(fall + draws.normal(0, 0.15, steps), draws.lognormal(-0.5, 0.3, steps), strict=True))


def guard(**wanted: Any) -> Guard:
    return Guard(Stability(**wanted), "pretrain.optimizer.learning_rate")


def test_calm_training_is_left_alone() -> None:
    found = guard()
    for loss, norm in calm(5000):
        assert found.refusal(loss, norm) is None
        assert found.trouble() is None


@pytest.mark.parametrize(("loss", "norm", "word"), [
    (9.0, 0.6, "loss"), (3.0, 40.0, "gradient norm"), (math.nan, 0.6, "loss is nan"), (3.0, math.inf, "norm is inf"),
])  # fmt: skip
def test_a_spike_is_refused_and_the_step_after_it_taken(loss: float, norm: float, word: str) -> None:
    found = guard()
    for step in calm():
        assert found.refusal(*step) is None
    because = found.refusal(loss, norm)
    assert because and word in because
    assert found.trouble() is None
    assert found.refusal(3.0, 0.6) is None
    assert found.skipped == 1


def test_values_that_are_no_numbers_are_refused_from_the_first_step_on() -> None:
    assert guard().refusal(math.nan, 1.0)


def test_several_refused_in_a_row_send_training_back() -> None:
    found = guard(skips=3)
    for _ in range(3):
        assert found.trouble() is None
        assert found.refusal(math.nan, math.nan)
    assert "in a row: 3" in str(found.trouble())


def test_a_loss_that_creeps_up_and_stays_sends_training_back() -> None:
    found, steps = guard(), calm()
    for step in steps:
        found.refusal(*step)
        assert found.trouble() is None
    for number, (loss, norm) in enumerate(calm()[-100:]):
        assert found.refusal(loss + 0.02 * number, norm) is None  # no step alone is a spike
        if found.trouble():
            return
    pytest.fail("2 nats above its best, and nobody said so")


def test_going_back_twice_from_one_place_reaches_the_checkpoint_before_it() -> None:
    found = guard(return_every=100, roll_backs=3)
    assert [found.target(step, "it is high") for step in (251, 260, 340)] == [200, 100, 300]
    with pytest.raises(UserError, match="at step 360 it is high, after 3 roll backs; lower"):
        found.target(360, "it is high")


def test_a_guard_taken_up_from_a_checkpoint_decides_the_same() -> None:
    steps = calm(300)
    steps[250:252] = [(9.0, 0.6), (math.nan, 1.0)]
    whole, first, second = guard(), guard(), guard()
    expected = [(whole.refusal(*step), whole.trouble()) for step in steps]
    found = [(first.refusal(*step), first.trouble()) for step in steps[:251]]
    second.load(json.loads(json.dumps(first.state())))
    found += [(second.refusal(*step), second.trouble()) for step in steps[251:]]
    assert found == expected
    assert second.state() == whole.state()
