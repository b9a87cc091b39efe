"""E-mail addresses, public IP addresses and telephone numbers, each replaced by a tag of its type.

Precision comes first: a technical text is full of numbers that look like telephones and addresses.

`<email>`  not addresses at domains that are reserved for examples (RFC 2606), nor the `git@` of a repository.
`<ip>`     valid, public addresses only: private, loopback and documentation ranges identify nobody. A dotted quad
           whose four numbers are all below 32 is read as a version or section number (1.2.3.4): of random addresses,
           1 in 4,096 looks like that. IPv6 only within 2000::/3, the one range given out by IANA: `::2` is a slice.
`<phone>`  numbers that start with + and an assigned country code; North American ones, (212) 555-0187 or 212-555-0187;
           Spanish ones grouped as 3-3-3 or 3-2-2-2 and starting with 6 to 9; and any 7 to 15 digits behind a word
           such as "Tel.", "móvil" or "WhatsApp", which is how most Latin American numbers are written. Bare runs
           of digits are left alone, and so are numbers in rows of numbers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping

from pipelines.corpus.draft import Draft

_LONG_NUMBER = re.compile(r"\d[\d ().:A-Fa-f-]{6}")
"""What every telephone number and every address has in it."""

_EMAIL = re.compile(r"(?<![\w.%+/-])[\w.%+-]{1,64}@(?:[\w-]{1,63}\.)+[A-Za-z]{2,18}(?![\w@(\[])")
_RESERVED = re.compile(r"(^|\.)(example(\.(com|org|net|edu))?|test|invalid|localhost|local)$", re.IGNORECASE)

_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}(?![\w:])")
_PUBLIC_RESOLVERS = {"8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9"}

_ALONE_BEFORE = r"(?<![\w.,/+*=<>\[-])(?<!\d[ \t])(?<!\d[,;][ \t])"
_ALONE_AFTER = r"(?![\w/*=%\]-]|[.,]\d|[ \t]+[\d.+*=-])"
_COUNTRY = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[12368]|2[2-6]\d|29[01789]|3[578]\d|42[013]"
    r"|50\d|59\d|6[789]\d|85[02356]|88[06]|96\d|97[0-79]|99[2-689])"
)
"""Country codes that are assigned (ITU-T E.164): +2147483647 is no telephone."""
_INTERNATIONAL = re.compile(
    rf"(?<![\w.,(\[+*/-])(?:\+{_COUNTRY}|\b00{_COUNTRY}(?=[ .-]))"
    r"(?:[ .-]?\(?\d{1,4}\)?){2,5}(?:x\d{1,5})?(?![\w.*/]|[ ]\d)"
)
_NATIONAL = re.compile(
    _ALONE_BEFORE
    + r"(?:(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])[2-9]\d\d[-.]\d{4}(?:x\d{1,5})?"  # North America
    + r"|[6-9]\d\d([ .-])\d{3}\1\d{3}|[6-9]\d\d([ .-])\d\d\2\d\d\2\d\d|9\d([ .-])\d{3}\3\d\d\3\d\d)"  # Spain
    + _ALONE_AFTER
)
_NUMBER = r"(\+? ?\(?\d[\d ().-]{5,22}\d)(?![\w]|[.,]\d)"
_NAMED = re.compile(
    r"(?i)(\b(?:tel[eé]fonos?|tel[eé]fs?|telfs?|tels?|tfnos?|tlfn?os?|tlfs?|m[oó]vil(?:es)?|celular(?:es)?|cel|fax"
    r"|phones?|telephone|mobile|whatsapp|cell)\b\.?(?:[ ]?(?:number|n[úu]mero|n[º°.]|no\.))?[ ]?[:.=]?[ ]*)" + _NUMBER
)
_FURTHER = re.compile(r"(<phone>[ ]?[/,;y-][ ]?)" + _NUMBER)
"""The second number of a list, behind one that was named."""


class Redact:
    """The step: `redact`."""

    name = "personal_data"

    def __init__(self, kinds: Collection[str]):
        self.kinds = kinds

    def __call__(self, draft: Draft) -> None:
        draft.text, counts = redact(draft.text, self.kinds)
        draft.edits.update(counts)


def redact(text: str, kinds: Collection[str]) -> tuple[str, dict[str, int]]:
    """Return (text with tags, how many of each kind were replaced). `kinds`: of email, ip and phone.

    Lines are searched one by one, and only those that hold an @ or a number long enough.
    """
    counts = dict.fromkeys(kinds, 0)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if "@" in line or _LONG_NUMBER.search(line):
            for kind in kinds:
                line, count = _REPLACERS[kind](line)
                counts[kind] += count
            lines[number] = line
    return "\n".join(lines), counts


def _emails(text: str) -> tuple[str, int]:
    def personal(match: re.Match[str]) -> bool:
        local, _, domain = match[0].rpartition("@")
        return local.lower() != "git" and not _RESERVED.search(domain)

    return _substitute(_EMAIL, text, "<email>", personal)


def _addresses(text: str) -> tuple[str, int]:
    text, four = _substitute(_IPV4, text, "<ip>", _is_public_address)
    text, six = _substitute(_IPV6, text, "<ip>", _is_public_address)
    return text, four + six


def _is_public_address(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match[0].rstrip(":"))
    except ValueError:
        return False
    looks_like_version = address.version == 4 and all(number < 32 for number in address.packed)
    return (
        address.is_global and not address.is_multicast and not looks_like_version and match[0] not in _PUBLIC_RESOLVERS
    )


def _phones(text: str) -> tuple[str, int]:
    text, total = _substitute(_NAMED, text, "<phone>", _has_phone_length, keep=1)
    text, international = _substitute(_INTERNATIONAL, text, "<phone>", _is_international)
    text, national = _substitute(_NATIONAL, text, "<phone>", lambda match: True)
    total += international + national
    further = total
    while further:
        text, further = _substitute(_FURTHER, text, "<phone>", _has_phone_length, keep=1)
        total += further
    return text, total


def _has_phone_length(match: re.Match[str]) -> bool:
    return 7 <= _digits(match[2]) <= 15


def _is_international(match: re.Match[str]) -> bool:
    """9 to 15 digits (ITU-T E.164), and not a decimal number: +1.2345678901."""
    return 9 <= _digits(match[0].removeprefix("00")) <= 15 and not re.fullmatch(r"\+\d+\.\d+", match[0])


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _substitute(
    pattern: re.Pattern[str], text: str, tag: str, wanted: Callable[[re.Match[str]], bool], keep: int | None = None
) -> tuple[str, int]:
    """Replace the wanted matches by `tag`, behind the group `keep` where one is to stay; count them."""
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        if not wanted(match):
            return match[0]
        count += 1
        return (match[keep] if keep else "") + tag

    return pattern.sub(replace, text), count


_REPLACERS: Mapping[str, Callable[[str], tuple[str, int]]] = {"email": _emails, "ip": _addresses, "phone": _phones}
