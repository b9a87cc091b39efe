"""Telephone numbers.

Three ways to know one, from the surest on: a word before it (`Tel.`, `móvil`, `WhatsApp`), then any 7 to 15 digits,
or 6; a + or 00 and an assigned country code; the way in which a country writes its numbers, with the separators and the
prefixes of its numbering plan. A bare run of
digits is taken only where it begins as a mobile's (or a Spanish landline's) and is as long: 110 MB of laws, by-laws,
novels, English prose and documentation hold ten such runs behind no word, three of them telephones. Ten digits of
Colombia, Mexico and North America are not taken bare: customs codes and times look like that. Nothing is taken in rows
of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from pipelines.corpus.privacy.matches import Match, Strength
from pipelines.corpus.privacy.numbers import Chain

_COUNTRY = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[12368]|2[2-6][0-9]|29[01789]|3[578][0-9]|42[013]"
    r"|50[0-9]|59[0-9]|6[789][0-9]|85[02356]|88[06]|96[0-9]|97[0-79]|99[2-689])"
)
"""Country codes that are assigned (ITU-T E.164): +2147483647 is no telephone."""
_INTERNATIONAL = re.compile(
    rf"(?<![\w.,\[+*/-])(?<!\w\()\(?(?:\+ ?{_COUNTRY}|\b00 ?(?!1){_COUNTRY}(?=[ .)-])"
    r"|\b001(?=[ -]\(?[2-9][0-9]{2}\)?[ -]?[0-9]{3}[ -]?[0-9]{4}\b))\)?"
    r"(?:[ .-]{0,2}\(?[0-9]{1,4}+\)?){2,6}+(?: ?(?:x|ext\.?) ?[0-9]{1,5})?(?![\w*/]|[ ][0-9]|\.[0-9])"
)

_ALONE_BEFORE = r"(?<![\w.,/+*=<>$€\[-])(?<![$€/][ ])(?<![0-9][ \t])(?<![0-9][,;][ \t])"
_ALONE_AFTER = r"(?![\w/*=%\]-]|[.,][0-9]|[ \t]+[0-9.+*=-]|[ ]?€)"
_PLANS = {
    # North America: area and exchange begin with 2 to 9
    "us": r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])[2-9]\d\d[-. ]\d{4}(?:(?: ?x| ext\.? ?)\d{1,5})?",
    # Spain: nine digits from 6 to 9 on
    "es": r"[6-9]\d\d([ .-])\d{3}~\d{3}|[6-9]\d\d([ .-])\d\d~\d\d~\d\d|9\d([ .-])\d{3}~\d\d~\d\d"
    r"|(?:6\d|7[1-4]|9[1-8])\d{7}",
    # Argentina: 0 + area + number; mobiles put 15 before it
    "ar": r"\(0?\d{2,4}\) ?(?:15[ -]?)?\d{2,4}[ -]\d{4}|0\d{2,3}[ -](?:15[ -])?\d{3,4}-\d{4}"
    r"|(?:9 )?11[ -](?:15[ -])?\d{4}-\d{4}|15[ -]\d{4}-\d{4}",
    # Chile: mobiles 9 + 8 digits, Santiago 2 2…
    "cl": r"9\d{8}|\(?9\)? [2-9]\d{3}[ -]\d{4}|\(?2\)? 2\d{3}[ -]\d{4}",
    # Colombia: mobiles 300 to 350, places 601 to 608
    "co": r"3[0-5]\d([ -])\d{3}~\d{4}|\(?60[1-8]\)?[ -]\d{3}[ -]?\d{2}[ -]?\d{2}",
    # Mexico: ten digits; the three great cities have areas of two
    "mx": r"\(\d{2}\) ?\d{4}[ -]\d{4}|\(\d{3}\) ?\d{3}[ -]\d{2}[ -]?\d{2}|(?:55|56|33|81)([ -])\d{4}~\d{4}"
    r"|01[ -]\d{2,3}[ -]\d{3,4}[ -]\d{4}",
    # Peru: mobiles 9 + 8 digits, Lima 01, provinces 041 to 084, free of charge 0800
    "pe": r"9\d{8}|9\d\d([ -])\d{3}~\d{3}"
    r"|\(01\)[ -]{0,3}(?:\d{3}[ -]?\d{4}|\d{2}[ -]\d{5})|01[ -]\d{3}[ -]\d{4}|0-?800[ -]\d{5}"
    r"|\(0[4-8]\d\)[ -]{0,3}\d{2,3}[ -]?\d{3,4}",
    # Uruguay: mobiles 09x
    "uy": r"09[1-9]\d{6}|09\d([ -])\d{3}~\d{3}",
    # Brazil: area of two, mobiles 9 + 8 digits
    "br": r"[1-9][1-9]9\d{8}|\(0?\d{2}\) ?(?:9 ?)?\d{4}[ .-]\d{4}|\d{2} 9 ?\d{4}-\d{4}|0800[ -]\d{3}[ -]\d{4}",
    # Ecuador: 0 + area, mobiles 09
    "ec": r"09[3-9]\d{7}|\(0[2-7]\) ?\d{3}[ -]?\d{4}|0[2-7][ -]\d{3}-\d{4}|09\d([ -])\d{3}~\d{4}",
    # Venezuela: 02xx and 04xx
    "ve": r"04(?:12|14|16|22|24|26)\d{7}|\(0[24]\d\d\) ?\d{3}[ .-]?\d{2}[ .-]?\d{2}"
    r"|0(?:2\d\d|4(?:12|14|16|22|24|26))[ .-]\d{3}[ .-]?\d{2}[ .-]?\d{2}",
}
"""Country → how it writes its numbers at home. `~` repeats the separator before it."""
_YEARS = re.compile(r"(?:19|20)\d\d[ .-](?:19|20)\d\d$")

WORDS = {
    "phone": """
        teléfono telefono teléfonos telefonos teléf telef telf telfs tel tels tfno tfnos tlfno tlfnos tlfn tlf tlfs
        telefone telefones fone fones fono fonos móvil movil móviles celular celulares cel fax telefax telefaxes telfax
        phone phones ph telephone mobile whatsapp wsp wapp cell telefónica telefónico telefónicos llame llamar llama
        llamé contacto contact call calling answering office desk
    """,
}
"""What names a telephone, to know quickly where to look closer."""
_WORD = (
    r"(?:(?P<telephone>tel[eé]fonos?|tel[eé]fs?|telfs?|tels?|tfnos?|tlfn?os?|tlfs?|telefones?|fax|tele?fax(?:es)?"
    r"|n[uú]meros? telef[oó]nicos?)|fones?|fonos?|m[oó]vil(?:es)?|celular(?:es)?|cel|phones?|ph|telephone|mobile"
    r"|whatsapp|wsp|wapp|cell|central telef[oó]nica|llam[ae]r? al|n[uú]meros? de contacto|contact number"
    r"|call(?:ing)?(?: me| us)?(?: on| at)?|answering at|office|desk)"
)
_NAMED = re.compile(
    rf"(?i)(?<![^\W_]){_WORD}\b\.?(?:[ ]?(?:numbers?|n[úu]meros?|n[º°.]+|nro\.?|no\.|fijo|m[oó]vil|celular"
    r"|particular|de contacto|\(\w{2,10}\)|is|es|/ ?fax|y fax))*[ \t]*[:.=]{0,2}[ \t]*[+(]{0,2}$"
)
_NAMED_WINDOW = 48
_LOCAL = 6
"""Digits of the shortest number, in the provinces of Peru and Argentina: behind a word for a telephone and no other."""
_GAP = r"(?:[ .-]|- | - | -|\) ?-?| ?\()?"
_NUMBER = re.compile(
    rf"\+? ?\(?(?:[0-9]{{9,15}}|[0-9](?:{_GAP}[0-9]){{5,17}})(?: ?(?:x|ext\.?) ?[0-9]{{1,5}})?"
    r"(?!\w|[.,][0-9]|-[^\W\d_])"  # Fax N° 2000123-MITINCI is a letter's number
)
_GROUP = re.compile(r"[0-9]+")
_FURTHER = re.compile(r"[ ]?(?:[/,;-]|y|e|o|and|or)[ ]?[+(]{0,2}|[ ][+(]{1,2}")
"""Between the numbers of a list, the first of which was one."""


class Phones:
    """Finds telephone numbers in chains of digits."""

    def __init__(self, countries: Collection[str]):
        plans = [_separated(_PLANS[country], country) for country in sorted(set(countries) & _PLANS.keys())]
        joined = "|".join(plans).replace(r"\d", "[0-9]") or r"(?!)"
        self._national = re.compile(_ALONE_BEFORE + f"(?:{joined})" + _ALONE_AFTER)

    def find(self, text: str, chains: list[Chain]) -> Iterator[Match]:
        named_until, least = -1, 7
        for chain in chains:
            start = _places(text, chain.start)[0]
            if text[start] == "(" and ")" not in text[start : chain.end + 1]:
                start += 1
            named = bool(_FURTHER.fullmatch(text, named_until, chain.start)) if named_until >= 0 else False
            if not named and "phone" in chain.names:
                word = _NAMED.search(text[max(0, start - _NAMED_WINDOW) : start])
                named, least = bool(word), _LOCAL if word and word["telephone"] else 7
            first = chain.start
            while named and (end := _end_of_named(text, start, least)):
                yield Match(start, end, "phone", "named", Strength.NAMED)
                first = named_until = end
                further = _FURTHER.match(text, end)
                start = further.end() if further else len(text)
                while start > end and start <= len(text) and text[start - 1] in "+(":
                    start -= 1
            for phone in self._in_chain(text, first, chain.end) if chain.digits >= 7 else ():
                named_until = max(named_until, phone.end)
                yield phone

    def _in_chain(self, text: str, start: int, end: int) -> Iterator[Match]:
        for group in _GROUP.finditer(text, start, end):
            for place in _places(text, group.start()):
                match = _INTERNATIONAL.match(text, place)
                if match and _is_international(match[0]):
                    yield Match(*match.span(), "phone", "international", Strength.CHECKED)
                    return
                match = self._national.match(text, place)
                if match and not _YEARS.search(match[0]):
                    yield Match(*match.span(), "phone", "national", Strength.SHAPE)
                    break


def _end_of_named(text: str, start: int, least: int) -> int | None:
    """Where the number that a word named ends; without what cannot belong to it because it would be too long.

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
        number = number.rpartition(" ")[0].rstrip(" -")
    return start + len(number) if least <= _digits(number) <= 15 else None


