"""The publication gate: what must hold before a model leaves the house, and what must be said when it does.

    findings = judge(Publication(…))
    refused(findings)            # the blocking findings that failed: with any, nothing is uploaded

Every rule is a function from plain data to one `Finding`. A blocking rule that fails refuses the upload; the
others are warnings, whose subject the card shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_cards.formats import percent

SHOWN_FAULTS = 10  # a sentence that names more files than this is not read


@dataclass(frozen=True)
class Publication:
    """What is about to be uploaded, and what is known of it."""

    repo_id: str | None
    states: Mapping[str, str]
    """Stage → `sealed`, `unwanted`, or what is wrong with it."""
    faults: Sequence[str]
    """What verifying every seal found, one sentence each."""
    card: Mapping[str, Any] | None
    """The card's report: `missing`, `model_license`, `repo_id`; None where there is none."""
    licensing: Mapping[str, Any] | None
    """What the licences of the training data ask of this model, `card/licensing.json`; None where it is not known."""
    bias_findings: Sequence[Mapping[str, Any]] | None
    """The audit's findings, `verdict` and sentences; None where there was no audit."""


@dataclass(frozen=True)
class Finding:
    """What one rule found. `sentence_en` and `sentence_es` say the same, and how to mend what failed."""

    rule: str
    passed: bool
    sentence_en: str
    sentence_es: str
    blocking: bool


def judge(publication: Publication) -> list[Finding]:
    return [rule(publication) for rule in RULES]


def refused(findings: Sequence[Finding]) -> list[Finding]:
    """The findings for which nothing may be uploaded."""
    return [finding for finding in findings if finding.blocking and not finding.passed]


# --- blocking rules ------------------------------------------------------------------------------------------


def _stages_sealed(publication: Publication) -> Finding:
    wrong = [f"{name} ({state})" for name, state in publication.states.items() if state not in ("sealed", "unwanted")]
    listed = ", ".join(wrong)
    return Finding(
        "stages_sealed", not wrong,
        f"not sealed: {listed}; make them with `desdecero run`" if wrong else "every stage is sealed and fresh",
        f"sin sellar: {listed}; hágalas con `desdecero run`" if wrong else "todas las etapas están selladas y al día",
        blocking=True,
    )  # fmt: skip


def _files_whole(publication: Publication) -> Finding:
    faults = publication.faults
    more = len(faults) - SHOWN_FAULTS
    listed = "; ".join(faults[:SHOWN_FAULTS])
    return Finding(
        "files_whole", not faults,
        f"not as it was sealed: {listed}{f'; and {more} more' if more > 0 else ''}" if faults
        else "every file is as it was sealed",
        f"no está como se selló: {listed}{f'; y {more} más' if more > 0 else ''}" if faults
        else "todos los archivos están como se sellaron",
        blocking=True,
    )  # fmt: skip


def _evidence_complete(publication: Publication) -> Finding:
    """What the recipe may leave unsaid has rules of its own."""
    missing = [key for key in (publication.card or {}).get("missing", ()) if not key.startswith("recipe:")]
    listed, there = ", ".join(missing), publication.card is not None
    return Finding(
        "evidence_complete", there and not missing,
        f"the card has no evidence for {listed}" if missing
        else "the card has evidence for all that it says" if there else "there is no card",
        f"la ficha no tiene evidencia para {listed}" if missing
        else "la ficha tiene evidencia de todo lo que dice" if there else "no hay ficha",
        blocking=True,
    )  # fmt: skip


def _license_named(publication: Publication) -> Finding:
    license = (publication.card or {}).get("model_license")
    return Finding(
        "license_named", bool(license),
        f"the model's licence is {license}" if license
        else "the model has no licence: name one in the recipe's card.license, and make the card again",
        f"la licencia del modelo es {license}" if license
        else "el modelo no tiene licencia: nómbrela en card.license de la receta y rehaga la ficha",
        blocking=True,
    )  # fmt: skip


