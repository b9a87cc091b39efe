"""Checks of an adapter: its own texts, what it gains in its domain, and what its base's texts permit.

An adapter is published with the model that it is merged into, so that the licences of the base's texts concern it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from desdecero.model_cards.policy.types import Facts, Found

REPORT = "report.json"
Limits = Mapping[str, float]


def base_licenses(facts: Facts, _: Limits) -> Found:
    """Ask that no rule about licences refuses the base."""
    rules = list((facts["base"] or {}).get("refused", ()))
    return Found("fail" if rules else "pass", ", ".join(rules) or None, values={"rules": rules})


def own_personal_data(facts: Facts, _: Limits) -> Found:
    """Ask that detectors found no personal data in texts of its own, or that they were replaced."""
    report = facts[REPORT]
    if report is None:
        return Found("not_measured")
    data = report.get("data")
    if data is None:
        return Found("pass", 0, 0, "of_corpus")
    found = {} if data["redacted"] else dict(data["personal_data"])
    values = {"kinds": found}
    return Found("fail" if any(found.values()) else "pass", sum(found.values()), 0, values=values)


def beats_base(facts: Facts, _: Limits) -> Found:
    """Ask for the verdict *better* of all seeds: than the base, or of labels than the best of the yardsticks."""
    report = facts[REPORT]
    if report is None:
        return Found("not_measured", None, "better")
    if not report.get("seeds"):
        return _beats_base_by_interval(report)
    first, better = report["seeds"][0], report["verdict"] == "better"
    key = "better" if better else "seeds_differ" if first["verdict"] == "better" else "not_better"
    difference = {**first["change"], "measure": report["measure"]}
    values = {"opponent": first["against"], "difference": difference}
    return Found("pass" if better else "fail", report["verdict"], "better", key, values, "/verdict")


def _beats_base_by_interval(report: Mapping[str, Any]) -> Found:
    """Ask that the whole interval of the change in its own domain lies below 0: a loss, lower is better.

    For reports of older versions, which have no verdict.
    """
    change = report["domain"]["change"]
    high, values = change["high"], {"change": {**change, "measure": report["measure"]}}
    better = high is not None and high < 0
    return Found(
        "pass" if better else "fail", "better" if better else None, "better", values=values, pointer="/domain/change"
    )


def swaps_alike(facts: Facts, _: Limits) -> Found:
    """Ask that it is right as often with some words for people as with others in their place."""
    report = facts[REPORT]
    results = [
        (language, group, result)
        for language, groups in ((report or {}).get("swaps") or {}).items()
        for group, result in groups.items()
    ]
    judged = [result for *_, result in results if result["words"] and result["words"]["p_adjusted"] is not None]
    differing = [
        {"language": language, "group": group, "words": result["words"]}
        for language, group, result in results
        if result["verdict"] == "differs"
    ]
    if differing:
        return Found("fail", len(differing), 0, values={"differing": differing})
    return Found("pass" if judged else "not_measured", 0 if judged else None, 0)


CHECKS: Mapping[str, Callable[[Facts, Limits], Found]] = {
    "base_licenses": base_licenses,
    "own_personal_data": own_personal_data,
    "beats_base": beats_base,
    "swaps_alike": swaps_alike,
}
