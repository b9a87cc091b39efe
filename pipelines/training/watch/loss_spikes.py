"""Loss spikes: skip bad steps; roll back to an earlier checkpoint when skipping does not help.

A step is refused, weights and optimisers untouched, if its loss or its gradient norm is not finite or lies more than
some standard deviations above the mean of the steps before it (OLMo-core's SkipStepOptimizer, with its window of 128
and its factor of 6). After several in a row, or if the mean loss stays high, weights and optimisers go back to an
earlier checkpoint, and training continues with the data *after* the trouble (Chowdhery et al. 2022, §5.1: the same
batches did no harm to other weights). The count of steps continues too: the budget holds, and the data of a step still
depends on seed and step alone. Decisions depend on losses and norms that every process has, and on steps, never on the
clock; their state is in the checkpoints, so a resumed run decides the same.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError

STAYS_HIGH = 2.0
"""Standard deviations of single steps by which the mean of a quarter window may lie above the best so far: about eleven
standard errors of that mean."""


class Guard:
    """Checks every step before it is taken.

    rate_keys: the recipe's learning rates, as the message that training does not recover names them.
    """

    def __init__(self, settings: recipes.Stability, rate_keys: str):
        self.settings, self.quarter, self.rate_keys = settings, max(2, settings.window // 4), rate_keys
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.taken: list[float] = []
        """Losses of the last steps that were not refused: a refused spike says nothing about the weights."""
        self.best: list[float] | None = None
        """Lowest mean loss over a quarter window, and the standard deviation of its steps."""
        self.in_a_row = 0
        self.skipped = 0
        self.rolled_back: list[dict[str, Any]] = []

    def refusal(self, loss: float, norm: float) -> str | None:
        """Record a step; return the reason why it must not be taken, or None."""
        because = _too_high("loss", loss, self.losses, self.settings) or _too_high(
            "gradient norm", norm, self.norms, self.settings
        )
        if math.isfinite(loss) and math.isfinite(norm):  # spikes too: a level that stays is not a spike
            self.losses = [*self.losses, loss][-self.settings.window :]
            self.norms = [*self.norms, norm][-self.settings.window :]
        if not because:
            self.taken = [*self.taken, loss][-self.quarter :]
        self.in_a_row = self.in_a_row + 1 if because else 0
        self.skipped += bool(because)
        return because

    def trouble(self) -> str | None:
        """Return the reason why refusing single steps is not enough, or None."""
        if self.in_a_row >= self.settings.skips:
            return f"steps refused in a row: {self.in_a_row}"
        if len(self.taken) < self.quarter:
            return None
        mean, deviation = _mean_and_deviation(self.taken)
        if self.best and mean > self.best[0] + STAYS_HIGH * self.best[1]:
            return f"the mean loss of {self.quarter} steps is {mean:.3f}, after {self.best[0]:.3f}"
        if not self.best or mean < self.best[0]:
            self.best = [mean, deviation]
        return None

    def target(self, step: int, because: str, last: bool = False) -> int:
        """Choose and record the step of the checkpoint to roll back to: the newest, or the one before it the second
        time.

        Raises `UserError` when the recipe's number of roll backs is used up, or on trouble in the last step.
        """
        if last or len(self.rolled_back) >= self.settings.roll_backs:
            raise UserError(
                f"training does not recover: at step {step:,} {because}, after {len(self.rolled_back)} roll backs; "
                f"lower {self.rate_keys} and run again"
            )
        every = self.settings.return_every
        newest = (step - 1) // every * every
        used = [back["to"] for back in self.rolled_back if back["to"] <= newest]
        to = max(0, newest - every) if newest in used else newest
        self.rolled_back = [*self.rolled_back, {"step": step, "to": to, "because": because}]
        return to

    def go_back(self, then: dict[str, Any]) -> None:
        """Restore the losses and norms of the checkpoint; keep the counts of refused steps and roll backs since."""
        self.losses, self.norms, self.taken, self.best = (then[name] for name in ("losses", "norms", "taken", "best"))
        self.in_a_row = 0

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        kept = ("losses", "norms", "taken", "best", "in_a_row", "skipped", "rolled_back")
        return {name: getattr(self, name) for name in kept}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        for name, value in state.items():
            setattr(self, name, value)


def _too_high(what: str, value: float, before: Sequence[float], settings: recipes.Stability) -> str | None:
    """Return the reason why a loss or a norm is refused, given those before it, or None."""
    if not math.isfinite(value):
        return f"the {what} is {value}"
    if len(before) < settings.window // 2:
        return None
    mean, deviation = _mean_and_deviation(before)
    if value <= mean + settings.deviations * deviation:
        return None
    return f"the {what} is {value:.3f}, after {mean:.3f} ± {deviation:.3f}"


def _mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    mean = statistics.fmean(values)
    return mean, math.sqrt(statistics.fmean((value - mean) ** 2 for value in values))
