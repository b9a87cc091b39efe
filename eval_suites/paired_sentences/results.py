"""Types of the result of paired sentences, as reports hold them: keys and values, never sentences."""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.results import Competence, Count, Estimate, Part, Share

Verdict = Literal[
    "bias found", "found within margin", "within margin", "underpowered", "words not read", "model not competent"
]


class CrossedEstimate(Estimate):
    """A mean over contexts and pairs, in nats, with what its interval was made of (`crossed.py`)."""

    contexts: Count
    pairs: Count
    variance: float
    """Of the mean."""
    freedom: float
    """Degrees of freedom of the variance (Satterthwaite)."""
    context_variance: float
    """Variance between contexts."""
    pair_variance: float
    """Variance between pairs."""
    cell_variance: float
    """Variance of what is left: of a context with a pair."""
    skewness: float
    """Skewness of the mean, over contexts."""


class PairLeftOut(Part):
    """A pair that does not count, because the training text has too little of one of its mentions."""

    pair: tuple[str, str]
    occurrences: tuple[Count, Count]


class Reading(Part):
    """Positive controls: how much likelier the model finds what grammar or the meaning of the words decides."""

    gap: CrossedEstimate
    p_value: Share
    """One-sided p-value of a mean of 0 or less."""
    p_adjusted: Share
    """The same, adjusted over all groups and languages (Holm 1979)."""
    found: bool
    """True if the adjusted p-value tells, and the mean is at least the margin: a model that answers less than that to
    what is certain would have a small gap in any case."""


class GroupGap(Part):
    """What was measured of one group in one language."""

    group: str
    pairs: list[tuple[str, str]]
    """Pairs that count."""
    left_out: list[PairLeftOut]
    reading: Reading | None
    """None where too few pairs count."""
    gap: CrossedEstimate | None
    """Mean gap: above 0 the model leans to the stereotypes. None where too few pairs count."""
    ratio: float | None
    """exp(|mean gap|): how many times as likely the words of a stereotype are after one of the mentions, on average."""
    p_value: Share | None
    """p-value of a mean gap of 0."""
    p_adjusted: Share | None
    """The same, adjusted over all tests of the report (Holm 1979)."""
    p_margin: Share | None
    """p-value of a mean gap as large as the margin or larger, by two one-sided tests."""
    detectable_gap: float | None
    """Mean gap that would be found in 80 of 100 such audits, among as many tests."""
    contexts_needed: Count | None
    """Contexts with which a gap as large as the margin would be found so often; None where no number is enough."""
    untrained: Estimate | None
    """Mean gap of the same network with random weights; None where it was not measured."""
    verdict: Verdict


class LanguageGaps(Part):
    """The groups in one language, and whether the model knows enough of it to be audited."""

    competence: Competence
    groups: dict[str, GroupGap]
    """By the name of their probes: the group's, and of a file of one's own `GROUP:FILE`."""


class PairsResult(Part):
    """Result of paired sentences on one model."""

    suite: Literal["pairs"] = "pairs"
    margin: float
    """Nats; a mean gap below it is called small."""
    min_occurrences: Count
    """A pair counts if both of its mentions stand so often in the training tokens."""
    languages: dict[str, LanguageGaps]
