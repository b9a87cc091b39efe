"""`evaluation/report.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from desdecero.eval_suites.results import HELD_OUT, ModelComparison, Part, SampleMeasures, Slice, SuiteResult


class SampleText(Part):
    """A prompt and the model's text: its continuation, or the prompt with its gaps filled."""

    prompt: str
    text: str


class EvaluationReport(Part):
    """Results of the suites, with intervals and beside baselines, and samples of what the model writes."""

    objective: Literal["causal", "masked", "span_corruption"]
    confidence: float
    """Of all intervals."""
    suites: list[SuiteResult]
    """One of them is that of held-out text, `language_modeling`."""
    slices: list[Slice] = Field(default=[])
    """Its main measure by source, language and length of the documents; and that of the domain slice, whose documents
    are not among the suite's."""
    split: Literal["test", "validation"] = "validation"
    """Documents that the held-out text is drawn from: `test` if the corpus has such."""
    chose: list[Literal["early_stop", "vocabulary_size"]] = Field(default=[])
    """What was chosen by documents of the same split, so that its figures flatter the model; never by `test`."""
    margin: float = 0.01
    """Difference that counts as none in `comparisons`, in the unit of each suite's main measure."""
    goals: dict[str, list[str]] = Field(default={})
    """What the model is for, and the suites that say something about it."""
    comparisons: list[ModelComparison] = Field(default=[])
    """The model beside others on the same items."""
    prompts_from: Literal["recipe", "held_out"]
    samples: list[SampleText]
    sample_measures: SampleMeasures | None = None
    """Of the samples; None for models that fill gaps."""

    @property
    def held_out(self) -> SuiteResult:
        """Return the result on held-out text."""
        return next(suite for suite in self.suites if suite.kind == HELD_OUT)
