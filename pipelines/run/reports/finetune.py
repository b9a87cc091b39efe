"""`adapters/<name>/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Comparison, Count, Part, RollBack, Share


class FinetuneReport(Part):
    """An adapter: what was trained, and what it changed."""

    name: str
    base_sha256: str
    """Of `model.safetensors` of the model under the adapter."""
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
    budget: dict[str, int | float]
    steps: Count
    tokens: Count
    train_loss_first: float
    """Mean of the first tenth of the steps, in nats a token."""
    train_loss_last: float
    precision: str
    compiled: bool
    skipped_steps: Count
    roll_backs: list[RollBack]
    measure: str
    """Proportional to the mean loss: `bits_per_byte`, `masked_loss`, `span_loss`, or `token_loss` of a causal model
    whose tokenizer does not give the texts back."""
    confidence: float
    domain: Comparison
    general: Comparison
