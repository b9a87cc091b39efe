"""Obligations of a licence, and their conflicts with a model's intended licence and use.

    terms = obligations("CC-BY-NC-SA-4.0", intended="Apache-2.0", use="commercial")
    terms.asks         attribution, changes, notice, non_commercial, share_alike, each with its section
    terms.conflicts    non_commercial with the use (stated), share_alike with Apache-2.0 (unsettled)

The table is `obligations.yaml`, written from the licences' texts, with the section for each obligation. A licence that
is not in the table is judged by its category in ScanCode's licence database, which `license-expression` includes:
`basis` says which of the two it was. Where an expression gives a choice (OR), the branch with the fewest conflicts
counts, and then the one with the fewest obligations; where all of it applies (AND), all obligations apply. An exception
(WITH) only permits more, so the obligations are those of the base licence.

`certainty` of a conflict is not a legal verdict:

`stated`      the licence's text excludes this use of the text; only an exception in law, or permission, remains
`unsettled`   it depends on whether weights are a copy or an adaptation of the text, which no court has settled
`unknown`     the licence's obligations are not known, or whether there is a licence
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

import yaml
from license_expression import get_license_index

from desdecero.pipelines.licenses.expressions import REMEMBERED, UNSAID, is_and, is_or, parse, without_exception

ObligationKind = Literal[
    "attribution", "notice", "changes", "share_alike", "source", "non_commercial", "no_derivatives", "use_limits",
    "no_permission", "unknown",
]  # fmt: skip
Use = Literal["research", "commercial"]
Certainty = Literal["stated", "unsettled", "unknown"]
Basis = Literal["text", "recalled", "category", "unknown"]
"""Source of the obligations: the licence's text, memory of it, its category, or none."""

BASES: tuple[Basis, ...] = ("text", "recalled", "category", "unknown")
"""From the strongest to the weakest."""

CATEGORY_ASKS: dict[str, tuple[ObligationKind, ...]] = {
    "Permissive": ("notice",),
    "Public Domain": (),
    "Copyleft": ("notice", "share_alike", "source"),
    "Copyleft Limited": ("notice", "share_alike", "source"),
    "Source-available": ("use_limits",),
    "Proprietary Free": ("use_limits",),
    "Free Restricted": ("use_limits",),
    "Commercial": ("no_permission",),
}
"""Obligations that the licences of a ScanCode category have in common; those of other categories share too little."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One obligation of a licence."""

    kind: ObligationKind
    license: str
    origin: str
    """Section of the licence's text, or another source of the obligation."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Conflict of one obligation with the intended licence or use."""

    kind: ObligationKind
    license: str
    against: str
    """`use: commercial`, the intended licence, or `no intended licence`."""
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Obligations:
    """Obligations of an expression, after its choices have been made."""

    chosen: str
    """The expression without the branches that were not chosen."""
    asks: tuple[Ask, ...]
    conflicts: tuple[Conflict, ...]
    basis: Basis
    """The weakest of its licences'."""

    @property
    def kinds(self) -> frozenset[ObligationKind]:
        """Kinds of its obligations."""
        return frozenset(ask.kind for ask in self.asks)


@dataclass(frozen=True, slots=True)
class LicenseTerms:
    """Row of the table; its fields are explained at the top of `obligations.yaml`."""

    name: str
    asks: Mapping[ObligationKind, str]
    under: tuple[str, ...]
    note: str
    basis: Basis


@lru_cache(maxsize=REMEMBERED)
def obligations(expression: str, intended: str | None = None, use: Use = "commercial") -> Obligations:
    """Return the obligations of an expression, and their conflicts with a model's intended licence and use.

    intended: the SPDX expression of `card.license`, or None where no licence has been chosen
    """
    tree = parse(expression)
    if tree is None:
        return _of_license(expression, intended, use)
    return _of_tree(tree, intended, use)


def _of_tree(node: Any, intended: str | None, use: Use) -> Obligations:
    if is_or(node):
        branches = [_of_tree(part, intended, use) for part in node.args]
        return min(branches, key=lambda branch: (len(branch.conflicts), len(branch.kinds)))
    if is_and(node):
        parts = [_of_tree(part, intended, use) for part in node.args]
        chosen = (f"({part.chosen})" if " OR " in part.chosen else part.chosen for part in parts)
        return Obligations(
            chosen=" AND ".join(dict.fromkeys(chosen)),
            asks=tuple(dict.fromkeys(ask for part in parts for ask in part.asks)),
            conflicts=tuple(dict.fromkeys(conflict for part in parts for conflict in part.conflicts)),
            basis=max((part.basis for part in parts), key=BASES.index),
        )
    base = without_exception(node)
    result = _of_license(base or str(node), intended, use)
    return result if base is None else replace(result, chosen=str(node))


