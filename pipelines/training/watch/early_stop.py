"""Stop training before its budget ends when validation loss no longer falls."""

from __future__ import annotations

import math
from typing import Any

from desdecero.pipelines import recipe as recipes


class EarlyStop:
    """Decides by validation losses alone: the same losses decide the same, on any machine.

    Its state is in the checkpoints, so that a resumed run decides the same. With `settings` None it never stops.
    """

    def __init__(self, settings: recipes.EarlyStop | None):
        self.settings = settings
        self.loss_to_beat: float | None = None
        """The next losses must be lower by `min_improvement`."""
        self.validations_without_improvement = 0
        """Validations since `loss_to_beat` that were not lower by so much."""
        self.lowest: float | None = None
        self.best: list[int] = []
        """Steps of the lowest loss and of the lowest before it, in case the checkpoint of the newer one is damaged."""

    def note(self, step: int, loss: float) -> bool:
        """Record the validation loss at `step`; return whether it is the lowest so far."""
        if not self.settings:
            return False
        if _below(loss, self.loss_to_beat, by=self.settings.min_improvement):
            self.loss_to_beat, self.validations_without_improvement = loss, 0
        else:
            self.validations_without_improvement += 1
        if not _below(loss, self.lowest):
            return False
        self.lowest, self.best = loss, [*self.best, step][-2:]
        return True

    @property
    def because(self) -> str | None:
        """The reason why training ends here, or None if it goes on."""
        if not self.settings or self.validations_without_improvement < self.settings.patience:
            return None
        far = f"{self.settings.min_improvement:g} nats a token below" if self.settings.min_improvement else "below"
        mark = "anything" if self.loss_to_beat is None else f"{self.loss_to_beat:.4f}"
        return f"{self.validations_without_improvement} validations in a row were not {far} {mark}"

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, under the keys that its file has always had."""
        return {
            "mark": self.loss_to_beat,
            "in_vain": self.validations_without_improvement,
            "lowest": self.lowest,
            "best": self.best,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.loss_to_beat, self.validations_without_improvement = state["mark"], state["in_vain"]
        self.lowest, self.best = state["lowest"], state["best"]


def _below(loss: float, mark: float | None, by: float = 0.0) -> bool:
    """Return whether a loss is finite and lower than `mark` by more than `by`; without a mark every finite one is."""
    return math.isfinite(loss) and (mark is None or loss < mark - by)
