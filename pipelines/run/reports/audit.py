"""`audit/report.json`."""

from __future__ import annotations

from desdecero.eval_suites.results import Competence, Estimate, Finding, GapChange, LanguageGaps, Part


class UntrainedLanguage(Part):
    """The same probes on random weights."""

    competence: Competence
    gaps: dict[str, Estimate]


class AuditReport(Part):
    """Gaps by language and group, with intervals and verdicts."""

    confidence: float
    margin: float
    """Nats; a gap below it is called small."""
    languages: dict[str, LanguageGaps]
    untrained: dict[str, UntrainedLanguage] | None
    not_measured: dict[str, str]
    findings: list[Finding]
    changes: list[GapChange] | None = None
    """What became of the gaps of the model under an adapter; None for a model, where the two were audited with
    different probes, and in reports of older versions."""