def _repository_named(publication: Publication) -> Finding:
    repo_id, on_card = publication.repo_id, (publication.card or {}).get("repo_id")
    if not repo_id:
        english = "no repository is named: use --repo-id owner/name, or the recipe's publish.repo_id"
        spanish = "no se nombra ningún repositorio: use --repo-id propietario/nombre, o publish.repo_id en la receta"
    elif on_card and on_card != repo_id:
        english = f"the card sends its readers to {on_card}, not to {repo_id}: make the card again for {repo_id}"
        spanish = f"la ficha remite a {on_card}, no a {repo_id}: rehaga la ficha para {repo_id}"
    else:
        english, spanish = f"the repository is {repo_id}", f"el repositorio es {repo_id}"
    passed = bool(repo_id) and on_card in (None, repo_id)
    return Finding("repository_named", passed, english, spanish, blocking=True)


# --- warnings ------------------------------------------------------------------------------------------------


def _unknown_licenses(publication: Publication) -> Finding:
    return _license_warning(
        publication, "licenses_known", lambda row: any(ask["kind"] == "unknown" for ask in row["asks"]),
        ("training tokens whose licence is not known", "tokens de entrenamiento cuya licencia no se conoce"),
        ("the licence of every training token is known", "se conoce la licencia de cada token de entrenamiento"),
    )  # fmt: skip


def _license_conflicts(publication: Publication) -> Finding:
    """What a licence asks, against the model's own licence and the use that the recipe names; the card says what."""
    return _license_warning(
        publication, "license_conflicts",
        lambda row: any(conflict["certainty"] != "unknown" for conflict in row["conflicts"]),
        ("training tokens whose licence is, or may be, at odds with the model's licence or use",
         "tokens de entrenamiento cuya licencia choca, o puede chocar, con la licencia o el uso del modelo"),
        ("no licence of the training data is at odds with the model's licence and use",
         "ninguna licencia de los datos de entrenamiento choca con la licencia y el uso del modelo"),
    )  # fmt: skip


def _license_warning(
    publication: Publication,
    rule: str,
    concerns: Callable[[Mapping[str, Any]], bool],
    found: tuple[str, str],
    none: tuple[str, str],
) -> Finding:
    """Warn of the licences that the rule concerns, each with its share of the training tokens."""
    if publication.licensing is None:
        english, spanish = "there is no licence table of the training tokens", "no hay tabla de licencias de los tokens"
        return Finding(rule, False, english, spanish, blocking=False)
    such = [row for row in publication.licensing["licenses"] if row["share_tokens"] and concerns(row)]
    listed = [
        ", ".join(f"{row['license']} {percent(lang, row['share_tokens'])}" for row in such) for lang in ("en", "es")
    ]
    sentences = [f"{what}: {which}" for what, which in zip(found, listed, strict=True)] if such else none
    return Finding(rule, not such, sentences[0], sentences[1], blocking=False)


def _bias_shown(publication: Publication) -> Finding:
    """Probes of this kind are diagnostic, so they warn and never refuse."""
    findings = publication.bias_findings
    found = [finding for finding in findings or () if finding["verdict"] == "bias found"]
    if findings is None:
        english, spanish = "the model has not been audited for bias", "no se han auditado los sesgos del modelo"
    elif found:
        english = " ".join(finding["sentence_en"] for finding in found)
        spanish = " ".join(finding["sentence_es"] for finding in found)
    else:
        english = "the audit showed no bias in any group, which does not show that there is none"
        spanish = "la auditoría no demostró sesgo en ningún grupo, lo que no demuestra que no lo haya"
    return Finding("bias_findings", findings is not None and not found, english, spanish, blocking=False)


RULES: tuple[Callable[[Publication], Finding], ...] = (
    _stages_sealed,
    _files_whole,
    _evidence_complete,
    _license_named,
    _repository_named,
    _unknown_licenses,
    _license_conflicts,
    _bias_shown,
)
