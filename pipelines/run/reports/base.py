"""Types that the reports of several stages share."""

from __future__ import annotations

from desdecero.eval_suites.results import Comparison, Count, Estimate, Part, Share, ShareEstimate

__all__ = ["Comparison", "Count", "EarlyStop", "Estimate", "Part", "RollBack", "Share", "ShareEstimate", "Size"]


class Size(Part):
    """How much text."""

    documents: Count
    bytes: Count
    """UTF-8."""


class RollBack(Part):
    """A return to an earlier checkpoint, because the loss did not recover."""

    step: Count
    to: Count
    because: str


class EarlyStop(Part):
    """Early stop: the end of training before its budget, and the weights that were kept."""

    stopped: bool
    because: str | None
    at_step: Count
    planned_steps: Count
    kept_step: Count
    """Whose weights are the model's."""
    kept_validation_loss: float | None
