"""Where a text holds numbers long enough to be personal, and which words stand before them.

Looking for forty forms at each character would cost seconds for each megabyte. All of them have at least six digits
close together; so one quick search finds such chains, and the forms are tried only where a group of digits begins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.corpus.privacy.matches import Match, Strength

_CHAIN = re.compile(r"[0-9](?:[ .()-]{0,4}[0-9]){5,}")
_GROUP = re.compile(r"[0-9]+")
_SEPARATORS = str.maketrans("", "", " .()-")
_CONTEXT = 48
"""Characters before a number in which the word that names it is looked for."""
_LEAD = 6
"""The most letters, with their hyphen or space, that a form has before its first digits (`MG-1…`, `GOMC85…`)."""
_COUNTRY_AND_CHECK = re.compile(r"[A-Za-z]{2}[0-9]{2}[ -]?$")
"""How an IBAN begins whose bank is written in letters."""
_LED = re.compile(r"[^\W\d_]$|[A-ZÑ&]{2}[ -]$")
"""Before the birthday of a CURP or an RFC."""
_SIGNS = re.compile(r"[ ./-]")
_LISTED = re.compile(r"[\s,;/|)]{0,3}(?:(?:y|e|o|u|and|or|&)[ ])?[(]?")
"""Between two numbers of one list: the second has the first one's name."""

AFTER = r"(?!\w)(?!-\w)(?![.,:/]?[0-9])"
"""No number goes on behind it."""


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of number, as a country or a trade writes it."""

    name: str
    """es_dni, br_cpf, iban, …"""
    kind: str
    country: str | None
    """ISO 3166-1 code in small letters; None for what is written alike everywhere."""
    digits: int
    """At least so many in a row (spaces and points between them do not count)."""
    written: tuple[re.Pattern[str], ...]
    """How it is written so that check digits are enough to know it; the longer ways first."""
    bare: re.Pattern[str] | None
    """How it is written where it needs a word before it, because ordinary numbers look like that too."""
    valid: Callable[[str], bool]
    """Given the letters and digits alone."""
    lead: bool = False
    """It begins with letters."""
    any_case: bool = False
    """Small letters are as usual in it as capitals."""
    bare_must_check: bool = False
    """Written bare, it is believed only with its check digits, even behind its word."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Digits close together, and what the words before them call them."""

    start: int
    end: int
    digits: int
    names: frozenset[str]
    """Forms that a word before the chain names."""


def pattern(source: str) -> re.Pattern[str]:
    """A form's pattern: in either case, and with nothing behind it that would belong to it."""
    return re.compile(f"(?:{source}){AFTER}", re.IGNORECASE)


class NameWords:
    """Finds the words that name forms.

    A name is one word in any case, one in capitals only (`NIT`, because a nit is something else), or the last word of
    several (`documento nacional de identidad`). Points and spaces between single letters are left out: `D. N. I.`.
    """

    def __init__(self, *tables: Mapping[str, str]):
        """tables: names of forms, separated by spaces → the words that name them, separated by spaces."""
        self._forms: dict[str, frozenset[str]] = {}
        for table in tables:
            for names, words in table.items():
                for word in words.split():
                    self._forms[word] = self._forms.get(word, frozenset()) | set(names.split())

    def before(self, text: str, start: int) -> frozenset[str]:
        """The forms named in the words before `start`, back to the digit or the empty line before them."""
        while start and text[start - 1].isalnum():  # into the word: GB29NWBK|6016…
            start -= 1
        window = _TO_THE_LAST_DIGIT.sub("", text[max(0, start - _CONTEXT) : start])
        found: frozenset[str] = frozenset()
        for word in _WORD.findall(window):
            if len(word) > 1:
                word = word.replace(".", "").replace(" ", "")
                found |= self._forms.get(word) or self._forms.get(word.lower(), frozenset())
        return found


_WORD = re.compile(r"[A-Z](?:\. ?[A-Z](?![\w-]))+|[^\W\d_](?:\.[^\W\d_](?!\w))+|[^\W\d_]+")
_TO_THE_LAST_DIGIT = re.compile(r"(?s)^.*(?:[0-9]|\n[ \t]*\n)")


def find_chains(text: str, words: NameWords) -> Iterator[Chain]:
    """Chains of six digits or more; of six only where letters lead them, as in a CURP, or a telephone's name does."""
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
    """Finds forms in chains of digits."""

    def __init__(self, forms: Sequence[Form]):
        self._forms = sorted(forms, key=lambda form: form.digits)
        self._known_alone = [form for form in self._forms if form.written]

    def find(self, text: str, chains: Iterable[Chain]) -> Iterator[Match]:
        for chain in chains:
            forms = self._forms if chain.names else self._known_alone
            left = chain.digits
            for group in _GROUP.finditer(text, chain.start, chain.end):
                yield from self._at(text, group.start(), left, forms, chain.names)
                left -= group.end() - group.start()

    def _at(self, text: str, start: int, digits: int, forms: Sequence[Form], names: frozenset[str]) -> Iterator[Match]:
        """What begins with the group of digits at `start`, or with letters before it."""
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


def _match(text: str, start: int, form: Form, named: bool) -> Match | None:
    ways = [match for way in form.written if (match := way.match(text, start))]
    if not named and not form.any_case:
        ways = [match for match in ways if match[0] == match[0].upper()]
    for match in ways:
        if form.valid(_SIGNS.sub("", match[0])):
            return Match(*match.span(), form.kind, form.name, Strength.NAMED if named else Strength.CHECKED)
    if named and not ways and form.bare and (match := form.bare.match(text, start)):
        ways = [match] if not form.bare_must_check or form.valid(_SIGNS.sub("", match[0])) else []
    return Match(*ways[0].span(), form.kind, form.name, Strength.WORD) if named and ways else None


def _leads(text: str, start: int) -> list[int]:
    """Where the letters right before a group of digits begin, and the `GB29` before these where there is one."""
    place = start - 1 if start and text[start - 1] in " .-" else start
    first = place
    while first > 0 and place - first < _LEAD and (text[first - 1].isalpha() or text[first - 1] == "&"):
        first -= 1
    if first == place:
        return []
    country = _COUNTRY_AND_CHECK.search(text, max(0, first - 5), first)
    return [first, country.start()] if country else [first]


def _stands_alone(text: str, start: int) -> bool:
    """Nothing before it that it would be a part of: a longer word, a decimal number, a version, a path."""
    before = text[start - 1] if start else " "
    if before.isalnum() or before in "_/+*\\@&$%#~":
        return False
    return not (before in ".,-:" and start > 1 and text[start - 2].isdigit())
