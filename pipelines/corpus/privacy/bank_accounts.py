"""Payment cards and bank accounts.

`credit_card`   12 to 19 digits of an issuer's range and length that pass the check of Luhn (ISO/IEC 7812-1).
`bank_account`  IBAN (ISO 13616), and the account numbers of Argentina (CBU), Mexico (CLABE) and Spain (CCC).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from stdnum import iban, luhn
from stdnum.ar import cbu
from stdnum.es import ccc

from desdecero.pipelines.corpus.privacy.numbers import ANY_SIGNS, BETWEEN_GROUPS, NumberFormat, pattern

_NOT_DIGITS = re.compile(r"\D")

_ISSUERS = (
    ("4", "4", {13, 16, 19}),  # Visa
    ("51", "55", {16}), ("2221", "2720", {16}),  # Mastercard
    ("34", "34", {15}), ("37", "37", {15}),  # American Express
    ("300", "305", {14}), ("36", "36", {14}), ("38", "39", {14}),  # Diners Club
    ("6011", "6011", {16, 19}), ("644", "659", {16, 19}),  # Discover
    ("3528", "3589", {16}), ("1800", "1800", {15}), ("2131", "2131", {15}),  # JCB
    ("62", "62", {16, 17, 18, 19}),  # UnionPay
    ("5018", "5018", set(range(12, 20))), ("5020", "5020", set(range(12, 20))), ("5038", "5038", set(range(12, 20))),
    ("5893", "5893", set(range(12, 20))), ("6304", "6304", set(range(12, 20))), ("6759", "6759", set(range(12, 20))),
    ("6761", "6763", set(range(12, 20))),  # Maestro
    ("636368", "636369", {16}), ("438935", "438935", {16}), ("504175", "504175", {16}), ("5067", "5067", {16}),
    ("606282", "606282", {16}),  # Elo and Hipercard, Brazil
    ("589562", "589562", {16}), ("6042", "6044", {16}), ("5896", "5896", {16}),  # Naranja and Cabal, Argentina
)  # fmt: skip
"""First and last prefix of a range, and the lengths of its numbers."""

_CLABE_WEIGHTS = (3, 7, 1) * 6


def is_card(number: str) -> bool:
    """Check the digits by Luhn's formula; repetitions of one digit do not count."""
    return len(set(number)) > 1 and luhn.is_valid(number)


def is_issued(number: str) -> bool:
    """Tell whether an issuer has numbers of this prefix and length."""
    return any(len(number) in lengths and first <= number[: len(first)] <= last for first, last, lengths in _ISSUERS)


def is_clabe(number: str) -> bool:
    """Check a CLABE: bank (3), place (3), account (11), and the digit that fills the weighted sum to a multiple of ten.

    Each product counts modulo ten (Asociación de Bancos de México). Banks' codes go from 002 to 168, then 6xx for
    exchange houses and 7xx for fintechs, and 901 to 903; places' from 010 to 961.
    """
    digits = [int(digit) for digit in _NOT_DIGITS.sub("", number)]
    bank, place = (int("".join(map(str, digits[at : at + 3]))) for at in (0, 3))
    known = (2 <= bank <= 168 or 600 <= bank <= 734 or 901 <= bank <= 903) and 10 <= place <= 961
    total = sum(digit * weight % 10 for digit, weight in zip(digits[:17], _CLABE_WEIGHTS, strict=False))
    return known and (10 - total % 10) % 10 == digits[17]


def _is_iban(number: str) -> bool:
    """Check the country's length and ISO 7064 (MOD 97-10); not the country's own check within."""
    return iban.is_valid(number, check_country=False)


def _is_cbu(number: str) -> bool:
    return cbu.is_valid(_NOT_DIGITS.sub("", number))


def _is_ccc(number: str) -> bool:
    return len(set(number)) > 4 and ccc.is_valid(_NOT_DIGITS.sub("", number))


def _groups(*sizes: int) -> str:
    """Return a pattern of digits in groups, with one separator between all of them or none."""
    groups = [f"[0-9]{{{size}}}" for size in sizes]
    return "|".join(["".join(groups), BETWEEN_GROUPS.join(groups)])


