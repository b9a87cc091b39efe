"""Passports, next to the word that names them.

A passport's number has no printed check digit, and each country has its own format: three letters and six digits in
Spain and Argentina, two and six or seven in Colombia and Brazil, one and eight in Mexico, nine digits in Peru and the
United States. So only the word is evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from desdecero.pipelines.corpus.privacy.matches import Match, Strength
from desdecero.pipelines.corpus.privacy.numbers import Chain

_NUMBER = r"(?:[A-Z]{1,3}[ .-]?[0-9]{5,8}[A-Z]?|[0-9]{7,9}|[0-9]{2}[A-Z]{2}[0-9]{5})"
_END = r"(?![^\W_])(?!-\w)(?![.,]?[0-9])"
_BETWEEN = (
    r"(?:[\s:.,(*_#\"'=|-]{1,3}|n\.?[ºo°]\.?|n[úu]m(?:ero)?\b|no\b|nr[o.]?\b|number\b|series?\b|with\b|con\b|is\b|es\b"
    r"|del?\b|ordinario\b|diplom[áa]tico\b|espa[ñn]ol\b|argentino\b|mexicano\b|peruano\b|colombiano\b|chileno\b"
    r"|venezolano\b|uruguayo\b|ecuatoriano\b|brasile[ñi]ro\b|brasileño\b|dominicano\b|estadounidense\b|vigente\b|us\b"
    r"|id\b){1,12}+"
)
_LETTERED = r"(?:[A-Z]{1,3}[ .-]?[0-9]{6,8}|[0-9]{2}[A-Z]{2}[0-9]{5})"
_DESCRIBED = r"(?:[ \t,]{1,2}[^\W\d_]{1,20}){1,8}?[ \t:,(]{1,3}(?:n\S{1,6}[ \t:]{1,2})?"
"""Text between the name and a number with letters, which belongs to nothing else: `pasaporte expedido en Roma con el
n.º`."""
_NOT_OF_PASSPORT = re.compile(
    r"(?i)\b(?:expedientes?|matr[íi]culas?|vuelos?|flights?|referencias?|facturas?|lotes?|pedidos?|visas?|visados?"
    r"|c[óo]digos?|modelos?|models?|coches?|cars?|series?|resoluci[óo]n|ley|orders?)\b"
)
_NAME = r"(?i:pasaportes?|passports?|passaportes?)"
_BEHIND_NAME = re.compile(rf"\b{_NAME}(?i:{_BETWEEN})({_NUMBER}){_END}")
_BEHIND_DESCRIPTION = re.compile(rf"\b{_NAME}({_DESCRIBED})({_LETTERED}){_END}")
_FURTHER = re.compile(rf"(?:[,;/]| [yeo]| and| or)[ ]?({_NUMBER}){_END}")
_BEFORE_NAME = re.compile(
    rf"([A-Z]{{1,3}}[ .-]?[0-9]{{5,8}}[A-Z]?)[ \t]{{0,2}}[(\[,-]?[ \t]{{0,2}}{_NAME}\b(?!(?i:{_BETWEEN})?{_NUMBER})"
)
_CONTEXT = 60

WORDS = {"passport": "pasaporte pasaportes passport passports passaporte passaportes"}
"""Words that name a passport, to find quickly where to look closer."""


def find_passports(text: str, chains: Iterable[Chain]) -> Iterator[Match]:
    """Find numbers that the word for a passport names."""
    for chain in chains:
        if "passport" in chain.names:
            for match in _BEHIND_NAME.finditer(text, max(0, chain.start - _CONTEXT), chain.end + 2):
                found: re.Match[str] | None = match
                while found and not _is_ordinary(found[1]):
                    yield Match(*found.span(1), "national_id", "passport", Strength.WORD)
                    found = _FURTHER.match(text, found.end())
            described = _BEHIND_DESCRIPTION.finditer(text, max(0, chain.start - 2 * _CONTEXT), chain.end + 2)
            for match in described:
                if not _NOT_OF_PASSPORT.search(match[1]):
                    yield Match(*match.span(2), "national_id", "passport", Strength.WORD)
        elif (
            chain.start and text[chain.start - 1].isalpha() and text[chain.end : chain.end + 24].lower().find("as") > 0
        ):
            first = chain.start - 1
            while first and chain.start - first < 3 and text[first - 1].isalpha():
                first -= 1
            if not text[first - 1 : first].isalnum() and (before := _BEFORE_NAME.match(text, first)):
                yield Match(*before.span(1), "national_id", "passport", Strength.WORD)


def _is_ordinary(number: str) -> bool:
    """Recognize a round number or a date: `el pasaporte costó 1000000`, `pasaporte 20240315`."""
    return number.endswith("000") or bool(re.fullmatch(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9]", number))