def _of_license(key: str, intended: str | None, use: Use) -> Obligations:
    row = row_of(key)
    asks = tuple(Ask(kind, key, origin) for kind, origin in row.asks.items())
    conflicts = (_conflict(ask, row, intended, use) for ask in asks)
    return Obligations(key, asks, tuple(conflict for conflict in conflicts if conflict), row.basis)


def _conflict(ask: Ask, row: LicenseTerms, intended: str | None, use: Use) -> Conflict | None:
    """Return the conflict of one obligation with the intended licence or use; None where there is none."""
    model = intended or "no intended licence"
    if ask.kind == "unknown":
        return Conflict(ask.kind, ask.license, f"use: {use}", "unknown")
    if ask.kind == "no_permission" or (ask.kind == "non_commercial" and use == "commercial"):
        return Conflict(ask.kind, ask.license, f"use: {use}", "stated")
    if ask.kind in ("share_alike", "use_limits"):
        same = (ask.license, *row.under)
        if intended and _all_branches(intended, lambda key: any(fnmatchcase(key, name) for name in same)):
            return None
        return Conflict(ask.kind, ask.license, model, "unsettled")
    if ask.kind == "non_commercial":
        if intended and _all_branches(intended, lambda key: "non_commercial" in row_of(key).asks):
            return None
        return Conflict(ask.kind, ask.license, model, "unsettled")
    if ask.kind == "no_derivatives":
        return Conflict(ask.kind, ask.license, model, "unsettled")
    return None


def _all_branches(expression: str, holds: Callable[[str], bool]) -> bool:
    """Return whether `holds` is true of a licence in every branch that a recipient may choose."""

    def of(node: Any) -> bool:
        if is_or(node):
            return all(of(part) for part in node.args)
        if is_and(node):
            return any(of(part) for part in node.args)
        return holds(without_exception(node) or str(node))

    tree = parse(expression)
    return tree is not None and of(tree)


# --- the table -----------------------------------------------------------------------------------------------


@cache
def table() -> dict[str, LicenseTerms]:
    """Load the table: licence → row."""
    text = resources.files("desdecero.pipelines.licenses").joinpath("obligations.yaml").read_text(encoding="utf-8")
    rows: dict[str, LicenseTerms] = {}
    # libyaml's reader takes 4 ms, Python's 40, in each worker that needs the table.
    for entry in yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        row = LicenseTerms(
            name=entry["name"],
            asks=entry["asks"],
            under=tuple(entry.get("under", ())),
            note=" ".join(entry.get("note", "").split()),
            basis="text" if entry.get("read", True) else "recalled",
        )
        rows.update(dict.fromkeys(entry["licenses"], row))
    return rows


@lru_cache(maxsize=REMEMBERED)
def row_of(key: str) -> LicenseTerms:
    """Return the row of one licence: from the table, of its international or earlier version, or by category."""
    if key in table():
        return table()[key]
    if key in UNSAID:
        return LicenseTerms("not known", {"unknown": "no licence is known"}, (), "", "unknown")
    if key.endswith("+") and key[:-1] in table():
        return table()[key[:-1]]
    if match := _CREATIVE_COMMONS.fullmatch(key):
        return _creative_commons(key, match["elements"], match["version"])
    if category := _categories().get(key):
        origin = f"ScanCode's category: {category}"
        asks: dict[ObligationKind, str] = dict.fromkeys(CATEGORY_ASKS.get(category, ("use_limits",)), origin)
        return LicenseTerms(key, asks, (), "", "category")
    return LicenseTerms(key, {"unknown": "no text of this licence is known here"}, (), "", "unknown")


_CREATIVE_COMMONS = re.compile(
    r"(?:LicenseRef-)?(?P<elements>CC-BY(?:-NC)?(?:-ND|-SA)?)(?:-(?P<version>\d\.\d))?(?:-.+)?"
)


def _creative_commons(key: str, elements: str, version: str | None) -> LicenseTerms:
    """Return the row of a licence that SPDX does not list.

    A port has the obligations of its international version; without a version, those of its elements.
    """
    if version and (row := table().get(f"{elements}-{version}")):
        return LicenseTerms(f"{row.name} ({key})", row.asks, row.under, row.note, row.basis)
    row = table()[f"{elements}-4.0"]
    asks: dict[ObligationKind, str] = dict.fromkeys(row.asks, "the licence's name; its version is not stated")
    return LicenseTerms(key, asks, (), "the version is not stated", "recalled")


@cache
def _categories() -> dict[str, str]:
    return {
        spdx: entry["category"]
        for entry in get_license_index()
        for spdx in (entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", ()))
        if spdx
    }
