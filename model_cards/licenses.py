"""What licences ask of those who pass a work on, as far as their SPDX expression tells.

The classes of single licences come from the index inside `license-expression` (ScanCode's licence database);
the NC, ND and SA elements from the Creative Commons identifiers themselves. This sorts names for a reader: it
does not say whether, or how, a licence of a text reaches a model trained on it.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

from license_expression import (
    AND,
    OR,
    ExpressionError,
    LicenseWithExceptionSymbol,
    Licensing,
    get_license_index,
    get_spdx_licensing,
)

UNKNOWN = "LicenseRef-unknown"
Ask = Literal["share_alike", "non_commercial", "no_derivatives", "other_terms", "unknown"]

CATEGORY_ASKS: dict[str, Ask | None] = {
    "Permissive": None,
    "Public Domain": None,
    "Copyleft": "share_alike",
    "Copyleft Limited": "share_alike",
    "Unstated License": "unknown",
}
"""Every other category of the index (proprietary, source-available, restricted …) has terms of its own."""


def asks(expression: str) -> frozenset[Ask]:
    """What a licence expression asks beyond a notice; empty for permissive ones.

    Where it gives a choice (OR), the branch that asks least counts; where all apply (AND), what any asks.
    """
    try:
        tree = _licensing().parse(expression)
    except ExpressionError:
        return frozenset(("unknown",))
    return _asks(tree) if tree is not None else frozenset(("unknown",))


def _asks(node: Any) -> frozenset[Ask]:
    if isinstance(node, OR):
        return min((_asks(part) for part in node.args), key=len)
    if isinstance(node, AND):
        return frozenset().union(*(_asks(part) for part in node.args))
    if isinstance(node, LicenseWithExceptionSymbol):
        return _asks(node.license_symbol)
    return _single(node.key)


def _single(key: str) -> frozenset[Ask]:
    if key.startswith("CC-BY"):
        elements: dict[str, Ask] = {"NC": "non_commercial", "ND": "no_derivatives", "SA": "share_alike"}
        return frozenset(elements[part] for part in key.split("-") if part in elements)
    if key not in _categories():
        return frozenset(("unknown",))
    ask = CATEGORY_ASKS.get(_categories()[key], "other_terms")
    return frozenset((ask,) if ask else ())


@functools.cache
def _licensing() -> Licensing:
    """Some 2,400 licences: made once."""
    return get_spdx_licensing()


@functools.cache
def _categories() -> dict[str, str]:
    return {
        spdx: entry["category"]
        for entry in get_license_index()
        for spdx in (entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", ()))
        if spdx
    }


# The identifiers that the Hub knows and SPDX shares, in lower case (huggingface.co/docs/hub/repositories-licenses).
HUB_IDS = frozenset((
    "afl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0",
    "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0",
    "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "ecl-2.0",
    "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "isc", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl",
    "ncsa", "ofl-1.1", "osl-3.0", "postgresql", "unlicense", "wtfpl", "zlib",
))  # fmt: skip
OTHER_NAMES = {
    "AGPL-3.0-only": "agpl-3.0", "AGPL-3.0-or-later": "agpl-3.0", "GPL-2.0-only": "gpl-2.0",
    "GPL-3.0-only": "gpl-3.0", "GPL-3.0-or-later": "gpl-3.0", "LGPL-2.1-only": "lgpl-2.1", "LGPL-3.0-only": "lgpl-3.0",
    "LGPL-3.0-or-later": "lgpl-3.0", "ODC-By-1.0": "odc-by", "ODbL-1.0": "odbl", "PDDL-1.0": "pddl",
}  # fmt: skip
"""SPDX identifiers that the Hub spells otherwise."""


def hub_metadata(expression: str) -> dict[str, Any]:
    """The front matter that names a model's licence: the Hub's identifier, or `other` with the licence's name."""
    known = expression.lower() if expression.lower() in HUB_IDS else OTHER_NAMES.get(expression)
    return {"license": known} if known else {"license": "other", "license_name": expression.lower().replace(" ", "-")}
