"""`evaluation/report.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from desdecero.eval_suites.results import Count, ModelComparison, Part, SampleMeasures, Slice, SuiteResult


class SampleText(Part):
    """A prompt and the model's text: its continuation, or the prompt with its gaps filled."""

    prompt: str
    text: str


class SampleDecoding(Part):
    """How the tokens of the samples were chosen."""

    temperature: float
    """0: the likeliest token each time."""
    top_k: Count | None
    """Likeliest tokens that each was drawn among; None where none was drawn."""
    tokens: Count
    """Most tokens of a sample; of a gap, where gaps are filled."""
    seed: Count | None


class ScoresReport(Part):
    """Results of one model on held-out text and on the suites, with intervals, as `desdecero score` writes them."""

    objective: Literal["causal", "masked", "span_corruption"]
    confidence: float
    """Of all intervals."""
    text: SuiteResult | None
    """Result on held-out text; None where there was no corpus."""
    suites: list[SuiteResult]
    """Results on the suites of the recipe, in its order."""
    split: Literal["test", "validation"] = "validation"
    """Documents that the held-out text is drawn from: `test` if the corpus has such."""

    @property
    def results(self) -> list[SuiteResult]:
        """Return all results: held-out text first, if it was measured, then the suites."""
        return [*([self.text] if self.text else []), *self.suites]


class EvaluationReport(ScoresReport):
    """Results of a run's model, beside baselines, and samples of what it writes."""

    text: SuiteResult
    """Result on held-out text."""
    slices: list[Slice] = Field(default=[])
    """Its main measure by source, language and length of the documents; and that of the domain slice, whose documents
    are not among the suite's."""
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
    decoding: SampleDecoding | None = None
    """Of the samples; None where there are none."""
    sample_measures: SampleMeasures | None = None
    """Of the samples; None for models that fill gaps."""
