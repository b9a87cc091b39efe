"""Synthetic personal data: random and well-formed, with valid check digits.

It has two uses: the measurement of recall, which plants it, and surrogates, which replace real data by it. It is
written from each country's own rules and is independent of the detector: of its patterns, and of the library that
checks its digits. So a fault in either of the two shows as a miss.

A valid number drawn at random may be somebody's by chance, if a country has assigned most of its numbers. Ranges
reserved for fiction or documentation are used for surrogates (see `replacement`).
"""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

Writings = list[str]
"""The formats of one item. The first has no separators, or is the plainest."""

DIGITS, UPPER, LOWER = string.digits, string.ascii_uppercase, string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class Generator:
    """A format's generator, and the words that name it."""

    kind: str
    country: str | None
    make: Callable[[Random], Writings]
    words: tuple[str, ...]
    """Names that people write next to it."""


def _draw(chance: Random, letters: str, length: int) -> str:
    return "".join(chance.choice(letters) for _ in range(length))


def _digits(chance: Random, length: int, first: str = "123456789") -> str:
    return chance.choice(first) + _draw(chance, DIGITS, length - 1)


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _millions(digits: str, point: str = ".") -> str:
    """Format 12345678 as 12.345.678."""
    head = len(digits) % 3 or 3
    return point.join([digits[:head], *(digits[at : at + 3] for at in range(head, len(digits), 3))])


def _cut(text: str, *sizes: int) -> list[str]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    return pieces


def _joined(text: str, sizes: Sequence[int], *separators: str) -> Writings:
    return [text, *(separator.join(_cut(text, *sizes)) for separator in separators)]


# --- identity numbers --------------------------------------------------------------------------------------

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
"""Spain, Real Decreto 1553/2005 and the table of the Ministerio del Interior: the number modulo 23."""


def _es_dni(chance: Random) -> Writings:
    number = _digits(chance, 8)
    letter = _DNI_LETTERS[int(number) % 23]
    dotted = _millions(number)
    return [
        number + letter, f"{number}-{letter}", f"{number} {letter}", f"{dotted}-{letter}", f"{dotted} {letter}",
        f"{dotted}{letter}", f"{_millions(number, ' ')} {letter}", f"{_millions(number, chr(39))}-{letter}",
    ]  # fmt: skip


def _es_nie(chance: Random) -> Writings:
    first, number = chance.choice("XYZ"), _draw(chance, DIGITS, 7)
    letter = _DNI_LETTERS[int(str("XYZ".index(first)) + number) % 23]
    return [
        f"{first}{number}{letter}", f"{first}-{number}-{letter}", f"{first}{number}-{letter}",
        f"{first} {number} {letter}", f"{first}-{_millions(number)}-{letter}",
        f"{first}-{_millions(number, chr(39))}-{letter}",
    ]  # fmt: skip


def _es_cif(chance: Random) -> Writings:
    """Apply Orden EHA/451/2008: digits in odd places doubled and their digits added up, as in Luhn's check."""
    first = chance.choice("ABCDEFGHJNPQRSUVW")
    number = _digits(chance, 2, "0123456789") + _draw(chance, DIGITS, 5)
    total = sum(int(digit) for digit in number[1::2])
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in number[::2])
    control = -total % 10
    end = "JABCDEFGHI"[control] if first in "NPQRSW" else str(control)
    return [f"{first}{number}{end}", f"{first}-{number}{end}", f"{first}-{number}-{end}", f"{first} {number}{end}",
            f"{first}{number}-{end}"]  # fmt: skip


def _es_vat(chance: Random) -> Writings:
    number = chance.choice([_es_dni, _es_nie, _es_cif])(chance)[0]
    return [f"ES{number}", f"ES-{number}", f"ES {number}"]


def _es_nuss(chance: Random) -> Writings:
    """Apply the rule of the Tesorería General de la Seguridad Social: province, number, and both together modulo 97.

    Numbers below ten million are old ones, and checked in another way.
    """
    province, number = f"{chance.randrange(1, 51):02}", _digits(chance, 8)
    return _joined(f"{province}{number}{int(province + number) % 97:02}", (2, 8, 2), "/", " ", "-")


