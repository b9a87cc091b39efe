"""What a licence asks, and where that is at odds with what one means to do.

    found = obligations("CC-BY-NC-SA-4.0", intended="Apache-2.0", use="commercial")
    found.asks         attribution, changes, notice, non_commercial, share_alike, each with its section
    found.conflicts    non_commercial with the use (stated), share_alike with Apache-2.0 (unsettled)

The table is `obligations.yaml`, written from the licences' texts, a section for each thing that is asked. A licence
that it does not hold is judged by its category in ScanCode's licence database, which `license-expression` carries:
`basis` says which of both it was. Where an expression gives a choice (OR), the branch with the fewest conflicts
counts, and then the one that asks least; where all of it applies (AND), all is asked. An exception (WITH) only ever
permits more, so the base licence is what is asked.

`certainty` of a conflict is never a verdict about the law:

`stated`      the licence's own words exclude this use of the text; what remains is an exception in law, or permission
`unsettled`   it depends on whether weights are a copy or an adaptation of the text, which no court has settled
`unknown`     nobody knows what the licence asks, or whether there is one
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

import yaml
from license_expression import get_license_index

from desdecero.pipelines.licenses.expressions import REMEMBERED, UNSAID, is_and, is_or, parse, without_exception

Kind = Literal[
    "attribution", "notice", "changes", "share_alike", "source", "non_commercial", "no_derivatives", "use_limits",
    "no_permission", "unknown",
]  # fmt: skip
Use = Literal["research", "commercial"]
Certainty = Literal["stated", "unsettled", "unknown"]
Basis = Literal["text", "recalled", "category", "unknown"]
"""How what a licence asks is known: from its text, from memory of it, from its category, not at all."""

BASES: tuple[Basis, ...] = ("text", "recalled", "category", "unknown")
"""From the strongest to the weakest."""

CATEGORY_ASKS: dict[str, tuple[Kind, ...]] = {
    "Permissive": ("notice",),
    "Public Domain": (),
    "Copyleft": ("notice", "share_alike", "source"),
    "Copyleft Limited": ("notice", "share_alike", "source"),
    "Source-available": ("use_limits",),
    "Proprietary Free": ("use_limits",),
    "Free Restricted": ("use_limits",),
    "Commercial": ("no_permission",),
}
"""What the licences of a ScanCode category have in common; those of other categories have too little."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that a licence asks."""

    kind: Kind
    license: str
    origin: str
    """Section of the licence's text, or what else it is concluded from."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One thing that a licence asks, against what one means to do."""

    kind: Kind
    license: str
    against: str
    """`use: commercial`, the intended licence, or `no intended licence`."""
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Obligations:
    """Of an expression, after its choices have been made."""

    chosen: str
    """The expression without the branches that were not taken."""
    asks: tuple[Ask, ...]
    conflicts: tuple[Conflict, ...]
    basis: Basis
    """The weakest of its licences'."""

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(ask.kind for ask in self.asks)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; see its head."""

    name: str
    asks: Mapping[Kind, str]
    under: tuple[str, ...]
    note: str
    basis: Basis


@lru_cache(maxsize=REMEMBERED)
def obligations(expression: str, intended: str | None = None, use: Use = "commercial") -> Obligations:
    """What an expression asks, and how that meets a model's intended licence and the use one means to make of it.

    intended: the SPDX expression of `card.license`, or None where no licence has been chosen
    """
    tree = parse(expression)
    if tree is None:
        return _of_license(expression, intended, use)
    return _of_tree(tree, intended, use)


def _of_tree(node: Any, intended: str | None, use: Use) -> Obligations:
    if is_or(node):
        branches = [_of_tree(part, intended, use) for part in node.args]
        return min(branches, key=lambda found: (len(found.conflicts), len(found.kinds)))
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
    found = _of_license(base or str(node), intended, use)
    return found if base is None else Obligations(str(node), found.asks, found.conflicts, found.basis)


def _of_license(key: str, intended: str | None, use: Use) -> Obligations:
    row = row_of(key)
    asks = tuple(Ask(kind, key, origin) for kind, origin in row.asks.items())
    conflicts = (_conflict(ask, row, intended, use) for ask in asks)
    return Obligations(key, asks, tuple(conflict for conflict in conflicts if conflict), row.basis)


def _conflict(ask: Ask, row: Row, intended: str | None, use: Use) -> Conflict | None:
    """Whether one thing that is asked is at odds with the intended licence or use."""
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
    """Whether `holds` is true of a licence in whatever branch a recipient takes."""

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
def table() -> dict[str, Row]:
    """Licence → row."""
    text = resources.files("desdecero.pipelines.licenses").joinpath("obligations.yaml").read_text(encoding="utf-8")
    rows: dict[str, Row] = {}
    for entry in yaml.safe_load(text):
        row = Row(
            name=entry["name"], asks=entry["asks"], under=tuple(entry.get("under", ())),
            note=" ".join(entry.get("note", "").split()), basis="text" if entry.get("read", True) else "recalled",
        )  # fmt: skip
        rows.update(dict.fromkeys(entry["licenses"], row))
    return rows


@lru_cache(maxsize=REMEMBERED)
def row_of(key: str) -> Row:
    """The row of one licence: the table's, that of the licence it is a port or a later choice of, or its category's."""
    if key in table():
        return table()[key]
    if key in UNSAID:
        return Row("not known", {"unknown": "no licence is known"}, (), "", "unknown")
    if key.endswith("+") and key[:-1] in table():
        return table()[key[:-1]]
    if found := _CREATIVE_COMMONS.fullmatch(key):
        return _creative_commons(key, found["elements"], found["version"])
    if category := _categories().get(key):
        origin = f"ScanCode's category: {category}"
        asks: dict[Kind, str] = dict.fromkeys(CATEGORY_ASKS.get(category, ("use_limits",)), origin)
        return Row(key, asks, (), "", "category")
    return Row(key, {"unknown": "no text of this licence is known here"}, (), "", "unknown")


_CREATIVE_COMMONS = re.compile(
    r"(?:LicenseRef-)?(?P<elements>CC-BY(?:-NC)?(?:-ND|-SA)?)(?:-(?P<version>\d\.\d))?(?:-.+)?"
)


def _creative_commons(key: str, elements: str, version: str | None) -> Row:
    """A port that SPDX does not list asks what its international version asks; without a version, the elements ask."""
    if version and (row := table().get(f"{elements}-{version}")):
        return Row(f"{row.name} ({key})", row.asks, row.under, row.note, row.basis)
    row = table()[f"{elements}-4.0"]
    asks: dict[Kind, str] = dict.fromkeys(row.asks, "the licence's name; its version is not stated")
    return Row(key, asks, (), "the version is not stated", "recalled")


@cache
def _categories() -> dict[str, str]:
    return {
        spdx: entry["category"]
        for entry in get_license_index()
        for spdx in (entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", ()))
        if spdx
    }
