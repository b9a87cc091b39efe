"""Telephone numbers.

Three kinds of evidence, from the strongest: a word that names it, before it (`Tel.`, `móvil`, `WhatsApp`) or after it
(`… fax`), then any 7 to 15 digits, or 6; a + or 00 and an assigned country code; a country's domestic format, with the
separators and the prefixes of its numbering plan (`phone_plans`). A format shared with amounts (`612 345 678`,
`987.654.321`) needs context of a telephone: a word for calling, an address of any sort, a person's name directly before
it. A bare run of digits is accepted only if it begins like a mobile's (or a Spanish landline's) and has its length, and
no neighbouring word shows that it is another number. Ten digits of Colombia, Mexico and North America are not accepted
bare: customs codes and times look like that. Nothing is accepted in rows of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from desdecero.pipelines.corpus.privacy.matches import Match, Strength
from desdecero.pipelines.corpus.privacy.numbers import Chain
from desdecero.pipelines.corpus.privacy.ordinary_numbers import (
    GROUPED,
    begins_with_date,
    in_reference,
    is_amount,
    is_called_number,
    is_counted,
    is_filed,
    is_numbered,
)
from desdecero.pipelines.corpus.privacy.phone_context import find_name_before, find_name_behind, is_dialled
from desdecero.pipelines.corpus.privacy.phone_plans import EXTENSION, match_international, national

_YEARS = re.compile(r"(?:(?:19|20)\d\d[ .-])+(?:19|20)\d\d")
_VERSION = re.compile(r"\d{1,2}\.\d\.\d{4,}(?:\.\d+)*")
"""A version: Windows Phone 8.1.14219.341"""
_DATE = re.compile(r"\d{1,2}[./ -]\d{1,2}[./ -](?:19|20)\d\d|(?:19|20)\d\d[./ -]\d{1,2}[./ -]\d{1,2}")
_GAP = r"(?:[ .-]|- | - | -|\) ?-?| ?\(|[ ]{2,3}|[*_]{2})?"
_AREA = r"(?:(?<=\+)[0-9]{1,3}[ .-]{1,2})?\(?[0-9]{2,4}\)? ?/ ?(?=[0-9])"
"""A Spanish or Argentine area code, separated by a slash: 91/123.45.67."""
_DIGITS = (
    rf"\(?\+? ?\(?(?:[0-9]{{9,15}}|(?:{_AREA}[0-9](?:{_GAP}[0-9]){{4,11}})|[0-9](?:{_GAP}[0-9]){{5,17}}){EXTENSION}"
)
_NUMBER = re.compile(_DIGITS + r"(?![^\W_]|[.,][0-9]|-[^\W\d_])")  # Fax N° 2000123-MITINCI is a letter's number
_NUMBER_BEFORE_NAME = re.compile(_DIGITS + r"(?![.,]?[0-9])")
_GROUP = re.compile(r"[0-9]+")
_FURTHER = re.compile(r"[ ]?(?:[/,;-]|y|e|o|and|or)[ ]?[+(]{0,2}|[ ][+(]{1,2}")
"""Text between the numbers of a list whose first is a telephone."""
_LONGEST = 20
"""Characters of a telephone in its domestic format."""
_NEAR = 60
"""Characters after a telephone within which a number in groups of three is a telephone too."""
_MARKED = re.compile(r"(?:(?<![\w*])(\*{1,3}|_{1,3})|(\[))$")
"""Markdown before a number: emphasis, or the words of a link."""


class Phones:
    """Finds telephone numbers in chains of digits."""

    def __init__(self, countries: Collection[str]):
        self._alone, self._anywhere = national(countries)

    def find(self, text: str, chains: list[Chain]) -> Iterator[Match]:
        """Find the telephones in these chains."""
        listed_from, least = -1, 7
        for chain in chains:
            start = _places(text, chain.start)[0]
            if text[start] == "(" and ")" not in text[start : chain.end]:
                start += 1
            named = listed_from >= 0 and bool(_FURTHER.fullmatch(text, listed_from, chain.start))
            if not named and "phone" in chain.names and (digits := find_name_before(text, start)):
                named, least = not in_reference(text, start), digits
            first = chain.start
            if named and (end := self._end_of_wrapped(text, start)):
                yield Match(start, end, "phone", "named", Strength.NAMED)
                first = listed_from = end
                named = False
            for match in _listed(text, start, least) if named else ():
                first = listed_from = match.end
                yield match
            if chain.digits < 7 or first >= chain.end:
                continue
            for match in self._in_chain(text, first, chain.end, listed_from):
                listed_from = max(listed_from, match.end)
                yield match

    def _in_chain(self, text: str, start: int, end: int, last: int) -> Iterator[Match]:
        """Find the telephones in a chain. last: end of the telephone before."""
        behind = _named_behind(text, start, end)
        if behind:
            yield behind
        for group in _GROUP.finditer(text, start, end):
            if group.start() < start:
                continue
            for place in _places(text, group.start()):
                if match := self._at(text, place, last):
                    yield match
                    last = start = match.end
                    if further := _FURTHER.match(text, start):
                        for match in _listed(text, _without_sign(text, further.end(), start), 7):
                            yield match
                            last = start = match.end
                    break

    def _at(self, text: str, place: int, last: int) -> Match | None:
        if (span := match_international(text, place)) and not in_reference(text, place):
            return Match(*span, "phone", "international", Strength.CHECKED)
        match = self._alone.match(text, place) or self._marked(text, place)
        if match and _is_phone(text, match.start(), match.end(), last):
            return Match(*match.span(), "phone", "national", Strength.SHAPE)
        return None

    def _end_of_wrapped(self, text: str, start: int) -> int | None:
        """Return the end of a named number if a line ends in it before it is as long as a telephone."""
        line = text.find("\n", start, start + _LONGEST)
        if line < 0 or _digits(text[start:line]) >= 7:
            return None
        match = self._anywhere.match(text[start : start + _LONGEST].replace("\n", " ", 1))
        return start + match.end() if match and start + match.end() > line else None

    def _marked(self, text: str, place: int) -> re.Match[str] | None:
        """Match a number in emphasis (`**612 34 56 78**`) or as the words of a link (`[91 123 45 67](tel:…)`)."""
        if text[place - 1 : place] not in ("*", "_", "["):
            return None
        mark = _MARKED.search(text[max(0, place - 4) : place])
        match = self._anywhere.match(text, place) if mark else None
        closed = match and mark and text.startswith(mark[1] or "](", match.end())
        return match if closed else None


def _listed(text: str, start: int, least: int) -> Iterator[Match]:
    """Match the named number at `start`, and those that follow it in a list."""
    while end := _end_of_named(text, start, least):
        yield Match(start, end, "phone", "named", Strength.NAMED)
        further = _FURTHER.match(text, end)
        if further is None:
            return
        start = _without_sign(text, further.end(), end)


def _without_sign(text: str, start: int, least: int) -> int:
    """Return the position before the + and the bracket of a number."""
    while start > least and text[start - 1] in "+(":
        start -= 1
    return start


def _is_phone(text: str, start: int, end: int, last: int) -> bool:
    """Tell whether a number of a numbering plan is not a date, amount, file number or part of a reference."""
    number = text[start:end]
    if _YEARS.fullmatch(number) or _DATE.fullmatch(number) or in_reference(text, start) or is_filed(text, start):
        return False
    if GROUPED.fullmatch(number):
        near = last >= 0 and start - last < _NEAR
        return not is_amount(text, start, end) and (near or is_dialled(text, start, end))
    if not number.isdigit():
        return True
    if is_amount(text, start, end) or begins_with_date(text, start, number) or is_numbered(text, start):
        return False
    return not is_called_number(text, start) or is_dialled(text, start, end)


def _end_of_named(text: str, start: int, least: int) -> int | None:
    """Return the end of the number that a word named, without the excess if it would be too long.

    least: digits that it must have
    """
    match = _NUMBER.match(text, start)
    if match is None:
        return None
    number, longest = match[0], 15 if match[0].startswith(("+", "00")) else 13
    second = number.find("(", 7)
    if second > 0 and _digits(number[:second]) >= 7:  # (01) 222-4690 (01) 440-4310
        number = number[:second].rstrip(" -")
    while _digits(number) > longest and " " in number:
        number = number.rpartition(" ")[0].rstrip(" -/")
    if number.startswith("(") and ")" not in number:
        return None
    if not least <= _digits(number) <= 15 or any(way.fullmatch(number) for way in (_YEARS, _DATE, _VERSION)):
        return None
    counted = GROUPED.fullmatch(number) and is_counted(text, start, start + len(number))
    return None if counted else start + len(number)


def _named_behind(text: str, start: int, end: int) -> Match | None:
    """Match the number at the end of a chain, if a word for a telephone follows it: `070-073-058 Office`."""
    start = max(start, text.rfind("\n", start, end) + 1)
    if not find_name_behind(text, _places(text, start)[0], end):
        return None
    for group in _GROUP.finditer(text, start, end):
        place = _places(text, group.start())[0]
        match = _NUMBER_BEFORE_NAME.match(text, place)
        if text[place - 1 : place].isalnum() or match is None or match.end() != end:
            continue
        number = match[0]
        if 7 <= _digits(number) <= (15 if number.startswith(("+", "00")) else 13):
            ordinary = (
                _YEARS.fullmatch(number)
                or _DATE.fullmatch(number)
                or (number.endswith("000") and GROUPED.fullmatch(number))
            )
            return (
                None if ordinary or in_reference(text, place) else Match(place, end, "phone", "named", Strength.NAMED)
            )
    return None


def _places(text: str, start: int) -> list[int]:
    """Return possible starts of a number whose digits begin at `start`, with the + and the bracket, the first first."""
    places = [start]
    while places[0] and start - places[0] < 2 and text[places[0] - 1] in "+(":
        places.insert(0, places[0] - 1)
    if text[max(0, start - 2) : start] == "+ ":
        places.insert(0, start - 2)
    return places


def _digits(text: str) -> int:
    return sum("0" <= character <= "9" for character in text)