def _mx_nss(chance: Random) -> Writings:
    """Apply the IMSS' rule: office, year of registration, year of birth, number, and Luhn's digit."""
    number = f"{chance.randrange(1, 98):02}" + _draw(chance, DIGITS, 8)
    return _joined(number + _luhn(number), (4, 2, 4, 1), " ", "-")


def _passport(chance: Random) -> Writings:
    letters, digits = chance.choice([(3, 6), (2, 6), (1, 8), (0, 9)])
    series, number = _draw(chance, UPPER, letters), _digits(chance, digits)
    return [series + number, f"{series} {number}".strip()]


def _ar_cuit(chance: Random) -> Writings:
    """Apply AFIP's rule: weights 5432765432, 11 minus the rest; if that is 10, the number gets another prefix."""
    while True:
        number = chance.choice(["20", "23", "24", "27", "30", "33"]) + _digits(chance, 8)
        check = 11 - _weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
        if check != 10:
            whole = number + str(check % 11)
            prefix, middle, last = _cut(whole, 2, 8, 1)
            return [*_joined(whole, (2, 8, 1), "-", " "), f"{prefix}-{_millions(middle)}-{last}"]


def _card_number(chance: Random) -> Writings:
    number = _digits(chance, chance.choice([7, 8, 8]))
    return [number, _millions(number), _millions(number, " ")]


def _cl_rut(chance: Random) -> Writings:
    """Apply the Registro Civil's rule: weights 2 to 7 from the right, modulo 11; 10 is written K, 11 is 0."""
    number = _digits(chance, chance.choice([7, 8]))
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(number)))
    check = "0123456789K"[-total % 11]
    check = check.lower() if chance.random() < 0.5 else check
    return [number + check, f"{number}-{check}", f"{_millions(number)}-{check}"]


_STATES = "AS BC BS CC CL CM CS CH DF DG GT GR HG JC MC MN MS NT NL OC PL QT QR SP SL SR TC TS TL VZ YN ZS NE"
_CURP_ORDER = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_CONSONANTS = "BCDFGHJKLMNPQRSTVWXYZ"


def _birthday(chance: Random) -> str:
    return f"{chance.randrange(40, 100):02}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}"


def _mx_curp(chance: Random) -> Writings:
    """Apply DOF 18-10-2021: weights 18 to 2 over the places in a table of 37 signs, modulo 10."""
    head = chance.choice("CGHJLMPRSTV") + chance.choice("AEIOU") + _draw(chance, "BCDFGHLMNPRSTV", 2)
    body = head + _birthday(chance) + chance.choice("HM") + chance.choice(_STATES.split())
    body += _draw(chance, _CONSONANTS, 3) + chance.choice(DIGITS)
    total = sum(_CURP_ORDER.index(sign) * (18 - place) for place, sign in enumerate(body))
    return [body + str(-total % 10)]


_RFC_ORDER = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"


_HOMOCLAVE = "123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
"""SAT, anexo 1: neither 0 nor O; the first of the two is a quotient that stays below 20 for names of usual length."""


def _mx_rfc(chance: Random) -> Writings:
    """Apply the SAT's rule: weights 13 to 2 over places in a table of 39 signs; 11 minus the rest, 10 is A, 11 is 0."""
    company = chance.random() < 0.3
    head = _draw(chance, "BCDFGHLMNPRSTV", 2 if company else 1) + chance.choice("AEIOU")
    head += _draw(chance, "BCDFGHLMNPRSTV", 3 - len(head) if company else 4 - len(head))
    body = head + _birthday(chance) + chance.choice("123456789ABCDEFGHIJ") + chance.choice(_HOMOCLAVE)
    padded = body.rjust(12)
    total = sum(_RFC_ORDER.index(sign) * (13 - place) for place, sign in enumerate(padded))
    whole = body + "0123456789A"[-total % 11]
    return _joined(whole, (len(head), 6, 3), "-", " ")


