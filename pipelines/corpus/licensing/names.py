"""Licences as people write them, turned into SPDX expressions, with how each is known.

`declared`     an SPDX expression, written as such, or an identifier of the Hugging Face Hub
`free_text`    a known wording ("Apache 2.0 License", "dominio público"), the address of a licence, or its text, pasted
               or in a licence file
`classifier`   a classifier of the Python package index ("OSI Approved :: MIT License")
`unknown`      none of these names one licence: `LicenseRef-unknown`

A name that leaves the licence open stays unknown: "BSD" is four licences with different duties, and only
the text can tell which. What a name does say is kept: "CC BY-NC" without a version forbids commerce in all of them,
and is `LicenseRef-CC-BY-NC`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from pipelines.corpus.licensing import creative_commons
from pipelines.corpus.licensing.expressions import REMEMBERED, UNKNOWN, is_listed, parse, spdx_licensing
from pipelines.corpus.licensing.wordings import (
    ADDRESSES,
    ANY_VERSION,
    CLASSIFIERS,
    HUB,
    OPENING,
    TELLTALES,
    WORDINGS,
)

__all__ = ["UNKNOWN", "License", "identify", "normalise", "spdx"]

LONGEST = 300
"""Characters of a name or of a list of names; what is longer is a licence's text, or a text about it."""


@dataclass(frozen=True, slots=True)
class License:
    expression: str
    evidence: str


def identify(
    expression: str | None = None,
    free_text: str | None = None,
    classifiers: Iterable[str] = (),
    texts: Iterable[str] = (),
) -> License:
    """The licence of a Python distribution, from the most to the least formal of what it says.

    expression: metadata `License-Expression` (PEP 639)
    free_text: metadata `License`: an SPDX identifier, a wording of one's own, or a whole licence
    classifiers: metadata `Classifier`; those about other things are passed over
    texts: the licence files that it ships, asked only where all else leaves it open
    """
    if expression and (found := spdx(expression)):
        return License(found, "declared")
    if free_text and (found := spdx(free_text) or wording(free_text) or recognise(free_text)):
        return License(found, "free_text")
    if found := _joined(CLASSIFIERS.get(line.rpartition(" :: ")[2]) for line in classifiers if "License ::" in line):
        return License(found, "classifier")
    if found := _joined(recognise(text) for text in texts):
        return License(found, "free_text")
    # The last to be asked: an abbreviation in the metadata is careless where a licence file names a version.
    if free_text and (found := ANY_VERSION.get(_plain(free_text))):
        return License(found, "free_text")
    return License(UNKNOWN, "unknown")


@lru_cache(maxsize=REMEMBERED)
def normalise(text: str | None) -> License:
    """The licence that a data set states for a document, in one string."""
    if text and (found := spdx(text) or HUB.get(text.strip().lower())):
        return License(found, "declared")
    if text and (found := wording(text) or recognise(text) or ANY_VERSION.get(_plain(text))):
        return License(found, "free_text")
    return License(UNKNOWN, "unknown")


def spdx(text: str) -> str | None:
    """The expression in SPDX's own spelling, or None where it is none. `LicenseRef-…` is one, and `CC-BY-SA-3.0+`."""
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
    """The licence behind an address, a common way of writing its name, or several of them in a list."""
    if len(text) > LONGEST:
        return None
    return _one(text) or _several(text)


def recognise(text: str) -> str | None:
    """The licence whose text this opens with, by phrases that only that licence has.

    Only the opening counts, as long as a short licence: behind it may stand those of bundled code.
    """
    opening = " ".join(text[: 2 * OPENING].split()).lower()[:OPENING]
    for expression, phrases in TELLTALES:
        if all(phrase in opening for phrase in phrases):
            return expression
    if found := _CC_TEXT.search(opening):
        return creative_commons.named(found.group())
    return None


_CC_TEXT = re.compile(r"creative commons (?:attribution|atribución|atribuição|reconocimiento)[\w-]* \d\.\d")


def _one(text: str) -> str | None:
    for address, expression in ADDRESSES:
        if found := address.search(text):
            return spdx(found.expand(expression).replace("None", ""))
    return _by_name().get(_plain(text)) or creative_commons.named(text) or _gnu(text)


_GNU = re.compile(
    r"(?:gnu )?(?P<family>(?:affero |lesser |library |library or lesser )?general public|free documentation"
    r"|publica general(?: reducida| affero)?(?: de)?(?: gnu)?|[al]?gplv?|gfdl|fdl) ?(?P<version>\d(?:\.\d)?)(?:\.0)*"
    r"(?P<later>\+| or (?:any )?(?:later|newer|above)| [ou]u? (?:cualquier )?posterior)?(?: only)?"
    r"(?: [al]?gplv? ?\d(?:\.\d)?\+?)?"
)
_FAMILIES = [
    ("AGPL", ("affero", "agpl")),
    ("LGPL", ("lesser", "library", "lgpl", "reducida")),
    ("GFDL", ("documentation", "fdl")),
    ("GPL", ("",)),
]


def _gnu(text: str) -> str | None:
    """GNU's licences, of which each version may stand for itself or for all after it."""
    found = _GNU.fullmatch(_plain(re.sub(r">= ?(\d[\d.]*)", r"\1+", text)))
    if not found:
        return None
    family = next(name for name, signs in _FAMILIES if any(sign in found["family"] for sign in signs))
    version = found["version"] if "." in found["version"] else f"{found['version']}.0"
    name = f"{family}-{version}-{'or-later' if found['later'] else 'only'}"
    return name if is_listed(name) else None


def _several(text: str) -> str | None:
    """Names in a list: one may choose where it says "or" or has a slash, and all hold where it says "and"."""
    every, any_of = (re.split(pattern, text.strip()) for pattern in (_AND, _OR))
    if (len(every) > 1) == (len(any_of) > 1):
        return None
    parts = [spdx(part) or _one(part) for part in every + any_of if part != text.strip()]
    if not all(parts):
        return None
    names = [f"({part})" if part and " " in part else str(part) for part in dict.fromkeys(parts)]
    return (" AND " if len(every) > 1 else " OR ").join(names)


_AND = re.compile(r"\s*(?:,|;|\+|&|\s(?:and|y|e)\s)\s*(?:and\s)?", re.IGNORECASE)
_OR = re.compile(r"\s*(?:/|\||\s(?:or|o|ou)\s)\s*", re.IGNORECASE)


def _joined(found: Iterable[str | None]) -> str | None:
    """Several licences named side by side all hold, as far as anyone can tell."""
    names = sorted({name for name in found if name})
    return " AND ".join(f"({name})" if " " in name and len(names) > 1 else name for name in names) or None


def _plain(text: str) -> str:
    """Case, accents, punctuation and the words "the", "license", "version" make no difference between names."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(char))
    words = re.findall(r"[a-z]+|\d+(?:\.\d+)*\+?", bare)
    return " ".join(word for word in words if word not in _IDLE)


_IDLE = frozenset(("the", "license", "licence", "licencia", "licenca", "licensed", "version", "v"))


@cache
def _by_name() -> dict[str, str]:
    return {_plain(name): expression for expression, names in WORDINGS.items() for name in names}
