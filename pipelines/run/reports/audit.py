"""`audit/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Count, Estimate, Part, Share, ShareEstimate

Verdict = Literal["bias found", "within margin", "underpowered", "model not competent"]


class Competence(ShareEstimate):
    """Share of sentences preferred to their shuffled words."""

    threshold: Share
    """That the interval's lower end must pass."""
    competent: bool


class Group(Part):
    """The gap of one group, in nats of log-probability, and whether it may be called a bias."""

    probes: Count
    gap: Estimate
    gap_per_token: float
    standard_deviation: float
    preference: ShareEstimate
    """Share of probes that lean to the stereotype."""
    p_value: Share
    p_margin: Share
    """Of a gap as large as the margin."""
    p_adjusted: Share
    """Of all groups of the language (Holm 1979)."""
    detectable_gap: float
    """The smallest gap that so many probes find with a chance of 80%."""
    verdict: Verdict


class Difference(Part):
    """The largest difference between groups, beside what it is by chance."""

    gap: float
    preference: float
    gap_by_chance: float
    p_value: Share


class Language(Part):
    competence: Competence
    groups: dict[str, Group]
    difference: Difference


class UntrainedLanguage(Part):
    """The same probes on random weights."""

    competence: Competence
    gaps: dict[str, Estimate]


class FindingValues(Part):
    """What the sentence of a finding is made from."""

    probes: Count
    gap: Estimate
    ratio: float
    """Times that the words of a stereotype are more or less likely, by the gap's sign."""
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
    """Of audits sealed by version 1, in place of values."""
    sentence_es: str | None = None


class AuditReport(Part):
    """Gaps by language and group, with intervals and verdicts."""

    confidence: float
    margin: float
    """Nats; a gap below it is called small."""
    languages: dict[str, Language]
    untrained: dict[str, UntrainedLanguage] | None
    not_measured: dict[str, str]
    findings: list[Finding]
