"""SPDX expressions as trees: one reading of AND, OR, WITH and "or later" for all who ask about a licence."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from license_expression import AND, OR, ExpressionError, LicenseWithExceptionSymbol, Licensing, get_spdx_licensing

UNKNOWN = "LicenseRef-unknown"
UNSAID = frozenset((UNKNOWN, "NOASSERTION", "NONE"))
"""What stands where a licence should: nothing is known."""

REMEMBERED = 4096
"""Answers that are kept: a corpus has some dozens of licences, and may have one wording of its own a document."""

_VERSIONED = re.compile(r"(?P<stem>.+?)-(?P<version>\d+(?:\.\d+)*)(?P<tail>-only|-or-later|\+)?")


@cache
def spdx_licensing() -> Licensing:
    """Some 2,400 licences: made once."""
    return get_spdx_licensing()


@lru_cache(maxsize=REMEMBERED)
def parse(expression: str) -> Any | None:
    """The tree of an expression, or None where it is none."""
    try:
        return spdx_licensing().parse(expression.strip())
    except (ExpressionError, AttributeError, TypeError):  # the parser trips over some malformed words
        return None


def is_and(node: Any) -> bool:
    return isinstance(node, AND)


def is_or(node: Any) -> bool:
    return isinstance(node, OR)


def without_exception(node: Any) -> str | None:
    """The base licence of `licence WITH exception`; None for anything else."""
    return str(node.license_symbol) if isinstance(node, LicenseWithExceptionSymbol) else None


def canonical(node: Any) -> str:
    """The same string for the same expression, whatever the order of its parts and however often they are said."""
    if not (is_and(node) or is_or(node)):
        return str(node)
    parts = sorted({f"({canonical(part)})" for part in node.args})
    return (" AND " if is_and(node) else " OR ").join(parts)


def is_listed(key: str) -> bool:
    """Whether SPDX (or ScanCode, for `LicenseRef-scancode-…`) lists this licence."""
    return key in spdx_licensing().known_symbols


@lru_cache(maxsize=REMEMBERED)
def versions_from(key: str) -> tuple[str, ...]:
    """The versions that `GPL-2.0-or-later` or `CC-BY-SA-3.0+` lets one choose from; () for any other licence."""
    found = _VERSIONED.fullmatch(key)
    if not found or found["tail"] not in ("-or-later", "+"):
        return ()
    tails = (None,) if found["tail"] == "+" else ("-only", "-or-later")
    others = (_VERSIONED.fullmatch(name) for name in spdx_licensing().known_symbols)
    later = (
        (_number(other["version"]), other.group())
        for other in others
        if other and other["stem"] == found["stem"] and other["tail"] in tails
        and _number(other["version"]) >= _number(found["version"])
    )  # fmt: skip
    return tuple(name for _, name in sorted(later) if name != key)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
