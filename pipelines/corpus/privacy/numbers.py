"""Search for numbers long enough to be personal, and for the words before them.

Trying forty formats at each character would cost seconds for each megabyte. All of them have at least six digits close
together; so one fast search finds such chains, and the formats are tried only where a group of digits begins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from desdecero.pipelines.corpus.privacy.matches import Match, Strength
from desdecero.pipelines.corpus.privacy.ordinary_numbers import begins_with_date, in_reference, is_counted, is_filed

_CHAIN = re.compile(r"[0-9](?:[ \t._()/'>\n-]{0,4}[0-9]){5,}")
_GROUP = re.compile(r"[0-9]+")
_SEPARATORS = str.maketrans("", "", " \t._()/'>\n-")
_CONTEXT = 48
"""Characters before a number that are searched for a word that names it."""
_LEAD = 6
"""The most letters, with their hyphen or space, that a format has before its first digits (`MG-1…`, `GOMC85…`)."""
_COUNTRY_AND_CHECK = re.compile(r"[A-Za-z]{2}[ .-]?[0-9]{2}[ .\n-]{0,3}$")
"""Beginning of an IBAN whose bank is written in letters."""
_LED = re.compile(r"[^\W\d_]$|[A-ZÑ&]{2}[ -]$")
"""Text before the birthday in a CURP or an RFC."""
_SIGNS = re.compile(r"[\s._/'>,-]")
_LISTED = re.compile(r"[\s,;/|)]{0,3}(?:(?:y|e|o|u|and|or|&)[ ])?[(]?")
"""Text between two numbers of one list: the second has the first one's name."""
_EMPHASIS = re.compile(r"(?<![\w*])(?:\*{1,3}|_{1,3})$")
_INTRODUCED = re.compile(
    r"(?i)(?:[:#]|n\.?[ºo°]\.?|n[úu]m(?:ero)?\.?|nro\.?"
    r"|(?<![^\W_])(?:d\.?n\.?i|n\.?i\.?[ft]|c\.?[ci]|ssn)\.?|identidad) ?$"
)
"""Directly before a number, names it: then a word after it is not the counted noun."""
_ISSUED = re.compile(
    r"(?i)\b(?:total(?:es)? de(?: los| las)?|cantidad de|n[úu]mero total de) (?:dni|nie|nif|c[ée]dulas|pasaportes)\b"
    r"[^.;\n]{0,24}$"
    r"|\b(?:dni|nie|nif|c[ée]dulas|pasaportes|documentos|tarjetas)(?: electr[óo]nicos| nuev[oa]s| de identidad)?"
    r" (?:expedid|emitid|entregad|renovad|tramitad|caducad|robad|perdid|falsificad|registrad|solicitad"
    r"|anulad|impres)[oa]s\b[^.;\n]{0,24}$"
)
"""Documents that are counted: `DNI expedidos: 12.345.678`."""
_DOCUMENT = re.compile(r"(?i)(?<![^\W_])(?:documentos?|doc\.|clientes?|socios?)[ \t:]{1,2}$")
"""Text before a person's identity number with letters: `documento: 12345678Z`."""
_LETTER_APART = re.compile(r"[A-Za-z][ .]")
_AMOUNT = re.compile(r"[0-9]{1,2}([. '])[0-9]{3}\1[0-9]{3}(?![0-9])")
_HEADING = re.compile(
    r"(?i)(?<![^\W_])(?:cap[íi]tulos?|t[íi]tulos?|anexos?|tomos?|libros?|siglos?|partes?|secci[óo]n(?:es)?|apartados?|tablas?"
    r"|cuadros?|series?|clases?|tipos?|grupos?|categor[íi]as?|letras?|niveles|nivel|fases?|actos?|escenas?|vol[úu]menes"
    r"|volumen|leyes|ley|puntos?|opci[óo]n|lotes?|vitaminas?|salas?|zonas?|bloques?|plantas?|puertas?|art[íi]culos?"
    r"|chapters?|parts?|sections?|annex|appendix|volumes?|class|types?|groups?|figures?|tables?)[ \t]{1,2}$"
)
"""Words with a letter or a Roman numeral: `Capítulo V 1.250.000`."""

_IN_A_ROW = re.compile(r"[0-9][ \t]{1,2}\||\|[ \t]{1,2}[0-9]{4}(?![0-9/])")
"""More numbers before or after one (at the bar)."""

AFTER = r"(?![^\W_])(?!_\w)(?!-\w)(?![.,:/']?[0-9])"
"""The number does not continue."""
ANY_SIGNS = r"[ \t.,_/'>\n-]{0,4}+"
"""Between two digits of a number after its name, if its check digits hold."""
BETWEEN_GROUPS = r"(?:[ ]?[.-]?\n[ \t>]{0,4}|[ \t]{1,4}| ?[.-] ?|_)"
"""A sign, blanks or the end of a line."""


