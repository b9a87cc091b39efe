"""Ending before the budget does, where held-out text stops getting easier."""

from __future__ import annotations

import math
from typing import Any

from desdecero.pipelines import recipe as recipes


class EarlyStop:
    """Looks at every validation, and at nothing else: the same losses decide the same, on any machine.

    Its state is in the checkpoints, so that a resumed run decides the same. With `wanted` None it never stops.
    """

    def __init__(self, wanted: recipes.EarlyStop | None):
        self.wanted = wanted
        self.mark: float | None = None
        """The loss that the next ones have to fall below, by `min_improvement`."""
        self.in_vain = 0
        """Validations since then that did not."""
        self.lowest: float | None = None
        self.best: list[int] = []
        """Steps of the lowest loss, and of the lowest before it, should the checkpoint of the newer be damaged."""

    def note(self, step: int, loss: float) -> bool:
        """Whether this validation, at `step`, is the best so far."""
        if not self.wanted:
            return False
        if _below(loss, self.mark, by=self.wanted.min_improvement):
            self.mark, self.in_vain = loss, 0
        else:
            self.in_vain += 1
        if not _below(loss, self.lowest):
            return False
        self.lowest, self.best = loss, [*self.best, step][-2:]
        return True

    @property
    def because(self) -> str | None:
        """Why training ends here, or None."""
        if not self.wanted or self.in_vain < self.wanted.patience:
            return None
        far = f"{self.wanted.min_improvement:g} nats a token below" if self.wanted.min_improvement else "below"
        mark = "anything" if self.mark is None else f"{self.mark:.4f}"
        return f"{self.in_vain} validations in a row were not {far} {mark}"

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {name: getattr(self, name) for name in ("mark", "in_vain", "lowest", "best")}

    def load(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def _below(loss: float, mark: float | None, by: float = 0.0) -> bool:
    """Whether a loss, which may be no number, lies far enough below what was there; anything does below nothing."""
    return math.isfinite(loss) and (mark is None or loss < mark - by)
