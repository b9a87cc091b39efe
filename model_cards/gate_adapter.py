"""Rules about an adapter: its own texts, what it gains in its domain, and what its base's texts permit.

An adapter is published with the model that it is merged into, so that the licences of the base's texts concern it too;
those of its own texts are judged by the rules of `gate_substance`, on `adapters/<name>/card/licensing.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from desdecero.model_cards.findings import Finding, Publication
from desdecero.model_cards.gate_substance import SUBSTANCE_RULES

LABELLED = ("classification", "tokens")
"""Tasks of adapters that give labels, and write no text that could be audited."""
OF_LICENSES = ("licenses_allowed", "license_conflicts", "licenses_known")
"""Rules about the licences of texts: they are asked of the base's texts, and of the adapter's."""
REPORT = "report.json"


def _base_licenses(publication: Publication) -> Finding:
    """Refuse where a rule about licences refuses the base, and its authors did not accept that."""
    rules = publication.base_refused
    return Finding(
        "base_licenses",
        not rules,
        values={"rules": rules},
        value=", ".join(rules) or None,
        read="card/licensing.json",
    )


def _personal_data(publication: Publication) -> Finding:
    """Refuse texts of one's own in which personal data were found and left; the corpus has steps of its own."""
    data = (publication.finetune or {}).get("data")
    read = publication.place(REPORT)
    if data is None:
        return Finding("personal_data", True, "personal_data.of_corpus", value=0, threshold=0, read=read)
    found = {} if data["redacted"] else data["personal_data"]
    return Finding(
        "personal_data",
        not any(found.values()),
        values={"kinds": found, "adapter": publication.adapter},
        value=sum(found.values()),
        threshold=0,
        read=read,
    )


def _beats_base(publication: Publication) -> Finding:
    """Require the verdict of all seeds to be *better*: than the base, or of labels than the best of the yardsticks."""
    report, read = publication.finetune, publication.place(REPORT)
    if report is None:
        return Finding("beats_base", False, "beats_base.not_measured", read=read)
    if not report.get("seeds"):
        return _beats_base_by_interval(report, read)
    first, better = report["seeds"][0], report["verdict"] == "better"
    said = "better" if better else "seeds_differ" if first["verdict"] == "better" else "not_better"
    difference = {**first["change"], "measure": report["measure"]}
    return Finding(
        "beats_base",
        better,
        f"beats_base.{said}",
        values={"opponent": first["against"], "difference": difference},
        value=report["verdict"],
        threshold="better",
        read=read,
    )


def _beats_base_by_interval(report: Mapping[str, Any], read: str) -> Finding:
    """Require the whole interval of the change in its own domain to lie below 0: a loss, lower is better.

    For reports of older versions, which have no verdict.
    """
    change = report["domain"]["change"]
    high = change["high"]
    return Finding(
        "beats_base",
        high is not None and high < 0,
        values={"change": {**change, "measure": report["measure"]}},
        value=high,
        threshold=0.0,
        read=read,
    )


def _swaps_alike(publication: Publication) -> Finding:
    """Refuse where it is right less often with some words for people than with others in their place."""
    report, read = publication.finetune, publication.place(REPORT)
    if report is None:
        return Finding("swaps_alike", False, "beats_base.not_measured", read=read)
    results = [
        (language, group, result)
        for language, groups in report.get("swaps", {}).items()
        for group, result in groups.items()
    ]
    judged = [result for *_, result in results if result["words"] and result["words"]["p_adjusted"] is not None]
    differing = [
        {"language": language, "group": group, "words": result["words"]}
        for language, group, result in results
        if result["verdict"] == "differs"
    ]
    return Finding(
        "swaps_alike",
        not differing,
        "swaps_alike.not_judged" if not judged else "",
        values={"differing": differing},
        value=len(differing),
        threshold=0,
        read=read,
    )


ADAPTER_RULES: dict[str, Callable[[Publication], Finding]] = {
    **{rule: SUBSTANCE_RULES[rule] for rule in OF_LICENSES},
    "base_licenses": _base_licenses,
    "personal_data": _personal_data,
    "beats_base": _beats_base,
    "bias": SUBSTANCE_RULES["bias"],
    "swaps_alike": _swaps_alike,
    "card_complete": SUBSTANCE_RULES["card_complete"],
}
"""What is asked of an adapter, in the order in which it is told. Whether it predicts general text better than token
frequencies (`beats_unigram`) is asked of its base alone: an adapter may give that up for its domain, and the card says
what it costs."""


def gives_labels(publication: Publication) -> bool:
    """Tell whether it is an adapter that gives labels: `bias` is not asked of it, as `swaps_alike` is of no
    other."""
    return publication.adapter is not None and (publication.finetune or {}).get("task") in LABELLED
