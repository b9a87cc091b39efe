"""Rules about the model itself: its texts' licences, what it has learnt, what its audit can tell, what its card says.

Each finding holds what was measured, against what, and where that was read. Nothing here is a verdict
about the law: a conflict that refuses is one that a licence states in its own words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from desdecero.model_cards.findings import Finding, Publication

LICENSING, EVALUATION, AUDIT = "card/licensing.json", "evaluation/report.json", "audit/report.json"
Row = Mapping[str, Any]
SHOWN_SMALL = ("within margin", "found within margin")

UNSAID = ("LicenseRef-unknown", "NOASSERTION", "NONE")
"""Expressions that name no licence: unknown even where a recipe allows them."""
MEASURES = ("bits_per_byte", "masked_loss", "span_loss", "perplexity")
"""Measures of the loss; the first that an evaluation has is judged. All are better when lower."""
REQUIRED = ("intended_use", "limitations", "authors", "contact")
"""Keys of the recipe's `card` without which nobody can judge whether to use a model, or ask."""


# --- licences ------------------------------------------------------------------------------------------------


def _licenses_allowed(publication: Publication) -> Finding:
    return _of_licenses(publication, "licenses_allowed", _rows(publication, lambda row: row["verdict"] == "denied"))


def _license_conflicts(publication: Publication) -> Finding:
    """Refuse a conflict that a licence's own words state; what remains is an exception in law, or permission."""
    rows = _rows(publication, lambda row: _conflicts(row, "stated"))
    table = publication.licensing or {}
    judged_against = {"use": str(table.get("use")), "intended": str(table.get("intended"))}
    return _of_licenses(publication, "license_conflicts", rows, **judged_against)


def _licenses_known(publication: Publication) -> Finding:
    rows, most = _rows(publication, _unknown), publication.max_unknown
    found = _of_licenses(publication, "licenses_known", rows, share=_share(rows), most=most)
    if publication.licensing is None:
        return found
    if not rows:
        return replace(found, key="licenses_known.none")
    known = replace(found, passed=_share(rows) <= most, threshold=most)
    if known.passed or publication.adapter is None:
        return known
    return replace(known, key="licenses_known.of_adapter", values={**known.values, "adapter": publication.adapter})


def _license_questions(publication: Publication) -> Finding:
    """Warn of conflicts that depend on whether weights copy or adapt a text, which no court has settled."""
    rows = _rows(publication, lambda row: _conflicts(row, "unsettled"))
    return replace(_of_licenses(publication, "license_questions", rows), blocking=False)


def _of_licenses(publication: Publication, rule: str, rows: Sequence[Row], **values: Any) -> Finding:
    """Fails where there are such licences, each named with its share of the training tokens, or no table."""
    if publication.licensing is None:
        return Finding(rule, False, "no_licenses", read=publication.place(LICENSING))
    licenses = {row["license"]: row["share_tokens"] for row in rows}
    return Finding(
        rule,
        not rows,
        values={"licenses": licenses, **values},
        value=_share(rows),
        threshold=0.0,
        read=publication.place(LICENSING),
    )


def _share(rows: Sequence[Row]) -> float:
    """Add up shares of the training tokens."""
    return sum((float(row["share_tokens"]) for row in rows), 0.0)


def _rows(publication: Publication, concerns: Callable[[Row], bool]) -> list[Row]:
    rows = publication.licensing["licenses"] if publication.licensing else ()
    return [row for row in rows if row.get("share_tokens") and concerns(row)]


def _conflicts(row: Row, certainty: str) -> bool:
    return any(conflict["certainty"] == certainty for conflict in row["conflicts"])


def _unknown(row: Row) -> bool:
    return row["verdict"] == "unknown" or any(ask["license"] in UNSAID for ask in row["asks"])


# --- what the model has learnt -------------------------------------------------------------------------------


def _beats_unigram(publication: Publication) -> Finding:
    """Require the whole interval to lie below what the frequency of each token gives without any context."""
    text = (publication.evaluation or {}).get("text", {"measures": {}})
    measure = next((measure for measure in MEASURES if measure in text["measures"]), None)
    if measure is None:
        return Finding("beats_unigram", False, "beats_unigram.not_evaluated", read=publication.place(EVALUATION))
    own, unigram = text["measures"][measure], text["baselines"]["unigram"][measure]
    high = own["high"]
    measured = {"measure": measure, "value": own["value"], "high": high}
    return Finding(
        "beats_unigram",
        high is not None and high < unigram,
        values={"measured": measured, "unigram": unigram},
        value=high,
        threshold=unigram,
        read=publication.place(EVALUATION),
    )


# --- what the audit shows ------------------------------------------------------------------------------------


def _bias(publication: Publication) -> Finding:
    """Require that the gap of every group is shown to be small, in every language that the model is meant to write.

    An audit that can tell nothing, whatever the reason, shows nothing.
    """
    read = publication.place(AUDIT)
    if publication.audit is None:
        return Finding("bias", False, "bias.not_audited", read=read)
    open_ = {code: why for code in publication.languages if (why := _not_small(publication.audit, code))}
    return Finding(
        "bias",
        not open_,
        values={"silent": open_, "languages": publication.languages, "margin": publication.audit["margin"]},
        value=len(publication.languages) - len(open_),
        threshold=len(publication.languages),
        read=read,
    )


def _not_small(audit: Mapping[str, Any], code: str) -> dict[str, Any] | None:
    """Return why the gaps of a language are not all shown to be small (key of the catalogue and values); or None."""
    pairs = audit["suites"].get("pairs")
    if pairs is None:
        return {"key": "bias.not_measured"}
    result = pairs["languages"].get(code)
    if result is None:
        return {"key": "bias.no_probes"}
    competence, verdicts = result["competence"], Counter(group["verdict"] for group in result["groups"].values())
    if not competence["competent"]:
        return {
            "key": "bias.not_competent",
            "verdict": "model not competent",
            "share": competence["value"],
            "threshold": competence["threshold"],
        }
    if all(verdict in SHOWN_SMALL for verdict in verdicts):
        return None
    return {"key": "bias.judged", "verdicts": dict(verdicts.most_common())}


# --- what the card says --------------------------------------------------------------------------------------


def _card_complete(publication: Publication) -> Finding:
    missing = [f"card.{key}" for key in REQUIRED if not _written(publication.described.get(key))]
    return Finding(
        "card_complete",
        not missing,
        values={"missing": missing},
        value=", ".join(missing) or None,
        threshold=", ".join(f"card.{key}" for key in REQUIRED),
        read="recipe.yaml",
    )


def _written(value: Any) -> bool:
    """Tell whether somebody wrote something: no blanks, and no empty names."""
    words = [value] if isinstance(value, str) else value or ()
    return any(str(word).strip() for word in words)


SUBSTANCE_RULES: dict[str, Callable[[Publication], Finding]] = {
    "licenses_allowed": _licenses_allowed,
    "license_conflicts": _license_conflicts,
    "licenses_known": _licenses_known,
    "beats_unigram": _beats_unigram,
    "bias": _bias,
    "card_complete": _card_complete,
}
"""In the order in which they are told; the catalogue has a title for each, which the card prints."""

WARNINGS: dict[str, Callable[[Publication], Finding]] = {
    "license_questions": _license_questions,
}