def _br_cpf(chance: Random) -> Writings:
    """Apply the Receita Federal's rule: two digits, weights falling to 2, modulo 11; rests below 2 are written 0."""
    number = _draw(chance, DIGITS, 9)
    for length in (10, 11):
        rest = _weighted(number, range(length, 1, -1)) % 11
        number += str(0 if rest < 2 else 11 - rest)
    a, b, c, d = _cut(number, 3, 3, 3, 2)
    return [number, f"{a}.{b}.{c}-{d}", f"{a}{b}{c}-{d}", f"{a} {b} {c} {d}"]


def _br_cnpj(chance: Random) -> Writings:
    number = _digits(chance, 8) + f"{chance.randrange(1, 30):04}"
    for weights in ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)):
        rest = _weighted(number, weights) % 11
        number += str(0 if rest < 2 else 11 - rest)
    a, b, c, d, e = _cut(number, 2, 3, 3, 4, 2)
    return [number, f"{a}.{b}.{c}/{d}-{e}", f"{a}{b}{c}/{d}-{e}"]


def _pe_ruc(chance: Random) -> Writings:
    """Apply SUNAT's rule: weights 5432765432, 11 minus the rest; 10 is written 0, 11 is 1."""
    number = chance.choice(["10", "15", "17", "20"]) + _digits(chance, 8)
    check = (11 - _weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 10
    return _joined(number + str(check), (2, 8, 1), "-")


def _pe_dni(chance: Random) -> Writings:
    number = _digits(chance, 8, "01234567")
    return [number, _millions(number)]


def _co_nit(chance: Random) -> Writings:
    """Apply DIAN, Orden Administrativa 4 de 1989: prime weights from the right, modulo 11; above 1, 11 minus the
    rest."""
    number = _digits(chance, 9, "89")
    rest = _weighted(number, (41, 37, 29, 23, 19, 17, 13, 7, 3)) % 11
    check = rest if rest < 2 else 11 - rest
    return [f"{number}{check}", f"{number}-{check}", f"{_millions(number)}-{check}"]


def _co_cc(chance: Random) -> Writings:
    number = chance.choice([_digits(chance, 8), "1" + "0" + _draw(chance, DIGITS, 8)])
    return [number, _millions(number), _millions(number, " ")]


def _uy_ci(chance: Random) -> Writings:
    """Apply DNIC's rule: weights 2987634, up to the next multiple of ten."""
    number = _digits(chance, 7, "123456")
    check = -_weighted(number, (2, 9, 8, 7, 6, 3, 4)) % 10
    return [f"{number}{check}", f"{number}-{check}", f"{_millions(number)}-{check}"]


def _ec_ci(chance: Random) -> Writings:
    """Apply the Registro Civil's rule: province 01 to 24, a third digit below 6, weights 2 1 2 … with digits added
    up."""
    number = f"{chance.randrange(1, 25):02}" + chance.choice("012345") + _draw(chance, DIGITS, 6)
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(number))
    check = -total % 10
    return [f"{number}{check}", f"{number}-{check}"]


def _ec_ruc(chance: Random) -> Writings:
    return [_ec_ci(chance)[0] + "001"]


def _ve_rif(chance: Random) -> Writings:
    """Apply SENIAT's rule: the letter's number times 4, weights 32765432, modulo 11."""
    letter, number = chance.choice("VEJG"), _digits(chance, 8, "0123")
    total = 4 * {"V": 1, "E": 2, "J": 3, "G": 5}[letter] + _weighted(number, (3, 2, 7, 6, 5, 4, 3, 2))
    check = 11 - total % 11
    check = 0 if check > 9 else check
    return [f"{letter}{number}{check}", f"{letter}-{number}-{check}", f"{letter}-{number}{check}"]


def _ve_ci(chance: Random) -> Writings:
    number = _digits(chance, chance.choice([7, 8]), "123")
    return [f"V{number}", f"V-{number}", f"V-{_millions(number)}", f"V {_millions(number)}"]


def _do_cedula(chance: Random) -> Writings:
    """Apply the Junta Central Electoral's rule: Luhn."""
    number = f"{chance.randrange(1, 125):03}" + _draw(chance, DIGITS, 7)
    return _joined(number + _luhn(number), (3, 7, 1), "-")


