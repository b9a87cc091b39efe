"""Rules about the evidence: what is uploaded is whole, sealed, and says what it has to. None may be overridden."""

from __future__ import annotations

from collections.abc import Callable

from desdecero.model_cards.findings import Finding, Publication


def _stages_sealed(publication: Publication) -> Finding:
    wrong = [f"{name} ({state})" for name, state in publication.states.items() if state not in ("sealed", "unwanted")]
    return Finding("stages_sealed", not wrong, values={"stages": wrong})


def _files_whole(publication: Publication) -> Finding:
    return Finding("files_whole", not publication.faults, values={"faults": publication.faults})


def _evidence_complete(publication: Publication) -> Finding:
    """Require every value of the card but those of the recipe, which has rules of its own."""
    if publication.card is None:
        return Finding("evidence_complete", False, "evidence_complete.no_card")
    missing = [key for key in publication.card.get("missing", ()) if not key.startswith("recipe:")]
    return Finding("evidence_complete", not missing, values={"missing": missing})


def _license_named(publication: Publication) -> Finding:
    named = (publication.card or {}).get("model_license")
    return Finding("license_named", bool(named), values={"license": named})


def _repository_named(publication: Publication) -> Finding:
    repo_id, on_card = publication.repo_id, (publication.card or {}).get("repo_id")
    other = bool(repo_id and on_card and on_card != repo_id)
    return Finding(
        "repository_named",
        bool(repo_id) and on_card in (None, repo_id),
        key="repository_named.other" if other else "",
        values={"repo_id": repo_id, "on_card": on_card},
    )


EVIDENCE_RULES: dict[str, Callable[[Publication], Finding]] = {
    "stages_sealed": _stages_sealed,
    "files_whole": _files_whole,
    "evidence_complete": _evidence_complete,
    "license_named": _license_named,
    "repository_named": _repository_named,
}
