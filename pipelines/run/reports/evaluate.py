"""`evaluation/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Count, Estimate, Part


class SampleText(Part):
    """What the model wrote after a prompt, or with its gaps filled."""

    prompt: str
    text: str


class EvaluationReport(Part):
    """Measures on held-out text with their intervals, beside baselines; None for those that the model cannot have."""

    objective: Literal["causal", "masked", "span_corruption"]
    documents: Count
    bytes: Count
    tokens: Count
    """That were predicted."""
    mask_probability: float | None
    mean_span_length: float | None
    confidence: float
    resamples: Count
    bits_per_byte: Estimate | None
    perplexity: Estimate | None
    token_accuracy: Estimate | None
    masked_accuracy: Estimate | None
    masked_loss: Estimate | None
    """Nats a hidden token."""
    span_accuracy: Estimate | None
    span_loss: Estimate | None
    """Nats a token of a span."""
    not_measured: dict[str, str]
    """Measure → why it was not taken."""
    yardsticks: dict[str, dict[str, float]]
    """Baseline (`untrained`, `unigram`, `xz`) → measure → value."""
    prompts_from: Literal["recipe", "held_out"]
    samples: list[SampleText]
