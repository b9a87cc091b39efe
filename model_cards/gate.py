"""The publication gate: what must hold before a model is published, and what must be said when it is.

    findings = judge(Publication(…))
    refused(findings)            # the blocking findings that failed: with any, nothing is uploaded
    sentence("es", findings[0])  # one of them in words (`gate_sentences`)

Every rule is a function from plain data to one `Finding`. A blocking rule that fails refuses the upload; the others are
warnings, whose subject the card shows. The rules about what is published (`substance`: those of `ACCEPTABLE` for a
model, of `ACCEPTABLE_OF_ADAPTER` for an adapter) may be overridden by the authors, one by one, with a reason that the
card prints; whether what is uploaded is what was sealed may not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from desdecero.model_cards.findings import Acceptance, Finding, Publication
from desdecero.model_cards.gate_adapter import ADAPTER_RULES, gives_labels
from desdecero.model_cards.gate_evidence import EVIDENCE_RULES
from desdecero.model_cards.gate_substance import SUBSTANCE_RULES, WARNINGS

__all__ = [
    "ACCEPTABLE",
    "ACCEPTABLE_OF_ADAPTER",
    "EVIDENCE_RULES",
    "Acceptance",
    "Finding",
    "Publication",
    "judge",
    "refused",
    "rules_for",
]

Rule = Callable[[Publication], Finding]
ACCEPTABLE = tuple(SUBSTANCE_RULES)
"""Rules about what the model is, in their order; the card says what each asks."""
ACCEPTABLE_OF_ADAPTER = tuple(ADAPTER_RULES)


def _substance(publication: Publication) -> Mapping[str, Rule]:
    if publication.adapter is None:
        return SUBSTANCE_RULES
    other = "bias" if gives_labels(publication) else "swaps_alike"
    return {name: rule for name, rule in ADAPTER_RULES.items() if name != other}


def _acceptances_needed(publication: Publication) -> Finding:
    """Refuse an acceptance of a rule that passes: the card says that authors override what refuses the model."""
    substance = _substance(publication)
    rules = [one.rule for one in publication.accepted if one.rule in substance]
    needless = [rule for rule in rules if substance[rule](publication).passed]
    return Finding(
        "acceptances_needed",
        not needless,
        values={"rules": needless},
        value=", ".join(needless) or None,
        read="publish.accept",
    )


def rules_for(publication: Publication) -> tuple[Rule, ...]:
    """Return every rule that is asked of a model, or of an adapter."""
    substance = _substance(publication)
    warnings = list(WARNINGS.values())
    return (*EVIDENCE_RULES.values(), *substance.values(), _acceptances_needed, *warnings)


def judge(publication: Publication) -> list[Finding]:
    """Apply every rule; what the authors accepted is marked so."""
    accepted = {acceptance.rule: acceptance for acceptance in publication.accepted}
    substance = _substance(publication)
    findings = [rule(publication) for rule in rules_for(publication)]
    return [
        replace(one, accepted=accepted.get(one.rule)) if one.rule in substance and not one.passed else one
        for one in findings
    ]


def refused(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings for which nothing may be uploaded."""
    return [finding for finding in findings if finding.blocking and not finding.passed and not finding.accepted]
