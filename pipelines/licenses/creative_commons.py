"""Recognize Creative Commons licences by address, or by wordings in English, Spanish or Portuguese.

    named("https://creativecommons.org/licenses/by-sa/3.0/es/")                  LicenseRef-CC-BY-SA-3.0-ES
    named("Licencia Creative Commons Atribución-CompartirIgual 4.0 Internacional")          CC-BY-SA-4.0
    named("CC BY-NC")                                                                  LicenseRef-CC-BY-NC

SPDX lists the international versions and some national ones. Others keep their elements, version and country in a
`LicenseRef-CC-…`, because the elements state the obligations: to treat "CC BY-NC" as unknown would lose that it forbids
commercial use. A wording counts only if every word of it is known: "not CC BY" names no licence.
"""

from __future__ import annotations

import re
import unicodedata

from desdecero.pipelines.licenses.expressions import is_listed

_LICENSE = re.compile(
    r"creativecommons\.org/licen[cs]es/(by(?:-[a-z]+)*)(?:/(\d\.\d)(?:/(?!legalcode|deed)([a-z]{2,3})\b)?)?", re.I
)
_PUBLIC_DOMAIN = re.compile(r"creativecommons\.org/(?:publicdomain/(zero|mark)|licen[cs]es/(publicdomain))", re.I)

_ELEMENTS = [
    (r"no ?comercial(?:es)?|nao ?comercial|non ?commercial|sin (?:fines|animo) (?:comerciales|de lucro)", "nc"),
    (r"sin ?(?:obras? ?)?deriv(?:adas?|ar|ados?)|sem ?deriv(?:acoes|ados|adas)|no ?deriv(?:ative)?s?(?: works)?", "nd"),
    (r"compartir ?(?:bajo la misma licencia|igual)|compartilh(?:a|ar)?(?:mento)? ?(?:pela mesma licenca|igual)", "sa"),
    (r"partilha nos mesmos termos|share ?alike|licenciar igual", "sa"),
    (r"no adaptada", ""),
    (r"atribucion|atribuicao|reconocimiento|reconhecimento|attribution|autoria", "by"),
]
"""Wordings of the elements, without accents, case and punctuation; the more specific first."""
_FILLERS = frozenset((
    "creative", "commons", "cc", "license", "licence", "licencia", "licenca", "licensed", "public", "publica", "deed",
    "de", "la", "el", "los", "a", "o", "as", "under", "bajo", "sob", "un", "una", "uma", "the", "in", "version", "v",
    "international", "internacional", "unported", "generic", "generica", "generico", "ported", "y",
    "e", "and", "uso", "use", "dedication", "legal", "code",
))  # fmt: skip
_COUNTRIES = {
    "argentina": "AR", "bolivia": "BO", "brasil": "BR", "brazil": "BR", "chile": "CL", "colombia": "CO", "cuba": "CU",
    "ecuador": "EC", "espana": "ES", "spain": "ES", "guatemala": "GT", "mexico": "MX", "peru": "PE", "portugal": "PT",
    "uruguay": "UY", "venezuela": "VE", "austria": "AT", "australia": "AU", "france": "FR", "francia": "FR",
    "germany": "DE", "alemania": "DE", "italy": "IT", "italia": "IT", "japan": "JP", "netherlands": "NL", "igo": "IGO",
    "es": "ES", "pe": "PE", "ar": "AR", "cl": "CL", "mx": "MX", "br": "BR", "pt": "PT", "us": "US", "uk": "UK",
    "de": "DE", "fr": "FR", "at": "AT", "nl": "NL", "ec": "EC",
}  # fmt: skip
_ZERO, _MARK = (
    re.compile(r"cc ?(?:0|zero)|creative commons (?:0|zero)"),
    re.compile(r"public domain mark|cc pdm|marca de dominio publico"),
)
LONGEST = 300
"""Characters of a name or a notice; a longer text is a text about licences."""


def named(text: str) -> str | None:
    """Return the Creative Commons licence that an address or a wording names; None where it names none, or two."""
    if len(text) > LONGEST:
        return None
    names = {_identifier(set(e.lower().split("-")), v or None, c.upper()) for e, v, c in _LICENSE.findall(text)}
    for kind, certification in _PUBLIC_DOMAIN.findall(text):
        names.add("CC-PDDC" if certification else {"zero": "CC0-1.0", "mark": "CC-PDM-1.0"}[kind.lower()])
    if names:
        return names.pop() if len(names) == 1 else None
    return _worded(text)


def _worded(text: str) -> str | None:
    plain = " ".join(re.findall(r"[a-z]+|\d+(?:\.\d+)?", _unaccented(text).lower()))
    for mark, name in ((_ZERO, "CC0-1.0"), (_MARK, "CC-PDM-1.0")):
        if mark.search(plain) and set(mark.sub("", plain).split()) <= _FILLERS | {"1.0", "universal", "domain"}:
            return name
    for wording, element in _ELEMENTS:
        plain = re.sub(rf"\b(?:{wording})\b", f" {element} ", plain)
    elements, versions, country = set[str](), set[str](), ""
    for word in re.sub(r"\bcc(?=by)", "cc ", plain).split():
        if word in ("by", "nc", "nd", "sa"):
            elements.add(word)
        elif re.fullmatch(r"[1-4](\.[0-9])?", word):
            versions.add(word if "." in word else f"{word}.0")
        elif versions and word in _COUNTRIES:
            country = _COUNTRIES[word]
        elif word not in _FILLERS:
            return None
    # "by" and "attribution" are English words: alone, they name no licence.
    if len(versions) > 1 or not (len(elements) > 1 or versions or re.search(r"\bcc|creative commons", plain)):
        return None
    return _identifier(elements, next(iter(versions), None), country)


def _identifier(elements: set[str], version: str | None, country: str) -> str | None:
    """Return the SPDX identifier of these elements, or a `LicenseRef-`; None for a licence that does not exist."""
    if "by" not in elements or not elements <= {"by", "nc", "nd", "sa"} or {"nd", "sa"} <= elements:
        return None
    name = "-".join(["CC", *(element.upper() for element in ("by", "nc", "nd", "sa") if element in elements)])
    if version is None:
        return f"LicenseRef-{name}"
    international = f"{name}-{version}"
    if not is_listed(international):
        return None
    ported = f"{international}-{country}" if country and version != "4.0" else international
    return ported if is_listed(ported) else f"LicenseRef-{ported}"


def _unaccented(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
