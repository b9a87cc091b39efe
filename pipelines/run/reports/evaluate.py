"""`evaluation/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.results import Count, Part, SuiteResult


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
    """The first is that of held-out text, `language_modeling`."""
    prompts_from: Literal["recipe", "held_out"]
    samples: list[SampleText]

    def suite(self, name: str) -> SuiteResult:
        """Return the result of the suite of this name."""
        return next(suite for suite in self.suites if suite.name == name)