def _loose(*lengths: int) -> re.Pattern[str]:
    least, most = min(lengths), max(lengths)
    return pattern(rf"[0-9](?:{ANY_SIGNS}[0-9]){{{least - 1},{most - 1}}}")


_CARD = [_groups(*sizes) for sizes in ((4, 4, 4, 4, 3), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 3))]

_IBAN_LENGTHS = """
    15 NO | 16 BE | 18 DK FI FK FO GL NL SD | 19 MK SI | 20 AT BA EE KZ LT LU MN XK | 21 CH HR LI LV
    | 22 BG BH CR DE GB GE IE ME RS VA | 23 AE GI IL IQ OM SO TL | 24 AD CZ ES MD PK RO SA SE SK TN VG | 25 LY PT ST
    | 26 IS TR | 27 BI DJ FR GR IT MC MR SM | 28 AL AZ BY CY DO GT HN HU LB NI PL SV | 29 BR EG PS QA UA
    | 30 JO KW MU YE | 31 MT SC | 32 LC | 33 RU
"""
"""Length and countries, by the registry of ISO 13616 (SWIFT, release 99)."""
_IBAN_SIGN = r"(?:[ \t]{0,3}[._/-]?[ \t]{0,3}|[ \t]{0,2}[.-]?\n[ \t>]{0,4})"


def _iban() -> re.Pattern[str]:
    countries = []
    for row in _IBAN_LENGTHS.split("|"):
        length, *codes = row.split()
        countries.append(f"(?:{'|'.join(codes)}){_IBAN_SIGN}[0-9]{{2}}(?:{_IBAN_SIGN}[A-Z0-9]){{{int(length) - 4}}}")
    return pattern("|".join(countries))


FORMS: tuple[NumberFormat, ...] = (
    NumberFormat("credit_card", "credit_card", None, 12, (*map(pattern, _CARD), pattern("[0-9]{16,19}")),
                 None, is_card, must_check=True, alone=is_issued, loose=_loose(12, 19)),
    NumberFormat("iban", "bank_account", None, 6, (_iban(),), None, _is_iban, lead=True),
    NumberFormat("ar_cbu", "bank_account", "ar", 22,
                 tuple(map(pattern, (_groups(8, 14), _groups(7, 1, 13, 1), _groups(4, 4, 4, 4, 4, 2)))),
                 None, _is_cbu, loose=_loose(22)),
    NumberFormat("mx_clabe", "bank_account", "mx", 18,
                 tuple(map(pattern, (_groups(3, 3, 11, 1), _groups(4, 4, 4, 4, 2)))),
                 None, is_clabe, loose=_loose(18)),
    NumberFormat("es_ccc", "bank_account", "es", 20,
                 tuple(map(pattern, (_groups(4, 4, 2, 10), _groups(4, 4, 4, 4, 4)))),
                 None, _is_ccc, loose=_loose(20)),
)  # fmt: skip

WORDS = {
    "credit_card": "tarjeta tarjetas card cards cartão cartões visa mastercard amex express maestro diners cc",
    "iban": "iban cuenta account",
    "ar_cbu": "cbu cvu",
    "mx_clabe": "clabe",
    "es_ccc": "ccc cuenta corriente bancaria",
}
"""Formats → the words that name them."""

EVERYDAY = {
    word: re.compile(found, re.IGNORECASE)
    for word, found in {
        "maestro": r"(?:tarjetas?|cards?|visa|mastercard|cart[ãa]o)\W.{0,20}maestro|maestro card",
        "visa": r"(?:tarjetas?|cards?|cart[ãa]o)\W.{0,20}visa|visa (?:card|electr|n[.ºuú])",
        "express": r"american express",
        "diners": r"diners club",
        "cc": r"\bcc(?: ?:| n[.ºuú]|[ ]?#| for| is|\s*$)",
    }.items()
}
"""Words that name a card only in these phrases: there are teachers, and entry permits for a country."""


def forms(kinds: Collection[str], countries: Collection[str]) -> list[NumberFormat]:
    """Return the formats of these kinds, common or of these countries."""
    return [form for form in FORMS if form.kind in kinds and (form.country is None or form.country in countries)]
