"""Early stop: patience counts validations, and what was best is remembered."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from desdecero.pipelines.recipe import EarlyStop as Wanted
from desdecero.pipelines.training.watch.early_stop import EarlyStop


def seen(stop: EarlyStop, losses: Sequence[float], first: int = 1) -> int | None:
    """The step at which training ends, with a validation at each; None if it does not."""
    for step, loss in enumerate(losses, start=first):
        stop.note(step, loss)
        if stop.because:
            return step
    return None


def test_training_ends_when_patience_does() -> None:
    assert seen(EarlyStop(Wanted(patience=2)), [3.0, 2.0, 2.1, 1.9, 1.9, 2.0]) == 6
    assert seen(EarlyStop(Wanted(patience=3)), [3.0, 2.0, 2.1, 1.9, 1.9, 2.0]) is None


def test_nothing_ends_where_nobody_asked() -> None:
    stop = EarlyStop(None)
    assert seen(stop, [1.0] * 100) is None
    assert stop.best == []


def test_small_steps_count_when_they_add_up() -> None:
    falling = [3 - 0.06 * number for number in range(20)]
    assert seen(EarlyStop(Wanted(patience=2, min_improvement=0.1)), falling) is None
    assert seen(EarlyStop(Wanted(patience=2, min_improvement=0.2)), falling) == 3


def test_lowest_loss_is_best_even_where_it_is_too_little_to_go_on() -> None:
    stop = EarlyStop(Wanted(patience=3, min_improvement=0.5))
    assert [stop.note(step, loss) for step, loss in ((10, 3.0), (20, 2.9), (30, 2.95))] == [True, True, False]
    assert (stop.best, stop.lowest) == ([10, 20], 2.9)


def test_a_loss_that_is_no_number_is_no_improvement() -> None:
    stop = EarlyStop(Wanted(patience=2))
    assert seen(stop, [math.nan, 2.0, math.nan, math.inf]) == 4
    assert stop.best == [2]


def test_saved_state_decides_what_an_uninterrupted_one_does() -> None:
    losses = [3.0, 2.5, 2.6, 2.4, 2.45, 2.5, 2.6]
    whole = EarlyStop(Wanted(patience=3))
    end = seen(whole, losses)
    for cut in range(len(losses)):
        before, after = EarlyStop(whole.settings), EarlyStop(whole.settings)
        seen(before, losses[:cut])
        after.load(json.loads(json.dumps(before.state())))
        assert seen(after, losses[cut:], first=cut + 1) == end
        assert after.state() == whole.state()
