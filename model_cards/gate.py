"""The publication gate: what must hold before a model is published, and what must be said when it is.

    findings = judge(Publication(…))
    refused(findings)            # the blocking findings that failed: with any, nothing is uploaded
    sentence("es", findings[0])  # one of them in words (`gate_sentences`)

Every rule is a function from plain data to one `Finding`. A blocking rule that fails refuses the upload; the others are
warnings, whose subject the card shows. The rules of `ACCEPTABLE` may be overridden by the authors, one by one, with a
reason that the card prints; whether what is uploaded is what was sealed may not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from desdecero.model_cards.findings import Acceptance, Finding, Publication
from desdecero.model_cards.gate_evidence import EVIDENCE_RULES
from desdecero.model_cards.gate_substance import SUBSTANCE_RULES, WARNINGS

__all__ = [
    "ACCEPTABLE",
    "EVIDENCE_RULES",
    "RULES",
    "Acceptance",
    "Finding",
    "Publication",
    "judge",
    "refused",
]


def _acceptances_needed(publication: Publication) -> Finding:
    """Refuse an acceptance of a rule that passes: the card says that authors override what refuses the model."""
    rules = [one.rule for one in publication.accepted if one.rule in ACCEPTABLE]
    needless = [rule for rule in rules if SUBSTANCE_RULES[rule](publication).passed]
    return Finding(
        "acceptances_needed",
        not needless,
        values={"rules": needless},
        value=", ".join(needless) or None,
        read="publish.accept",
    )


RULES: tuple[Callable[[Publication], Finding], ...] = (
    *EVIDENCE_RULES.values(),
    *SUBSTANCE_RULES.values(),
    _acceptances_needed,
    *WARNINGS.values(),
)
ACCEPTABLE = tuple(SUBSTANCE_RULES)
"""Rules about what the model is, in their order; the card says what each asks."""


def judge(publication: Publication) -> list[Finding]:
    """Apply every rule; what the authors accepted is marked so."""
    accepted = {acceptance.rule: acceptance for acceptance in publication.accepted}
    findings = [rule(publication) for rule in RULES]
    return [
        replace(one, accepted=accepted.get(one.rule)) if one.rule in ACCEPTABLE and not one.passed else one
        for one in findings
    ]


def refused(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings for which nothing may be uploaded."""
    return [finding for finding in findings if finding.blocking and not finding.passed and not finding.accepted]
