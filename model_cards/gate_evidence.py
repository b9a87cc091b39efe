"""Rules about the evidence: what is uploaded is whole, sealed, and says what it has to. None may be overridden."""

from __future__ import annotations

from collections.abc import Callable

from desdecero.model_cards.findings import Finding, Publication

SHOWN_FAULTS = 10  # a sentence that names more files than this is not read


def _stages_sealed(publication: Publication) -> Finding:
    wrong = [f"{name} ({state})" for name, state in publication.states.items() if state not in ("sealed", "unwanted")]
    listed = ", ".join(wrong)
    return Finding(
        "stages_sealed", not wrong,
        f"not sealed: {listed}; make them with `desdecero run`" if wrong else "every stage is sealed and fresh",
        f"sin sellar: {listed}; hágalas con `desdecero run`" if wrong else "todas las etapas están selladas y al día",
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
    )  # fmt: skip


def _license_named(publication: Publication) -> Finding:
    license = (publication.card or {}).get("model_license")
    return Finding(
        "license_named", bool(license),
        f"the model's licence is {license}" if license
        else "the model has no licence: name one in the recipe's card.license, and make the card again",
        f"la licencia del modelo es {license}" if license
        else "el modelo no tiene licencia: nómbrela en card.license de la receta y rehaga la ficha",
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
    return Finding("repository_named", passed, english, spanish)


EVIDENCE_RULES: dict[str, Callable[[Publication], Finding]] = {
    "stages_sealed": _stages_sealed,
    "files_whole": _files_whole,
    "evidence_complete": _evidence_complete,
    "license_named": _license_named,
    "repository_named": _repository_named,
}
