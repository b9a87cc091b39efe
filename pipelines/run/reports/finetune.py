"""`adapters/<name>/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Count, Estimate, Part, RollBack, Share


class Compared(Part):
    """The same held-out documents before and after."""

    documents: Count
    before: Estimate
    after: Estimate
    change: Estimate
    """After minus before, paired by document."""


class FinetuneReport(Part):
    """An adapter: what was trained, and what it changed."""

    name: str
    method: Literal["lora"]
    rank: Count
    alpha: float
    trainable_parameters: Count
    trainable_share: Share
    """Of the model's parameters."""
    learning_rate: float
    documents: Count
    """Of the domain slice that were trained on."""
    processes: Count
    budget: dict[str, float]
    steps: Count
    tokens: Count
    train_loss_first: float
    """Mean of the first tenth of the steps, in nats a token."""
    train_loss_last: float
    precision: str
    compiled: bool
    skipped_steps: Count
    roll_backs: list[RollBack]
    measure: Literal["bits_per_byte", "masked_loss", "span_loss"]
    confidence: float
    domain: Compared
    general: Compared
