"""`evaluation/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.results import HELD_OUT, Count, Part, SuiteResult


class SampleText(Part):
    """A prompt and the model's text: its continuation, or the prompt with its gaps filled."""

    prompt: str
    text: str


class EvaluationReport(Part):
    """Results of the suites, with intervals and beside baselines, and samples of what the model writes."""

    objective: Literal["causal", "masked", "span_corruption"]
    confidence: float
    """Of all intervals."""
    resamples: Count
    suites: list[SuiteResult]
    """One of them is that of held-out text, `language_modeling`."""
    prompts_from: Literal["recipe", "held_out"]
    samples: list[SampleText]

    @property
    def held_out(self) -> SuiteResult:
        """Return the result on held-out text."""
        return next(suite for suite in self.suites if suite.kind == HELD_OUT)
