"""SPDX expressions as trees: the one interpretation of AND, OR, WITH and "or later" for all modules."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from license_expression import AND, OR, ExpressionError, LicenseWithExceptionSymbol, Licensing, get_spdx_licensing

UNKNOWN = "LicenseRef-unknown"
UNSAID = frozenset((UNKNOWN, "NOASSERTION", "NONE"))
"""Values that say that no licence is known."""

REMEMBERED = 4096
"""Size of the caches: a corpus has some dozens of licences, and may have a different wording in each document."""

_VERSIONED = re.compile(r"(?P<stem>.+?)-(?P<version>\d+(?:\.\d+)*)(?P<tail>-only|-or-later|\+)?")


@cache
def spdx_licensing() -> Licensing:
    """Return the parser of some 2,400 licences, built once."""
    return get_spdx_licensing()


@lru_cache(maxsize=REMEMBERED)
def parse(expression: str) -> Any | None:
    """Parse an expression into a tree; None where it is not valid."""
    try:
        return spdx_licensing().parse(expression.strip())
    except (ExpressionError, AttributeError, TypeError):  # the parser fails in these ways on some malformed input
        return None


def is_and(node: Any) -> bool:
    """Return whether a node of a tree is an AND."""
    return isinstance(node, AND)


def is_or(node: Any) -> bool:
    """Return whether a node of a tree is an OR."""
    return isinstance(node, OR)


def without_exception(node: Any) -> str | None:
    """Return the base licence of `licence WITH exception`; None for anything else."""
    return str(node.license_symbol) if isinstance(node, LicenseWithExceptionSymbol) else None


def canonical(node: Any) -> str:
    """Return a canonical string: the same for expressions that differ only in order or repetition of their parts."""
    if not (is_and(node) or is_or(node)):
        return str(node)
    parts = sorted({f"({canonical(part)})" for part in node.args})
    return (" AND " if is_and(node) else " OR ").join(parts)


def is_listed(key: str) -> bool:
    """Return whether SPDX (or ScanCode, for `LicenseRef-scancode-…`) lists this licence."""
    return key in spdx_licensing().known_symbols


@lru_cache(maxsize=REMEMBERED)
def versions_from(key: str) -> tuple[str, ...]:
    """Return the versions that `GPL-2.0-or-later` or `CC-BY-SA-3.0+` permits; () for any other licence."""
    base = _VERSIONED.fullmatch(key)
    if not base or base["tail"] not in ("-or-later", "+"):
        return ()
    tails = (None,) if base["tail"] == "+" else ("-only", "-or-later")
    others = (_VERSIONED.fullmatch(name) for name in spdx_licensing().known_symbols)
    later = (
        (_number(other["version"]), other.group())
        for other in others
        if other
        and other["stem"] == base["stem"]
        and other["tail"] in tails
        and _number(other["version"]) >= _number(base["version"])
    )
    return tuple(name for _, name in sorted(later) if name != key)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
