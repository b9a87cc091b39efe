"""Formats of telephone numbers: with a country's code, and without it, by each country's numbering plan."""

from __future__ import annotations

import re
from collections.abc import Collection

_COUNTRY = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[12368]|2[2-6][0-9]|29[01789]|3[578][0-9]|42[013]"
    r"|50[0-9]|59[0-9]|6[789][0-9]|85[02356]|88[06]|96[0-9]|97[0-79]|99[2-689])"
)
"""Country codes that are assigned (ITU-T E.164): +2147483647 is not a telephone."""
EXTENSION = r"(?:[ ]?[,;]? ?(?:x|ext\.?|extensi[óo]n|extension|interno|int\.) ?[.:]? ?[0-9]{1,5})?"
_WITH_COUNTRY = re.compile(
    rf"(?<![^\W_])(?<![.,+/-])(?<!\w\()\(?(?:\+ ?({_COUNTRY})|\b00 ?(?!1)({_COUNTRY})(?=[ .)/-])"
    r"|\b00(1)(?=[ -]\(?[2-9][0-9]{2}\)?[ -]?[0-9]{3}[ -]?[0-9]{4}\b))\)?"
    r"(?:/(?=[0-9(]))?(?:[ .-]{0,2}\(?[0-9]{1,4}\)? ?/ ?(?=[0-9]))?"  # 91/123.45.67
    rf"(?:[ .-]{{0,2}}\(?[0-9]{{1,4}}+\)?){{1,6}}+{EXTENSION}(?![^\W_]|/(?![+(]?[0-9]{{2}})|\.[0-9])"
)
_LONGEST = {"34": 9, "54": 11, "55": 11, "56": 9, "57": 10, "52": 11, "51": 9, "598": 8, "593": 9, "58": 10, "1": 10}
"""Digits after a country's code."""


def match_international(text: str, start: int) -> tuple[int, int] | None:
    """Match the number with a country's code that begins at `start`, without digits in excess for its country.

    9 to 15 digits (ITU-T E.164), and not a decimal number: +1.2345678901.
    """
    if text[start] not in "+(" and not text.startswith("00", start):
        return None
    match = _WITH_COUNTRY.match(text, start)
    if match is None or re.fullmatch(r"\+ ?[0-9]+\.[0-9]+|\+ [0-9]+/[0-9]+", match[0]):
        return None
    number, code = match[0], next(filter(None, match.groups()))
    longest = _LONGEST.get(code)
    trunk = 1 if "(0)" in number else 0
    if longest is None and re.match("[ ][0-9]", text[match.end() : match.end() + 2]):
        return None
    while longest and _significant(number, code) > longest + trunk and " " in number:
        number = number.rpartition(" ")[0].rstrip(" -")
    return (start, start + len(number)) if 9 <= _significant(number, "") <= 15 else None


def _significant(number: str, code: str) -> int:
    number = re.split("x|ext|int", number)[0]
    digits = sum(1 for sign in number if "0" <= sign <= "9")
    return digits - (2 if number.lstrip("( ").startswith("00") else 0) - len(code)


_ALONE_BEFORE = r"(?<![\w.,/+*=<>$€#\[-])(?<![$€/][ ])(?<![0-9][ \t])(?<![0-9][,;][ \t])"
_ALONE_AFTER = r"(?![\w/*=%\]-]|[.,][0-9]|[ \t]+[0-9.+*=-]|[ ]?€)"
_PLANS = {
    # North America: area and exchange begin with 2 to 9
    "us": r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])[2-9]\d\d[-. ]\d{4}(?:(?: ?x| ext\.? ?)\d{1,5})?",
    # Spain: nine digits from 6 to 9 on
    "es": r"[6-9]\d\d([ .-])\d{3}~\d{3}|[6-9]\d\d([ .-])\d\d~\d\d~\d\d|9\d([ .-])\d{3}~\d\d~\d\d"
    r"|(?:6\d|7[1-4]|9[1-8])\d{7}|(?:9\d ?/ ?|\(9\d\) ?)(?:\d{3}[ .-]?\d\d[ .-]?\d\d|\d{3}[ .-]\d{4})"
    r"|(?:[6-9]\d\d ?/ ?|\([6-9]\d\d\) ?)(?:\d{3}[ .-]\d{3}|\d\d[ .-]\d\d[ .-]\d\d)",
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
"""Country → its domestic formats. `~` repeats the separator before it."""


def national(countries: Collection[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Compile these countries' domestic formats: standing alone, and anywhere."""
    plans = [_separated(_PLANS[country], country) for country in sorted(set(countries) & _PLANS.keys())]
    joined = "|".join(plans).replace(r"\d", "[0-9]") or r"(?!)"
    return re.compile(_ALONE_BEFORE + f"(?:{joined})" + _ALONE_AFTER), re.compile(f"(?:{joined})(?![0-9])")


def _separated(plan: str, country: str) -> str:
    """Give each separator a separate group, and each `~` the name of the one before it."""
    pieces = re.split(r"(\(\[[^\]]*\]\)|~)", plan)
    number, out = 0, ""
    for piece in pieces:
        if piece.startswith("(["):
            number += 1
            out += f"(?P<{country}{number}>{piece[1:-1]})"
        else:
            out += f"(?P={country}{number})" if piece == "~" else piece
    return out
