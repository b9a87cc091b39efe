"""Turn licence statements into SPDX expressions, each with the evidence for it.

`declared`     an SPDX expression, written as such, or an identifier of the Hugging Face Hub
`free_text`    a known wording ("Apache 2.0 License", "dominio público"), the address of a licence, or its text, pasted
               or in a licence file; or a notice made of these (`statements`)
`contradictory`  a notice whose parts disagree ("All rights reserved" and the address of CC BY): all of them, AND
`classifier`   a classifier of the Python package index ("OSI Approved :: MIT License")
`unknown`      none of these names one licence: `LicenseRef-unknown`

An ambiguous name stays unknown: "BSD" is four licences with different obligations, and only the text shows which one it
is. What a name does state is kept: "CC BY-NC" without a version forbids commercial use in all versions, and is
`LicenseRef-CC-BY-NC`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from desdecero.pipelines.licenses import creative_commons, statements
from desdecero.pipelines.licenses.expressions import REMEMBERED, UNKNOWN, is_listed, parse, spdx_licensing
from desdecero.pipelines.licenses.wordings import (
    ADDRESSES,
    ANY_VERSION,
    CLASSIFIERS,
    HUB,
    MENTIONS,
    OPENING,
    TELLTALES,
    WORDINGS,
)

__all__ = ["UNKNOWN", "License", "identify", "normalize", "spdx"]

LONGEST = 300
"""Characters of a name or of a list of names."""
LONGEST_NOTICE = 1000
"""Characters; a longer text is a licence's text, or a text about it."""


@dataclass(frozen=True, slots=True)
class License:
    """SPDX expression, and the evidence for it: `declared`, `free_text`, …"""

    expression: str
    evidence: str


def identify(
    expression: str | None = None,
    free_text: str | None = None,
    classifiers: Iterable[str] = (),
    texts: Iterable[str] = (),
) -> License:
    """Identify the licence of a Python distribution, from the most to the least formal of its statements.

    expression: metadata `License-Expression` (PEP 639)
    free_text: metadata `License`: an SPDX identifier, a free wording, or a whole licence
    classifiers: metadata `Classifier`; those about other subjects are ignored
    texts: its licence files, read only where the other statements do not name one licence
    """
    if expression and (named := spdx(expression)):
        return License(named, "declared")
    versionless = free_text and _plain(free_text) in ANY_VERSION  # tried last: a licence file may name the version
    if (
        free_text
        and not versionless
        and (known := _of_text(spdx(free_text)) or _free_text(free_text) or _of_text(recognize(free_text)))
    ):
        return known
    if named := _joined(CLASSIFIERS.get(line.rpartition(" :: ")[2]) for line in classifiers if "License ::" in line):
        return License(named, "classifier")
    if named := _joined(recognize(text) for text in texts):
        return License(named, "free_text")
    if free_text and (named := ANY_VERSION.get(_plain(free_text))):
        return License(named, "free_text")
    return License(UNKNOWN, "unknown")


@lru_cache(maxsize=REMEMBERED)
def normalize(text: str | None) -> License:
    """Identify the licence that a dataset states for a document in one string."""
    if text and (named := spdx(text) or HUB.get(text.strip().lower())):
        return License(named, "declared")
    if text and (known := _free_text(text) or _mentioned(text) or _of_text(ANY_VERSION.get(_plain(text)))):
        return known
    if text and len(text) <= LONGEST_NOTICE and (forbidden := statements.restrictions(text)):
        return License(" AND ".join(forbidden), "free_text")
    return License(UNKNOWN, "unknown")


def _free_text(text: str) -> License | None:
    """Identify a name, a list of names, or a notice that contains names."""
    if named := wording(text):
        return License(named, "free_text")
    if len(text) <= LONGEST_NOTICE and not _license_text(text):
        stated = statements.read(text, _mention, _begins)
        if stated:
            return License(stated.expression, "contradictory" if stated.contradictory else "free_text")
    return None


def _mentioned(text: str) -> License | None:
    """Identify a licence's text; or a longer text that mentions a licence, with the restrictions that it adds."""
    expression = recognize(text)
    if not expression or _license_text(text):
        return _of_text(expression)
    if forbidden := statements.restrictions(text[:OPENING]):
        return License(_joined([*forbidden, expression]) or UNKNOWN, "contradictory")
    return None if statements.denies(text[:OPENING]) else _of_text(expression)


def _of_text(expression: str | None) -> License | None:
    return License(expression, "free_text") if expression else None


