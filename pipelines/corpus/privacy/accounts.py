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

from pipelines.corpus.privacy.numbers import Form, pattern

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
    digits = _NOT_DIGITS.sub("", number)
    issued = any(len(digits) in lengths and first <= digits[: len(first)] <= last for first, last, lengths in _ISSUERS)
    return issued and len(set(digits)) > 1 and luhn.is_valid(digits)


def is_clabe(number: str) -> bool:
    """Bank (3), place (3), account (11), and the digit that fills the weighted sum up to a multiple of ten.

    Each product counts modulo ten (Asociación de Bancos de México). Banks' codes go from 002 to 168, then 6xx for
    houses of exchange and 7xx for fintechs, and 901 to 903; places' from 010 to 961.
    """
    digits = [int(digit) for digit in _NOT_DIGITS.sub("", number)]
    bank, place = (int("".join(map(str, digits[at : at + 3]))) for at in (0, 3))
    known = (2 <= bank <= 168 or 600 <= bank <= 734 or 901 <= bank <= 903) and 10 <= place <= 961
    total = sum(digit * weight % 10 for digit, weight in zip(digits[:17], _CLABE_WEIGHTS, strict=False))
    return known and (10 - total % 10) % 10 == digits[17]


def _is_iban(number: str) -> bool:
    """The country's length and the check of ISO 7064 (MOD 97-10); not the country's own check within."""
    return iban.is_valid(number, check_country=False)


def _is_cbu(number: str) -> bool:
    return cbu.is_valid(_NOT_DIGITS.sub("", number))


def _is_ccc(number: str) -> bool:
    return len(set(number)) > 4 and ccc.is_valid(_NOT_DIGITS.sub("", number))


def _groups(*sizes: int) -> str:
    """Digits in groups, all with the same separator or with none."""
    first, *others = sizes
    return f"[0-9]{{{first}}}(?P<s{'_'.join(map(str, sizes))}>[ .-]?)" + f"(?P=s{'_'.join(map(str, sizes))})".join(
        f"[0-9]{{{size}}}" for size in others
    )


_CARD = (
    *(_groups(*sizes) for sizes in ((4, 4, 4, 4, 3), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 3))),
    "[0-9]{16,19}",
)
_IBAN_GROUPS = r"[A-Z]{2}[0-9]{2}(?:[ -][A-Z0-9]{4}){2,7}"
_IBAN = (rf"{_IBAN_GROUPS}[ -][A-Z0-9]{{1,3}}", _IBAN_GROUPS, r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")

FORMS: tuple[Form, ...] = (
    Form("credit_card", "credit_card", None, 12, tuple(map(pattern, _CARD)), pattern(r"[0-9]{12,19}"), is_card),
    Form("iban", "bank_account", None, 6, tuple(map(pattern, _IBAN)), None, _is_iban, lead=True),
    Form("ar_cbu", "bank_account", "ar", 22,
         (pattern(r"[0-9]{22}|[0-9]{8}[ -][0-9]{14}|[0-9]{7}[ -][0-9][ -][0-9]{13}[ -][0-9]"
                 r"|[0-9]{4}(?: [0-9]{4}){4} [0-9]{2}"),), None, _is_cbu),
    Form("mx_clabe", "bank_account", "mx", 18,
         (pattern(r"[0-9]{3}([ -]?)[0-9]{3}\1[0-9]{11}\1[0-9]|[0-9]{4}(?: [0-9]{4}){3} [0-9]{2}"),), None, is_clabe),
    Form("es_ccc", "bank_account", "es", 20,
         (pattern(r"[0-9]{4}([ -]?)[0-9]{4}\1[0-9]{2}\1[0-9]{10}"),), None, _is_ccc),
)  # fmt: skip

WORDS = {
    "credit_card": "tarjeta tarjetas card cards cartão cartões visa mastercard amex express maestro diners cc",
    "iban": "iban",
    "ar_cbu": "cbu cvu",
    "mx_clabe": "clabe",
    "es_ccc": "ccc cuenta corriente bancaria",
}
"""Forms → the words that name them."""


def forms(kinds: Collection[str], countries: Collection[str]) -> list[Form]:
    """The forms of these kinds, common or of these countries."""
    return [form for form in FORMS if form.kind in kinds and (form.country is None or form.country in countries)]