def _us_ssn(chance: Random) -> Writings:
    """Apply the Social Security Administration's rule: area not 000, 666 or 9xx, group not 00, serial not 0000."""
    area = chance.choice([area for area in range(1, 900) if area != 666])
    number = f"{area:03}{chance.randrange(1, 100):02}{chance.randrange(1, 10_000):04}"
    return _joined(number, (3, 2, 4), "-", " ")


# --- cards and accounts ------------------------------------------------------------------------------------


def _luhn(number: str) -> str:
    total = sum(
        sum(divmod(2 * int(digit), 10)) if place % 2 == 0 else int(digit)
        for place, digit in enumerate(reversed(number))
    )
    return str(-total % 10)


def _credit_card(chance: Random) -> Writings:
    prefix, length, sizes = chance.choice(
        [
            ("4", 16, (4, 4, 4, 4)), (str(chance.randrange(51, 56)), 16, (4, 4, 4, 4)),
            (str(chance.randrange(2221, 2721)), 16, (4, 4, 4, 4)), (chance.choice(["34", "37"]), 15, (4, 6, 5)),
            ("6011", 16, (4, 4, 4, 4)), ("36", 14, (4, 6, 4)), ("3530", 16, (4, 4, 4, 4)),
        ]
    )  # fmt: skip
    number = prefix + _draw(chance, DIGITS, length - 1 - len(prefix))
    whole = number + _luhn(number)
    *first, last = _cut(whole, *sizes)
    return [*_joined(whole, sizes, " ", "-", ".", "  ", "\u00a0"), f"{' '.join(first)}\n{last}"]


_IBAN_BODIES = {
    "ES": "d20",
    "PT": "d21",
    "DE": "d18",
    "FR": "d10 a11 d2",
    "GB": "a4 d14",
    "BR": "d23 A1 a1",
    "CR": "d18",
}
"""Basic account numbers by the registry of ISO 13616: d digits, a letters or digits, A letters."""


def _iban(chance: Random) -> Writings:
    country = chance.choice(["ES", "ES", "ES", "PT", "DE", "GB", "BR", "CR"])
    body = "".join(
        _draw(chance, DIGITS if part[0] == "d" else UPPER, int(part[1:])) for part in _IBAN_BODIES[country].split()
    )
    if country == "ES":
        body = _es_ccc(chance)[0]
    as_number = "".join(str(int(sign, 36)) for sign in body + country + "00")
    whole = f"{country}{98 - int(as_number) % 97:02}{body}"
    groups = [whole[at : at + 4] for at in range(0, len(whole), 4)]
    half = len(groups) // 2
    wrapped = f"{' '.join(groups[:half])}\n{' '.join(groups[half:])}"
    return [whole, *(sign.join(groups) for sign in (" ", "-", ".", "  ", "\u00a0")), wrapped]