def spdx(text: str) -> str | None:
    """Return an expression in SPDX's spelling; None where it is not valid.

    `LicenseRef-…` and `CC-BY-SA-3.0+` are valid.
    """
    if len(text) > 500 or "\n" in text.strip():
        return None
    parsed = parse(text)
    if parsed is None:
        return None
    unknown = spdx_licensing().unknown_license_keys(parsed)
    if all(re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", key) or is_listed(key.removesuffix("+")) for key in unknown):
        return str(parsed.render())
    return None


def wording(text: str) -> str | None:
    """Identify an address of a licence, a common wording of its name, or a list of several."""
    if len(text) > LONGEST:
        return None
    return _one(text) or _several(text)


def recognize(text: str) -> str | None:
    """Identify the licence whose text is at the beginning, or that is named there.

    Only the beginning counts, the length of a short licence: licences of bundled code may follow.
    """
    opening = _opening(text)
    if known := _license_text(text):
        return known
    if match := _CC_TEXT.search(opening):
        return creative_commons.named(match.group())
    return next((expression for expression, phrase in MENTIONS if phrase in opening), None)


def _license_text(text: str) -> str | None:
    """Identify the licence whose text is at the beginning, by phrases that only that licence has."""
    opening = _opening(text)
    for expression, phrases in TELLTALES:
        if all(phrase in opening for phrase in phrases):
            return expression
    if (match := _CC_TEXT.search(opening)) and ("licensed rights" in opening or "as defined below" in opening):
        return creative_commons.named(match.group())
    return None


def _opening(text: str) -> str:
    return " ".join(text[: 2 * OPENING].split()).lower()[:OPENING]


_CC_TEXT = re.compile(r"creative commons (?:attribution|atribución|atribuição|reconocimiento)[\w-]* \d\.\d")


def _one(text: str) -> str | None:
    """Identify the licence of a name or an address; `statements` reads an address with other words."""
    if address := statements.ADDRESS.search(text):
        return (
            _addressed(address.group())
            if address.group().strip(statements.AROUND) == text.strip(statements.AROUND)
            else None
        )
    return _by_name().get(_plain(text)) or creative_commons.named(text) or _gnu(text)


def _addressed(address: str) -> str | None:
    for pattern, expression in ADDRESSES:
        if match := pattern.search(address):
            return spdx(match.expand(expression).replace("None", ""))
    return creative_commons.named(address)


def _mention(text: str) -> str | None:
    """Identify one name or address within a notice."""
    expression = spdx(text)
    if expression and " AND " not in expression and " OR " not in expression:
        return expression
    return _one(text) or ANY_VERSION.get(_plain(text))


def _begins(word: str) -> bool:
    """Return whether a licence's name may begin with this word: as known names do, or by its form (`CDLA-1.0`)."""
    first = word.split()[0]
    by_form = " " in word and (word.startswith("by nc") or any(char.isdigit() for char in word))
    return by_form or first in _first_words() or first.startswith(_GNU_STEMS)


_GNU_STEMS = ("gpl", "lgpl", "agpl", "gfdl", "fdl")


@cache
def _first_words() -> frozenset[str]:
    others = "cc creative attribution atribucion reconocimiento atribuicao gnu affero lesser general publica free"
    return frozenset((*others.split(), *(name.split()[0] for name in (*_by_name(), *ANY_VERSION))))


_GNU = re.compile(
    r"(?:gnu )?(?P<family>(?:affero |lesser |library |library or lesser )?general public|free documentation"
    r"|publica general(?: reducida| affero)?(?: de)?(?: gnu)?|[al]?gplv?|gfdl|fdl) ?(?P<version>\d(?:\.\d)?)(?:\.0)*"
    r"(?P<later>\+| or (?:any )?(?:later|newer|above)| [ou]u? (?:cualquier )?posterior)?(?: only)?"
    r"(?: [al]?gplv? ?(?P=version)(?:\.0)?\+?)?"
)
_FAMILIES = [
    ("AGPL", ("affero", "agpl")),
    ("LGPL", ("lesser", "library", "lgpl", "reducida")),
    ("GFDL", ("documentation", "fdl")),
    ("GPL", ("",)),
]


def _gnu(text: str) -> str | None:
    """Identify a GNU licence, of one version only or "or later"."""
    match = _GNU.fullmatch(_plain(re.sub(r">= ?(\d[\d.]*)", r"\1+", text)))
    if not match:
        return None
    family = next(name for name, signs in _FAMILIES if any(sign in match["family"] for sign in signs))
    version = match["version"] if "." in match["version"] else f"{match['version']}.0"
    name = f"{family}-{version}-{'or-later' if match['later'] else 'only'}"
    return name if is_listed(name) else None


def _several(text: str) -> str | None:
    """Identify names in a list: joined by "or" or a slash they are a choice, joined by "and" all apply."""
    every, any_of = (re.split(pattern, text.strip()) for pattern in (_AND, _OR))
    if (len(every) > 1) == (len(any_of) > 1):
        return None
    parts = [spdx(part) or _one(part) for part in every + any_of if part != text.strip()]
    if not all(parts) or statements.RESERVED in parts:  # a licence, and all rights reserved: a contradictory notice
        return None
    names = [f"({part})" if part and " " in part else str(part) for part in dict.fromkeys(parts)]
    return (" AND " if len(every) > 1 else " OR ").join(names)


_AND = re.compile(r"\s*(?:,|;|\+|&|\s(?:and|y|e)\s)\s*(?:and\s)?", re.IGNORECASE)
_OR = re.compile(r"\s*(?:/|\||\s(?:or|o|ou)\s)\s*", re.IGNORECASE)


def _joined(expressions: Iterable[str | None]) -> str | None:
    """Join several licences with AND: without a word that joins them, all are taken to apply."""
    names = sorted({name for name in expressions if name})
    return " AND ".join(f"({name})" if " " in name and len(names) > 1 else name for name in names) or None


def _plain(text: str) -> str:
    """Remove what does not distinguish names: case, accents, punctuation, and "the", "license", "version"."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(char))
    words = re.findall(r"[a-z]+|\d+(?:\.\d+)*\+?", bare)
    return " ".join(word for word in words if word not in _IDLE)


_IDLE = frozenset(("the", "license", "licence", "licencia", "licenca", "licensed", "version", "v"))


@cache
def _by_name() -> dict[str, str]:
    return {_plain(name): expression for expression, names in WORDINGS.items() for name in names}
