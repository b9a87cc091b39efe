"""`pretrain/report.json`: the one report that holds times and facts of the machine."""

from __future__ import annotations

from typing import Any, Literal

from desdecero.pipelines.run.reports.base import Count, EarlyStop, Part, RollBack
from desdecero.pipelines.run.reports.tokens import LicenseTokens


class Start(Part):
    """A later start of the training, from a checkpoint."""

    step: Count
    processes: Count
    micro_batch_size: int
    device: str
    torch: str
    sharded: bool


class Cost(Part):
    """Cost of the time of all starts."""

    amount: float
    currency: str
    seconds: float
    per_hour: float


class Exposure(Part):
    """What the weights read of the training documents, canaries left out (`pretrain/exposure.parquet`)."""

    documents: Count
    """Of the training split."""
    read: Count
    """Those of which at least a token was read."""
    never_read: Count
    tokens: Count
    """Read, repetitions included; padding and the ends of text that open blocks are of no document."""
    licenses: list[LicenseTokens]
    """Tokens read under each licence; those of which none were are left out."""


class PretrainReport(Part):
    """A pretraining: model, data, duration, speed and losses."""

    architecture: str
    objective: Literal["causal", "masked", "span_corruption"]
    parameters: Count
    parameters_without_embeddings: Count
    layers: Count
    hidden_size: Count
    heads: Count
    context_length: Count
    vocab_size: Count
    optimizer: str
    schedule: str
    batch_size: Count
    """Sequences a step."""
    packing: str
    goldfish: dict[str, Any] | None
    """The recipe's section."""
    budget: dict[str, int | float]
    steps: Count
    tokens: Count
    few_steps: bool
    """Too few to tell anything (`training/report.py`: FEW_STEPS)."""
    epochs: float
    flops: float
    """Floating-point operations of the model, forward and backward."""
    seconds: float
    """Of training, over all starts."""
    tokens_per_second: Count
    flops_per_second: float
    peak_flops_per_second: float | None
    peak_from: str | None
    """`data sheet` or `probed`."""
    mfu: float | None
    """Model FLOPs over those that the device could have done in the same time."""
    machine_slowdown: float | None
    """Median over best time of a probe's products."""
    machine_busy: bool
    setup_seconds: float
    cost: Cost | None
    energy: dict[str, float | str] | None
    """As codecarbon counted it, and how."""
    precision: str
    compiled: bool
    compiled_because: str
    device: str
    processes: Count
    resumed_at: list[Start]
    train_loss: float
    """Nats a token, of the last step that was logged."""
    validation_loss: float
    untrained_validation_loss: float
    skipped_steps: Count
    roll_backs: list[RollBack]
    early_stop: EarlyStop | None
    exposure: Exposure
    peak_memory_bytes: Count | None