def _es_ccc(chance: Random) -> Writings:
    """Apply the Banco de España's rule: bank and branch, then account, each with weights 1 2 4 8 5 10 9 7 3 6 mod
    11."""
    bank, account = _digits(chance, 8, "0123"), _draw(chance, DIGITS, 10)
    checks = ""
    for digits in ("00" + bank, account):
        check = 11 - _weighted(digits, (1, 2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11
        checks += str({10: 1, 11: 0}.get(check, check))
    return _joined(bank + checks + account, (4, 4, 2, 10), " ", "-")


def _ar_cbu(chance: Random) -> Writings:
    """Apply BCRA's rule: bank (3) and branch (4) with one check, account (13) with another; weights 7 1 3 9, 3 9 7 1
    …"""
    bank, account = f"{chance.randrange(1, 500):03}" + _draw(chance, DIGITS, 4), _draw(chance, DIGITS, 13)
    first = -_weighted(bank, (7, 1, 3, 9, 7, 1, 3)) % 10
    second = -_weighted(account, (3, 9, 7, 1, 3, 9, 7, 1, 3, 9, 7, 1, 3)) % 10
    return _joined(f"{bank}{first}{account}{second}", (8, 14), " ", "-")


def _mx_clabe(chance: Random) -> Writings:
    """Apply ABM's rule: bank (3), place (3), account (11); weights 3 7 1, each product modulo ten."""
    bank = chance.choice(["002", "012", "014", "021", "044", "058", "072", "127", "137", "646"])
    number = bank + f"{chance.randrange(10, 900):03}" + _draw(chance, DIGITS, 11)
    total = sum(int(digit) * (3, 7, 1)[place % 3] % 10 for place, digit in enumerate(number))
    return _joined(number + str(-total % 10), (3, 3, 11, 1), " ", "-")


# --- telephones, by each country's numbering plan ----------------------------------------------------------


def _phone(code: str, plans: Sequence[Callable[[Random], tuple[str, Writings]]]) -> Callable[[Random], Writings]:
    """Build a telephone's generator. plans: draw (national significant number, its domestic formats)."""

    def make(chance: Random) -> Writings:
        number, home = chance.choice(plans)(chance)
        spaced = " ".join(_cut(number, *((2, 4, 4) if len(number) == 10 else (1, 4, 4, 3))))
        abroad = [f"+{code}{number}", f"+{code} {spaced.strip()}", f"(+{code}) {spaced.strip()}", f"00{code} {number}"]
        return [number, *home, *abroad]

    return make


def _plan(first: str, length: int, *shapes: str) -> Callable[[Random], tuple[str, Writings]]:
    """Build a plan. first: digits that the number begins with (one of several, by `|`); shapes: with # for each
    digit."""

    def draw(chance: Random) -> tuple[str, Writings]:
        start = chance.choice(first.split("|"))
        number = start + _digits(chance, length - len(start), "23456789")
        return number, [_fill(shape, number) for shape in shapes]

    return draw


def _fill(shape: str, number: str) -> str:
    """Put the digits of a number in the place of the # of a shape; the shape's own digits (0, 15) stay."""
    left = iter(number)
    return "".join(next(left) if sign == "#" else sign for sign in shape)


_PHONES = {
    "es": ("34", [_plan("6|7", 9, "### ### ###", "### ## ## ##", "###-###-###", "###.##.##.##",
                        "###/###.###"),
                  _plan("91|93|95", 9, "## ### ## ##", "### ### ###", "### ## ## ##", "##/###.##.##",
                        "(##) ### ## ##")]),
    "ar": ("54", [_plan("11", 10, "(0##) ####-####", "0## ####-####", "## ####-####"),
                  _plan("341|351|261", 10, "(0###) ###-####", "0### ###-####", "(0###) 15-###-####")]),
    "cl": ("56", [_plan("9", 9, "# #### ####"), _plan("22", 9, "# #### ####", "(#) #### ####")]),
    "co": ("57", [_plan("300|310|320", 10, "### ### ####", "###-###-####"), _plan("601|604", 10, "(###) ### ####")]),
    "mx": ("52", [_plan("55|33|81", 10, "## #### ####", "(##) #### ####", "##-####-####"),
                  _plan("222|442|999", 10, "(###) ### ####", "### ### ####")]),
    "pe": ("51", [_plan("9", 9, "### ### ###", "###-###-###"), _plan("1", 8, "(0#) ### ####", "(0#) ###-####")]),
    "uy": ("598", [_plan("9", 8, "0## ### ###"), _plan("2|4", 8, "#### ####")]),
    "br": ("55", [_plan("119|219|319", 11, "(##) #####-####", "## #####-####", "(##) # ####-####"),
                  _plan("113|213", 10, "(##) ####-####")]),
    "ec": ("593", [_plan("9", 9, "0## ### ####"), _plan("2|4", 8, "(0#) ### ####", "(0#) ###-####")]),
    "ve": ("58", [_plan("412|414|424|416", 10, "0###-#######", "0### ### ## ##", "0###-###.##.##"),
                  _plan("212|241", 10, "(0###) ###.##.##", "0###-#######")]),
    "us": ("1", [_plan("212|415|646|787", 10, "(###) ###-####", "###-###-####", "###.###.####")]),
}  # fmt: skip


# --- addresses of the network, keys ------------------------------------------------------------------------

_FIRST_NAMES = (
    "Ana Luis María José Carmen Jorge Lucía Pedro Rosa Miguel Elena Raúl Julia Óscar Inés Diego Paula Hugo Sofía Iván "
    "Laura Martín Nuria Andrés Camila Mateo Valentina Emily James Olivia Daniel"
)
_SURNAMES = (
    "García Rodríguez Martínez López Pérez Gómez Díaz Torres Ruiz Vargas Castro Rojas Flores Quispe Mamani Silva Souza "
    "Fernández Núñez Ibáñez Molina Ortega Suárez Vega Herrera Medina Aguilar Ríos Smith Johnson"
)
_ASCII = str.maketrans("áéíóúñÁÉÍÓÚÑ", "aeiounAEIOUN")
_STREETS = ("calle", "avenida", "Av.", "C/", "jirón", "paseo", "plaza")


def _email(chance: Random) -> Writings:
    first, last = (
        chance.choice(_FIRST_NAMES.split()).translate(_ASCII).lower(),
        chance.choice(_SURNAMES.split()).translate(_ASCII).lower(),
    )
    local = chance.choice(
        [f"{first}.{last}", f"{first}{last}{chance.randrange(100)}", f"{first[0]}{last}", f"{first}_{last}"]
    )
    name = _draw(chance, LOWER, chance.randrange(4, 9))
    domain = chance.choice(
        [f"{name}.com", f"{name}.es", f"{name}.com.ar", f"correo.{name}.edu.pe", "gmail.com", f"{name}-sur.com.br"]
    )
    return [f"{local}@{domain}", f"{local}@{domain}", f"{local.title()}@{domain}", f"mailto:{local}@{domain}"]


def _veiled_email(chance: Random) -> Writings:
    local, domain = _email(chance)[0].split("@")
    return [
        f"{local} [at] {domain}", f"{local} (arroba) {domain}", f"{local}[arroba]{domain.replace('.', '[punto]')}",
        f"{local} arroba {domain}", f"{local}&#64;{domain}", f"{local}&commat;{domain}",
    ]  # fmt: skip


def _broken_email(chance: Random) -> Writings:
    """Break an address as a page or a scan does: after the @ or a point."""
    local, domain = _email(chance)[0].split("@")
    host, _, top = domain.rpartition(".")
    return [f"{local}@ {domain}", f"{local}@\n{domain}", f"{local}@{host}.\n{top}"]


def _ipv4(chance: Random) -> Writings:
    first = chance.choice([31, 46, 79, 81, 88, 152, 161, 179, 181, 186, 189, 190, 200, 201])
    return [f"{first}." + ".".join(str(chance.randrange(1, 255)) for _ in range(3))]


def _ipv6(chance: Random) -> Writings:
    groups = [
        chance.choice(["2800", "2803", "2806", "2a02", "2a0c"]),
        *(f"{chance.randrange(1, 65536):x}" for _ in range(7)),
    ]
    return [":".join(groups), ":".join(groups[:4]) + "::" + groups[7], ":".join(groups).upper()]


def _password(chance: Random) -> str:
    letters = list(
        _draw(chance, LOWER, 5) + _draw(chance, UPPER, 2) + _draw(chance, DIGITS, 3) + chance.choice("!._-+")
    )
    chance.shuffle(letters)
    return "".join(["k", *letters, "Z"])


def _userinfo(chance: Random) -> Writings:
    scheme = chance.choice(["https", "postgresql", "ftp", "mongodb+srv", "amqp", "redis"])
    user = chance.choice(_SURNAMES.split()).translate(_ASCII).lower()
    host = f"{_draw(chance, LOWER, 6)}.{chance.choice(['com', 'net', 'pe', 'internal'])}"
    return [f"{scheme}://{user}:{_password(chance)}@{host}/{_draw(chance, LOWER, 4)}"]


def _parameter(chance: Random) -> Writings:
    name = chance.choice(["token", "access_token", "api_key", "sig"])
    value = _draw(chance, LOWER + UPPER + DIGITS, 24)
    host = f"{_draw(chance, LOWER, 6)}.com"
    return [f"https://{host}/v1?{name}={value}", f"https://{host}/v1?page=2&{name}={value}"]


def _jwt(chance: Random) -> Writings:
    def part(data: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    name = chance.choice(_SURNAMES.split())
    signature = base64.urlsafe_b64encode(chance.randbytes(32)).decode().rstrip("=")
    return [f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': name, 'iat': _digits(chance, 10)})}.{signature}"]


def _private_key(chance: Random) -> Writings:
    body = base64.b64encode(chance.randbytes(300)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    kind = chance.choice(["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED "])
    return [f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"]


def _assigned(chance: Random) -> Writings:
    value = chance.choice([_draw(chance, "0123456789abcdef", 32), _draw(chance, LOWER + UPPER + DIGITS, 40)])
    name = chance.choice(["API_KEY", "SECRET_KEY", "auth_token", "client_secret"])
    password = _password(chance)
    return [
        f"{name}={value}",
        f'{name} = "{value}"',
        f"{name.lower()}: {value}",
        f"password: {password}",
        f"contraseña: {password}",
    ]


def _marked(*heads: str, letters: str = LOWER + UPPER + DIGITS, length: int) -> Callable[[Random], Writings]:
    """Build a generator of keys with their issuer's prefix."""

    def make(chance: Random) -> Writings:
        # A digit and a capital at separate places: a key without one or the other is rarer than one in a thousand.
        middle = _draw(chance, letters, length - 2)
        return [
            chance.choice(heads) + middle + chance.choice(DIGITS) + (chance.choice(UPPER) if "A" in letters else "a")
        ]

    return make


# --- names, addresses, dates -------------------------------------------------------------------------------

_MONTHS = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"


def _person(chance: Random) -> Writings:
    return [
        f"{chance.choice(_FIRST_NAMES.split())} {chance.choice(_SURNAMES.split())} {chance.choice(_SURNAMES.split())}"
    ]


def _address(chance: Random) -> Writings:
    return [f"{chance.choice(_STREETS)} {chance.choice(_SURNAMES.split())} {chance.randrange(1, 900)}"]


def _date(chance: Random) -> Writings:
    day, month, year = chance.randrange(1, 29), chance.randrange(1, 13), chance.randrange(1930, 2025)
    return [
        f"{day:02}/{month:02}/{year}",
        f"{year}-{month:02}-{day:02}",
        f"{day} de {_MONTHS.split()[month - 1]} de {year}",
    ]


_HEX = "0123456789abcdef"
_PHONE_WORDS = ("Tel.", "teléfono", "móvil", "celular", "WhatsApp")
_CARD_WORDS = ("cédula", "cédula de identidad", "C.I.")
GENERATORS: dict[str, Generator] = {
    "es_dni": Generator("national_id", "es", _es_dni, ("DNI", "NIF", "D.N.I.", "documento nacional de identidad")),
    "es_nie": Generator("national_id", "es", _es_nie, ("NIE", "N.I.E.")),
    "es_cif": Generator("national_id", "es", _es_cif, ("CIF", "NIF", "C.I.F.")),
    "es_vat": Generator("national_id", "es", _es_vat, ("NIF", "NIF-IVA", "VAT")),
    "es_nuss": Generator("national_id", "es", _es_nuss, ("NUSS", "Seguridad Social", "número de afiliación")),
    "ar_cuit": Generator("national_id", "ar", _ar_cuit, ("CUIT", "CUIL", "C.U.I.T.")),
    "ar_dni": Generator("national_id", "ar", _card_number, ("DNI", "D.N.I.", "documento nacional de identidad")),
    "cl_rut": Generator("national_id", "cl", _cl_rut, ("RUT", "RUN", "R.U.T.")),
    "mx_curp": Generator("national_id", "mx", _mx_curp, ("CURP",)),
    "mx_rfc": Generator("national_id", "mx", _mx_rfc, ("RFC", "R.F.C.")),
    "mx_nss": Generator("national_id", "mx", _mx_nss, ("NSS", "número de seguridad social")),
    "br_cpf": Generator("national_id", "br", _br_cpf, ("CPF", "C.P.F.")),
    "br_cnpj": Generator("national_id", "br", _br_cnpj, ("CNPJ",)),
    "pe_ruc": Generator("national_id", "pe", _pe_ruc, ("RUC", "R.U.C.")),
    "pe_dni": Generator("national_id", "pe", _pe_dni, ("DNI", "D.N.I.", "documento de identidad")),
    "co_nit": Generator("national_id", "co", _co_nit, ("NIT", "N.I.T.")),
    "co_cc": Generator("national_id", "co", _co_cc, ("cédula de ciudadanía", "C.C.", "CC")),
    "uy_ci": Generator("national_id", "uy", _uy_ci, _CARD_WORDS),
    "ec_ci": Generator("national_id", "ec", _ec_ci, _CARD_WORDS),
    "ec_ruc": Generator("national_id", "ec", _ec_ruc, ("RUC",)),
    "ve_rif": Generator("national_id", "ve", _ve_rif, ("RIF", "R.I.F.")),
    "ve_ci": Generator("national_id", "ve", _ve_ci, _CARD_WORDS),
    "do_cedula": Generator("national_id", "do", _do_cedula, ("cédula", "cédula de identidad")),
    "us_ssn": Generator("national_id", "us", _us_ssn, ("SSN", "social security number")),
    "passport": Generator("national_id", None, _passport, ("pasaporte", "Pasaporte", "passport")),
    "credit_card": Generator("credit_card", None, _credit_card, ("tarjeta", "card", "Visa")),
    "iban": Generator("bank_account", None, _iban, ("IBAN",)),
    "ar_cbu": Generator("bank_account", "ar", _ar_cbu, ("CBU", "CVU")),
    "mx_clabe": Generator("bank_account", "mx", _mx_clabe, ("CLABE",)),
    "es_ccc": Generator("bank_account", "es", _es_ccc, ("cuenta", "cuenta corriente")),
    **{
        f"{country}_phone": Generator("phone", country, _phone(code, plans), _PHONE_WORDS)
        for country, (code, plans) in _PHONES.items()
    },
    "email": Generator("email", None, _email, ("correo", "e-mail")),
    "veiled_email": Generator("email", None, _veiled_email, ("correo", "e-mail")),
    "broken_email": Generator("email", None, _broken_email, ("correo", "e-mail")),
    "ipv4": Generator("ip", None, _ipv4, ("IP", "desde")),
    "ipv6": Generator("ip", None, _ipv6, ("IP", "desde")),
    "userinfo": Generator("url_credentials", None, _userinfo, ("URL", "servidor")),
    "parameter": Generator("url_credentials", None, _parameter, ("URL", "enlace")),
    "aws_key": Generator("secret", None, _marked("AKIA", "ASIA", letters=UPPER + "234567", length=16), ("clave",)),
    "github_token": Generator("secret", None, _marked("ghp_", "gho_", "ghs_", length=36), ("token",)),
    "google_key": Generator("secret", None, _marked("AIza", length=35), ("clave", "key")),
    "slack_token": Generator("secret", None, _marked("xoxb-2912345678-", "xoxp-2912345678-", length=24), ("token",)),
    "stripe_key": Generator("secret", None, _marked("sk_live_", "rk_live_", "sk_test_", length=24), ("key",)),
    "openai_key": Generator("secret", None, _marked("sk-", "sk-proj-", "sk-ant-api03-", length=48), ("key",)),
    "huggingface_token": Generator("secret", None, _marked("hf_", letters=LOWER + UPPER, length=34), ("token",)),
    "sendgrid_key": Generator("secret", None, _marked("SG.Zm9vYmFyYmF6cXV4MTIzNA.", length=43), ("key",)),
    "digitalocean_token": Generator("secret", None, _marked("dop_v1_", letters=_HEX, length=64), ("token",)),
    "jwt": Generator("secret", None, _jwt, ("token", "Bearer")),
    "private_key": Generator("secret", None, _private_key, ("clave privada", "key")),
    "assigned": Generator("secret", None, _assigned, ("configuración",)),
    "person": Generator("person", None, _person, ("Sra.", "Nombre", "doctor")),
    "address": Generator("address", None, _address, ("domicilio", "dirección")),
    "date": Generator("date", None, _date, ("fecha", "nacimiento")),
}
"""Format → generator. Formats of the detector that are missing here are listed as such in `planted`."""