def always(_number: str) -> bool:
    """Accept any number: its format is the evidence, without a check digit."""
    return True


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """One kind of number, as a country or a sector writes it."""

    name: str
    """es_dni, br_cpf, iban, …"""
    kind: str
    country: str | None
    """ISO 3166-1 code in small letters; None for a format common to all."""
    digits: int
    """Least number of digits in a row (spaces and points between them do not count)."""
    written: tuple[re.Pattern[str], ...]
    """Patterns for which check digits are sufficient evidence; the longer ones first."""
    bare: re.Pattern[str] | None
    """Pattern that needs a word before it, because ordinary numbers look like that too."""
    valid: Callable[[str], bool]
    """Checks the letters and digits alone."""
    lead: bool = False
    """True if it begins with letters."""
    any_case: bool = False
    """True if small letters are as usual in it as capitals."""
    bare_must_check: bool = False
    """True if a bare number needs valid check digits, even after its word."""
    must_check: bool = False
    """True if any number needs valid check digits."""
    alone: Callable[[str], bool] = always
    """Further condition if no word names it."""
    loose: re.Pattern[str] | None = None
    """Pattern after its word if its check digits hold: with any signs between its digits."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Digits close together, and the formats that the words before them name."""

    start: int
    end: int
    digits: int
    names: frozenset[str]
    """Formats that a word before the chain names."""


def pattern(source: str) -> re.Pattern[str]:
    """Compile a format's pattern: case-insensitive, and not followed by more of the same number."""
    return re.compile(f"(?:{source}){AFTER}", re.IGNORECASE)


class NameWords:
    """Finds the words that name formats.

    A name is one word in any case, one in capitals only (`NIT`, because a nit is something else), or the last word of
    several (`documento nacional de identidad`). Points and spaces between single letters are ignored: `D. N. I.`.
    An everyday word (`documento`) names only if its pattern is found in the words before the number.
    """

    def __init__(self, *tables: Mapping[str, str], everyday: Mapping[str, re.Pattern[str]]):
        """tables: names of formats, separated by spaces → the words that name them, separated by spaces."""
        self._everyday = everyday
        self._forms: dict[str, frozenset[str]] = {}
        for table in tables:
            for names, words in table.items():
                for word in words.split():
                    self._forms[word] = self._forms.get(word, frozenset()) | set(names.split())

    def before(self, text: str, start: int) -> frozenset[str]:
        """Return the formats named in the words before `start`, back to the digit or the empty line before them."""
        while start and text[start - 1].isalnum():  # inside a word: GB29NWBK|6016…
            start -= 1
        window = _DIGIT.split(text[max(0, start - _CONTEXT) : start])[-1]
        if "\n" in window:
            window = _EMPTY_LINE.split(window)[-1]
        if window[-2:-1].isupper() and window[-3:-2] == " ":  # C.I. V 12.345.678
            window = window[:-2]
        found: frozenset[str] = frozenset()
        for word in _WORD.findall(window):
            if len(word) > 1:
                word = word.replace(".", "").replace(" ", "")
                names = self._forms.get(word) or self._forms.get(word := word.lower())
                if names and (word not in self._everyday or self._everyday[word].search(window)):
                    found |= names
        return found


_WORD = re.compile(r"[A-Z](?:\. ?[A-Z](?![\w-]))+|[^\W\d_](?:\.[^\W\d_](?!\w))+|[^\W\d_]+")
_DIGIT, _EMPTY_LINE = re.compile("[0-9]"), re.compile(r"\n[ \t]*\n")


def find_chains(text: str, words: NameWords) -> Iterator[Chain]:
    """Find chains of six digits or more; of six only after letters, as in a CURP, or after a telephone's name."""
    last_end, last_names = -1000, frozenset[str]()
    for match in _CHAIN.finditer(text):
        start, end = match.span()
        digits = len(match[0].translate(_SEPARATORS))
        names = words.before(text, start)
        if not names and last_names and start - last_end <= 6 and _LISTED.fullmatch(text, last_end, start):
            names = last_names
        if digits == 6 and "phone" not in names and not _LED.search(text, max(0, start - 4), start):
            continue
        last_end, last_names = end, names
        yield Chain(start, end, digits, names)