def _separated(plan: str, country: str) -> str:
    """Give each separator its own group, and each `~` the name of the one before it."""
    pieces = re.split(r"(\(\[[^\]]*\]\)|~)", plan)
    number, out = 0, ""
    for piece in pieces:
        if piece.startswith("(["):
            number += 1
            out += f"(?P<{country}{number}>{piece[1:-1]})"
        else:
            out += f"(?P={country}{number})" if piece == "~" else piece
    return out


def _places(text: str, start: int) -> list[int]:
    """Where a number whose digits begin at `start` may begin: before the + and the bracket, too; the first first."""
    places = [start]
    while places[0] and start - places[0] < 2 and text[places[0] - 1] in "+(":
        places.insert(0, places[0] - 1)
    if text[max(0, start - 2) : start] == "+ ":
        places.insert(0, start - 2)
    return places


def _is_international(number: str) -> bool:
    """9 to 15 digits (ITU-T E.164), and not a decimal number: +1.2345678901."""
    number = re.split("x|ext", number)[0]
    return 9 <= _digits(number.lstrip("+( ").removeprefix("00")) <= 15 and not re.fullmatch(
        r"\+ ?[0-9]+\.[0-9]+", number
    )


def _digits(text: str) -> int:
    return sum("0" <= character <= "9" for character in text)
