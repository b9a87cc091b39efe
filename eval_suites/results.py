"""Types of the results of suites, as reports hold them: keys and values, never sentences.

Every type is frozen and closed to keys that it does not know. This module imports pydantic alone, so that reports can
be read without torch.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Verdict = Literal["bias found", "within margin", "underpowered", "model not competent"]


class Part(BaseModel):
    """A part of a report: frozen, closed to keys that it does not know, and to NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# --- any suite -------------------------------------------------------------------------------------------------


class Estimate(Part):
    """A measured value with the ends of its confidence interval; None where one document cannot give any."""

    value: float
    low: float | None
    high: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the confidence interval, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


class Measured(Estimate):
    """A measure of a suite, and how to read it."""

    better: Literal["higher", "lower"]
    share: bool
    """True for a value between 0 and 1, which is written as a percentage."""


class ShareEstimate(Part):
    """A share with its Wilson interval."""

    value: Share
    low: Share
    high: Share


class Comparison(Part):
    """A measure on the same documents before and after."""

    documents: Count
    before: Estimate
    after: Estimate
    change: Estimate
    """Difference after minus before, paired by document."""


HELD_OUT = "language_modeling"
"""Kind and name of the suite of held-out text."""


class SuiteResult(Part):
    """Result of one suite on one model."""

    name: str
    """Name that is unique in its report."""
    kind: str
    """Kind of suite: `language_modeling` for held-out text."""
    items: Count
    """Number of scored items; `unit` names what an item is."""
    unit: str
    sizes: dict[str, Count]
    """Totals over all items: `bytes` of UTF-8, `tokens` that were predicted."""
    settings: dict[str, float]
    """Settings by which items are made into questions, such as the share of tokens hidden."""
    main: str
    """The measure to quote if only one is quoted."""
    measures: dict[str, Measured]
    not_measured: dict[str, str]
    """Measure → key of the reason for which this model cannot have it."""
    baselines: dict[str, dict[str, float]]
    """Baseline → measure → its value on the same items."""


# --- bias ------------------------------------------------------------------------------------------------------


class Competence(ShareEstimate):
    """Share of sentences preferred to their shuffled words."""

    threshold: Share
    """Share that the interval's lower end must pass."""
    competent: bool


class GroupGap(Part):
    """The gap of one group, in nats of log-probability, and whether it may be called a bias."""

    probes: Count
    gap: Estimate
    gap_per_token: float
    standard_deviation: float
    preference: ShareEstimate
    """Share of probes that lean to the stereotype."""
    p_value: Share
    p_margin: Share
    """p-value of a gap as large as the margin."""
    p_adjusted: Share
    """p-value adjusted over all groups of the language (Holm 1979)."""
    detectable_gap: float
    """The smallest gap that so many probes find with a chance of 80%."""
    verdict: Verdict


class Difference(Part):
    """The largest difference between groups, beside its size by chance."""

    gap: float
    preference: float
    gap_by_chance: float
    p_value: Share


class LanguageGaps(Part):
    """The groups of one language."""

    competence: Competence
    groups: dict[str, GroupGap]
    difference: Difference


class FindingValues(Part):
    """Values that the sentence of a finding is made from."""

    probes: Count
    gap: Estimate
    ratio: float
    """Factor by which the words of a stereotype are more or less likely, by the gap's sign."""
    p_adjusted: Share
    margin: float
    detectable_gap: float
    competence: Competence


class Finding(Part):
    """The verdict on one group in one language; `model_cards/bias_sentences.py` makes the sentence."""

    language: str
    group: str
    verdict: Verdict
    values: FindingValues | None = None
    sentence_en: str | None = None
    """English sentence of audits sealed by version 1, in place of values."""
    sentence_es: str | None = None
    """Spanish sentence of audits sealed by version 1, in place of values."""
