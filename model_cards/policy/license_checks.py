"""Checks of licences: of the training texts, by their share of the training tokens, and of the model itself.

Nothing here is a verdict about the law: a conflict that is `stated` is one that a licence states in its own words.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from license_expression import ExpressionError, Licensing, get_spdx_licensing

from desdecero.model_cards.policy.types import Facts, Found

LICENSING = "card/licensing.json"
UNSAID = ("LicenseRef-unknown", "NOASSERTION", "NONE")
"""Expressions that name no licence: unknown even where a recipe allows them."""
Row = Mapping[str, Any]
Limits = Mapping[str, float]


def license_denied(facts: Facts, limits: Limits) -> Found:
    """Ask that no training token is under a licence that the recipe denies."""
    return _shares(facts, lambda row: [row["license"]] if row["verdict"] == "denied" else [], limits["max_share"])


def license_conflict(facts: Facts, limits: Limits) -> Found:
    """Ask for no conflict that a licence's own words state, and for few that are unsettled."""

    def against(certainty: str) -> Callable[[Row], list[str]]:
        return lambda row: [one["license"] for one in row["conflicts"] if one["certainty"] == certainty]

    stated = _shares(facts, against("stated"), 0.0)
    if stated.outcome != "pass":
        return stated
    unsettled = _shares(facts, against("unsettled"), limits["max_share"])
    if unsettled.outcome == "pass":
        return unsettled
    return Found(unsettled.outcome, unsettled.value, unsettled.threshold, "unsettled", unsettled.values)


def license_unknown(facts: Facts, limits: Limits) -> Found:
    """Ask that the licence of nearly all training tokens is known."""

    def unknown(row: Row) -> list[str]:
        named = row["verdict"] != "unknown" and not any(ask["license"] in UNSAID for ask in row["asks"])
        return [] if named else [row["license"]]

    found = _shares(facts, unknown, limits["max_share"])
    if found.outcome == "fail" and facts.adapter is not None:
        return Found("fail", found.value, found.threshold, "of_adapter", found.values)
    return found


def _shares(facts: Facts, concerns: Callable[[Row], Sequence[str]], most: float) -> Found:
    """Compare the share of training tokens under licences of a kind with the most that is let pass.

    concerns: the licences for which a row is of the kind; a waiver covers the row, or all of these
    """
    table = facts[LICENSING]
    if table is None or sum(row.get("share_tokens") or 0.0 for row in table["licenses"]) == 0:
        return Found("not_measured", threshold=most)
    shares = {
        row["license"]: float(row["share_tokens"])
        for row in table["licenses"]
        if row.get("share_tokens") and (named := concerns(row)) and not _excused(facts, row["license"], named)
    }
    share = min(sum(shares.values()), 1.0)
    values = {"licenses": shares, "use": str(table.get("use")), "intended": str(table.get("intended"))}
    return Found("pass" if share <= most else "fail", share, most, values=values)


def _excused(facts: Facts, expression: str, named: Iterable[str]) -> bool:
    return expression in facts.excused or set(named) <= facts.excused


# --- the model's own licence -----------------------------------------------------------------------------------


def model_license(facts: Facts, _: Limits) -> Found:
    """Ask for a licence that is a valid SPDX expression."""
    if facts["recipe.yaml"] is None:
        return Found("not_measured")
    named = str(facts["recipe.yaml"].get("card", {}).get("license") or "").strip()
    if not named:
        return Found("fail", None, "SPDX", "missing")
    return Found("pass" if _is_valid(named) else "fail", named, "SPDX", values={"license": named})


def _is_valid(expression: str) -> bool:
    """Tell whether all that an expression names is in SPDX's list, or a `LicenseRef-`."""
    try:
        parsed = _spdx().parse(expression)
    except (ExpressionError, AttributeError, TypeError):  # the parser fails in these ways on some malformed input
        return False
    if parsed is None:
        return False
    unlisted = _spdx().unknown_license_keys(parsed)
    known = _spdx().known_symbols
    named = (re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", key) or key.removesuffix("+") in known for key in unlisted)
    return expression not in UNSAID and all(named)


@functools.cache
def _spdx() -> Licensing:
    """Build the parser of some 2,400 licences, once."""
    return get_spdx_licensing()


CHECKS: Mapping[str, Callable[[Facts, Limits], Found]] = {
    "license_denied": license_denied,
    "license_conflict": license_conflict,
    "license_unknown": license_unknown,
    "model_license": model_license,
}