class Numbers:
    """Finds formats in chains of digits."""

    def __init__(self, forms: Sequence[NumberFormat]):
        self._forms = sorted(forms, key=lambda form: form.digits)
        self._known_alone = [form for form in self._forms if form.written]

    def find(self, text: str, chains: Iterable[Chain]) -> Iterator[Match]:
        """Find the numbers of all formats in these chains."""
        for chain in chains:
            forms = self._forms if chain.names else self._known_alone
            left = chain.digits
            for group in _GROUP.finditer(text, chain.start, chain.end):
                yield from self._at(text, group.start(), left, forms, chain.names)
                left -= group.end() - group.start()

    def _at(
        self, text: str, start: int, digits: int, forms: Sequence[NumberFormat], names: frozenset[str]
    ) -> Iterator[Match]:
        """Match numbers that begin with the group of digits at `start`, or with letters before it."""
        leads = [lead for lead in _leads(text, start) if _stands_alone(text, lead)]
        alone = _stands_alone(text, start)
        if not leads and not alone:
            return
        for form in forms:
            if form.digits > digits:
                return
            for place in leads if form.lead else (start,) if alone else ():
                if match := _match(text, place, form, form.name in names):
                    yield match


def _match(text: str, start: int, form: NumberFormat, named: bool) -> Match | None:
    if not named:
        for way in form.written:
            if (match := way.match(text, start)) is None:
                continue
            number = _SIGNS.sub("", match[0])
            in_case = form.any_case or match[0] == match[0].upper()
            if in_case and form.valid(number) and form.alone(number) and not _is_ordinary(text, *match.span(), form):
                return Match(*match.span(), form.kind, form.name, Strength.CHECKED)
        return None
    ways = [match for way in form.written if (match := way.match(text, start))]
    loose = form.loose.match(text, start) if form.loose else None
    for match in [*ways, loose] if loose else ways:
        if form.valid(_SIGNS.sub("", match[0])):
            return Match(*match.span(), form.kind, form.name, Strength.NAMED)
    if form.must_check:
        return None
    if not ways and form.bare and (bare := form.bare.match(text, start)):
        ways = [bare] if not form.bare_must_check or form.valid(_SIGNS.sub("", bare[0])) else []
    if _ISSUED.search(text[max(0, start - _CONTEXT) : start]):
        return None
    introduced = bool(_INTRODUCED.search(text[max(0, start - 12) : start]))
    if not ways or is_counted(text, *ways[0].span(), nouns=not introduced):
        return None
    return Match(*ways[0].span(), form.kind, form.name, Strength.WORD)


def _is_ordinary(text: str, start: int, end: int, form: NumberFormat) -> bool:
    """Tell whether a number that no word names may be another one whose check digit holds by chance."""
    number = text[start:end]
    has_letters = any(map(str.isalpha, number))
    if "\n" in number and not has_letters and not any(map(str.isalpha, text[text.rfind("\n", 0, start) + 1 : start])):
        return True  # two rows of a table of numbers
    if " " in number and _IN_A_ROW.search(text[max(0, start - 4) : start] + "|" + text[end : end + 6]):
        return True
    only_digits = number.isdigit()
    serial = re.sub(r" ?- ?(?=[0-9]$)", "", number)  # 20231234-5
    if serial[:-1].isdigit() and begins_with_date(text, start, serial):
        return True
    if form.lead and (_HEADING.search(text[max(0, start - 24) : start]) or _is_letter_of_something(text, start, form)):
        return True
    sure = form.kind == "bank_account"  # 18 digits and more, or a country and two check digits
    numbered = only_digits and form.kind == "national_id"
    persons = not only_digits and _DOCUMENT.search(text[max(0, start - 24) : start])
    if (not sure and not persons and is_filed(text, start, numbered)) or in_reference(text, start):
        return True
    return form.lead and bool(_LETTER_APART.match(number)) and is_counted(text, start, end)


def _is_letter_of_something(text: str, start: int, form: NumberFormat) -> bool:
    """Recognize `Felipe V 1.250.000`: a letter separated from an amount and directly after a word."""
    if not _LETTER_APART.match(text, start) or not (form.valid is always or _AMOUNT.match(text, start + 2)):
        return False
    before = text[max(0, start - 3) : start].rstrip(" \t")
    return not before or before[-1] not in ",;:([«\"'"


def _leads(text: str, start: int) -> list[int]:
    """Return the starts of the letters directly before a group of digits, and of the `GB29` before them, if any."""
    place = start
    while place and start - place < 3 and text[place - 1] in " .-\n":
        place -= 1
    first = place
    while first > 0 and place - first < _LEAD and (text[first - 1].isalpha() or text[first - 1] == "&"):
        first -= 1
    if first == place:
        return []
    country = _COUNTRY_AND_CHECK.search(text, max(0, first - 8), first)
    return [first, country.start()] if country else [first]


def _stands_alone(text: str, start: int) -> bool:
    """Tell whether it is not part of a longer word, a decimal number, a version or a path."""
    before = text[start - 1] if start else " "
    if before in "*_":
        return bool(_EMPHASIS.search(text[max(0, start - 4) : start]))
    if before.isalnum() or before in "/+\\@&$%#~":
        return False
    return not (before in ".,-:'" and start > 1 and text[start - 2].isdigit())
