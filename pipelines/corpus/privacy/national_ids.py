"""National and tax identity numbers, recognized by their check digits if they have any, otherwise by their names.

Check digits are python-stdnum's (its modules cite each country's rule); Uruguay's identity card, which it lacks, is
below. Of random digits a share passes, too: 4% of DNI letters, 9% of RUT and NIT digits, 1% of CUIT, CPF and RUC,
all of the Argentine, Peruvian and Colombian cards. So a number without letters, points and hyphens is accepted only
after a word that names it, unless its check is of the strict sort; and so is one of seven digits, a hyphen and a
digit, because the official gazette of Peru signs each of its notices with one (2388044-1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from stdnum import luhn
from stdnum.ar import cuit
from stdnum.br import cnpj, cpf
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.do import cedula
from stdnum.ec import ci as ec_ci
from stdnum.ec import ruc as ec_ruc
from stdnum.es import cif, dni, nie, nif
from stdnum.mx import curp, rfc
from stdnum.pe import cui
from stdnum.pe import ruc as pe_ruc
from stdnum.us import ssn
from stdnum.uy import rut as uy_rut
from stdnum.ve import rif

from desdecero.pipelines.corpus.privacy.numbers import ANY_SIGNS, NumberFormat, always, pattern

_MILLIONS = r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}|[0-9]{1,2} [0-9]{3} [0-9]{3}|[0-9]{1,2}'[0-9]{3}'[0-9]{3}|[0-9]{7,8}"
"""A card's number with points, spaces, apostrophes or nothing in it."""
_DASH = r"(?: ?- ?| )?"
_LETTER = r"(?:(?: ?[-.] ?)?[A-HJ-NP-TV-Z]|(?-i: [A-HJ-NP-TV-Z]))"
"""Letter of a DNI. After a space it must be a capital: `12345678 y` continues with "and"."""
_SCANNED = r"[0-9]{1,2}[ .'-][0-9]{3}[ .'-]?[0-9]{3}(?: ?[-.] ?)?"
"""A DNI with mixed signs, as scanners write it; its letter must be next to it."""


def _loose(length: int, first: str = "", last: str = "") -> re.Pattern[str]:
    """Return a pattern of a number with any signs between its digits; first, last: letters before and after them."""
    head, tail = first + ANY_SIGNS if first else "", ANY_SIGNS + last if last else ""
    return pattern(f"{head}[0-9](?:{ANY_SIGNS}[0-9]){{{length - 1}}}{tail}")


def _is_es_dni(number: str) -> bool:
    return dni.is_valid(number.zfill(9))


def _is_es_cif(number: str) -> bool:
    return cif.is_valid(number) or (number[0].upper() in "KLM" and nif.is_valid(number))


def _is_rfc(number: str) -> bool:
    """Check the check character; the last three are sometimes assigned by hand, and then a word must name it."""
    return rfc.is_valid(number, validate_check_digits=True)


def _is_uy_ci(number: str) -> bool:
    """Check weights 2 9 8 7 6 3 4 over seven digits; the last digit fills the sum to a multiple of ten (DNIC)."""
    digits = [int(digit) for digit in number.zfill(8)]
    return len(digits) == 8 and sum(a * b for a, b in zip(digits, (2, 9, 8, 7, 6, 3, 4, 1), strict=True)) % 10 == 0


def _never(_number: str) -> bool:
    """Reject: without a check digit, only a name is evidence."""
    return False


def _is_es_nuss(number: str) -> bool:
    """Check province, number and remainder modulo 97 (Orden TAS/1562/2005, Tesorería General de la Seguridad Social).

    A number below ten million follows the province without its leading zero.
    """
    province, serial, check = int(number[:2]), int(number[2:-2]), int(number[-2:])
    known = 1 <= province <= 53 or province == 66
    whole = province * 10_000_000 + serial if serial < 10_000_000 else province * 100_000_000 + serial
    return known and whole % 97 == check


def _is_head_office(number: str) -> bool:
    """Accept only head offices: an Ecuadorian tax number of a branch looks like a timestamp and needs a name."""
    return number.endswith("001")


def _form(
    country: str,
    name: str,
    digits: int,
    valid: Callable[[str], bool],
    written: str | None = None,
    bare: str | None = None,
    lead: bool = False,
    any_case: bool = False,
    bare_must_check: bool = False,
    alone: Callable[[str], bool] = always,
    loose: re.Pattern[str] | None = None,
) -> NumberFormat:
    return NumberFormat(
        f"{country}_{name}", "national_id", country, digits,
        (pattern(written),) if written else (), pattern(bare) if bare else None, valid, lead, any_case,
        bare_must_check, False, alone, loose,
    )  # fmt: skip


_END = r"(?:\n[ ]{0,4})?"
"""The end of a line, after a point or a hyphen."""

FORMS: tuple[NumberFormat, ...] = (
    # Spain
    _form("es", "dni", 7, _is_es_dni,
          rf"(?:{_MILLIONS}){_LETTER}|(?:{_SCANNED}|[0-9]{{1,2}}\.{_END}[0-9]{{3}}\.{_END}[0-9]{{3}}-?{_END})[A-HJ-NP-TV-Z]",
          _MILLIONS, loose=_loose(8, last="[A-Z]")),
    _form("es", "nie", 7, nie.is_valid,
          rf"[XYZ](?:[ .]|{_DASH})(?:[0-9]{{7}}|[0-9]([. '])[0-9]{{3}}\1[0-9]{{3}}){_DASH}[A-Z]", lead=True,
          loose=_loose(7, "[XYZ]", "[A-Z]")),
    _form("es", "cif", 7, _is_es_cif,
          r"[A-HJ-NP-SUVW][ .-]?(?:[0-9]{7}|[0-9]{2}\.[0-9]{3}\.[0-9]{2}|[0-9]\.[0-9]{3}\.[0-9]{3})[ -]?[0-9A-Z]",
          lead=True, loose=_loose(7, "[A-HJ-NP-SUVW]", "[0-9A-Z]")),
    _form("es", "vat", 7, nif.is_valid, r"ES[ -]?(?:[A-Z]-?[0-9]{7}-?[0-9A-Z]|[0-9]{8}-?[A-Z])", lead=True),
    _form("es", "nuss", 11, _is_es_nuss, r"[0-9]{2}([/ -])[0-9]{7,8}\1[0-9]{2}",
          r"[0-9]{2}[/ -]?[0-9]{7,8}[/ -]?[0-9]{2}", loose=_loose(12)),
    # Argentina
    _form("ar", "cuit", 11, cuit.is_valid,
          rf"[23][034567](?:[ -]{_END})?(?:[0-9]{{8}}|[0-9]{{2}}\.[0-9]{{3}}\.[0-9]{{3}})(?:[ -]{_END})?[0-9]",
          loose=_loose(11)),
    _form("ar", "dni", 7, _never, bare=rf"[MF]?(?:{_MILLIONS})"),
    # Chile
    _form("cl", "rut", 7, rut.is_valid,
          rf"(?:[0-9]{{1,2}}\.[0-9]{{3}}\.[0-9]{{3}}|[0-9]{{1,2}}'[0-9]{{3}}'[0-9]{{3}}|[0-9]{{8}}) ?- ?{_END}[0-9K]",
          r"(?:[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}|[0-9]{1,2} [0-9]{3} [0-9]{3})(?: ?- ?| ?)[0-9K]",
          any_case=True, bare_must_check=True, loose=_loose(7, last="(?:[0-9]" + ANY_SIGNS + ")?[0-9K]")),
    # Mexico
    _form("mx", "curp", 6, curp.is_valid, r"[A-Z]{4}[ -]?[0-9]{6}[ -]?[A-Z]{6}[ -]?[0-9A-Z][0-9]", lead=True,
          loose=pattern(rf"[A-Z]{{4}}{ANY_SIGNS}[0-9]{{6}}{ANY_SIGNS}[A-Z]{{6}}{ANY_SIGNS}[0-9A-Z][0-9]")),
    _form("mx", "rfc", 6, _is_rfc, r"[A-ZÑ&]{3,4}[ -]?[0-9]{6}[ -]?[A-Z0-9]{3}", r"[A-ZÑ&]{4}[ -]?[0-9]{6}", lead=True,
          loose=pattern(rf"[A-ZÑ&]{{3,4}}{ANY_SIGNS}[0-9]{{6}}{ANY_SIGNS}[A-Z0-9]{{3}}")),
    _form("mx", "nss", 11, luhn.is_valid, None, r"[0-9]{11}", bare_must_check=True, loose=_loose(11)),
    # Brazil
    _form("br", "cpf", 11, cpf.is_valid,
          rf"[0-9]{{3}}([. ]?)[0-9]{{3}}\1[0-9]{{3}}[-/ .]?[0-9]{{2}}"
          rf"|[0-9]{{3}}\.{_END}[0-9]{{3}}\.{_END}[0-9]{{3}}-{_END}[0-9]{{2}}",
          loose=_loose(11)),
    _form("br", "cnpj", 8, cnpj.is_valid,
          rf"[0-9]{{2}}\.[0-9]{{3}}\.[0-9]{{3}} ?/ ?{_END}[0-9]{{4}} ?- ?{_END}[0-9]{{2}}"
          rf"|[0-9]{{8}}/?[0-9]{{4}}-?[0-9]{{2}}"
          r"|[0-9]{2} [0-9]{3} [0-9]{3}[ /][0-9]{4}[ -][0-9]{2}", loose=_loose(14)),
    # Peru
    _form("pe", "ruc", 11, pe_ruc.is_valid, r"(?:10|15|16|17|20)[ -]?[0-9]{8}[ -]?[0-9]", loose=_loose(11)),
    _form("pe", "dni", 8, cui.is_valid, bare=r"(?:[0-9]{8}|[0-9]{2}[. '][0-9]{3}[. '][0-9]{3})(?:-[0-9A-K])?"),
    # Colombia
    _form("co", "nit", 9, nit.is_valid, r"[0-9]{3}\.[0-9]{3}\.[0-9]{3} ?- ?[0-9]|[89][0-9]{8} ?- ?[0-9]",
          r"[0-9]{1,3}(?:[. ]?[0-9]{3}){2}(?:[ -][0-9]|[0-9])?|[0-9]{1,2}(?:[. ]?[0-9]{3}){3}-[0-9]", loose=_loose(10)),
    _form("co", "cc", 7, _never, bare=r"[0-9]{1,3}(?:[.'][0-9]{3}){2,3}|[0-9]{1,3}(?: [0-9]{3}){2,3}|[0-9]{6,10}"),
    # Uruguay
    _form("uy", "ci", 7, _is_uy_ci, r"[0-9]\.[0-9]{3}\.[0-9]{3}[ /-][0-9]",
          r"[0-9]?[. ]?[0-9]{3}[. ]?[0-9]{3}[ ./-]?[0-9]", loose=_loose(8)),
    _form("uy", "rut", 12, uy_rut.is_valid, r"[0-9]{12}"
    r"|[0-9]{2}[ .-]?[0-9]{6}[ .-]?[0-9]{3}[ .-]?[0-9]",
          loose=_loose(12)),
    # Ecuador, Venezuela, the Dominican Republic
    _form("ec", "ci", 10, ec_ci.is_valid, r"[0-9]{9}-[0-9]", r"[0-9]{10}|[0-9]{9} [0-9]", bare_must_check=True,
          loose=_loose(10)),
    _form("ec", "ruc", 13, ec_ruc.is_valid, r"[0-9]{10}[ -]?[0-9]{3}", alone=_is_head_office, loose=_loose(13)),
    _form("ve", "rif", 9, rif.is_valid, r"[VEJPGC][ -]?(?:[0-9]{8}|[0-9]{2}\.[0-9]{3}\.[0-9]{3})[ -]?[0-9]", lead=True,
          loose=_loose(9, "[VEJPGC]")),
    _form("ve", "ci", 7, always, r"[VE](?:[. ]|-)?[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}",
          rf"[VE][ .-]?(?:{_MILLIONS})", lead=True),
    _form("ve", "ci_bare", 7, _never, bare=_MILLIONS),
    _form("do", "cedula", 11, cedula.is_valid, r"[0-9]{3}-[0-9]{7}-[0-9]", r"[0-9]{11}|[0-9]{3} [0-9]{7} [0-9]",
          bare_must_check=True, loose=_loose(11)),
    # United States
    _form("us", "ssn", 9, ssn.is_valid, r"[0-9]{3}-[0-9]{2}-[0-9]{4}", r"[0-9]{9}|[0-9]{3}[ .][0-9]{2}[ .][0-9]{4}",
          loose=pattern(rf"[0-9]{{3}}{ANY_SIGNS}[0-9]{{2}}{ANY_SIGNS}[0-9]{{4}}")),
)  # fmt: skip

_CARDS = "co_cc uy_ci ec_ci ve_ci ve_ci_bare do_cedula"
WORDS = {
    "es_dni es_nie es_cif es_vat": "nif",
    "es_vat": "iva vat",
    "es_nie": "nie",
    "es_cif": "cif",
    "es_nuss mx_nss": "nuss naf nss afiliación afiliacion social imss",
    f"es_dni es_nie ar_dni pe_dni {_CARDS}": "identidad identificación identificacion",
    "ar_dni": "LE LC enrolamiento cívica",
    "es_dni es_nie ar_dni pe_dni": "dni documento",
    "ar_dni pe_dni": "electoral",
    "ar_cuit": "cuit cuil",
    "cl_rut uy_rut": "rut RUN tributario",
    "mx_curp": "curp población",
    "mx_rfc": "rfc contribuyentes",
    "br_cpf": "cpf",
    "br_cnpj": "cnpj",
    "pe_ruc ec_ruc": "ruc contribuyentes contribuyente",
    "co_nit": "NIT tributaria",
    "co_cc": "CC CE ciudadanía ciudadania extranjería",
    _CARDS: "cédula cedula cédulas ced CI",
    "ve_rif": "rif",
    "us_ssn": "ssn security",
}
"""Formats → the words that name them."""

EVERYDAY = {
    word: re.compile(found, re.IGNORECASE)
    for word, found in {
        "documento": r"\b(?:con|su|mi|tipo(?: y n\S+)? de|n[úu]mero de|n\.?[ºo°]\.? de|titular del?|portador(?:a)? del?"
        r"|identificad[oa]s? (?:con|por)(?: el| su)?) documento\b(?! (?!n[.úºo°]|personal|[úu]nico)[a-z])",
        "electoral": r"\b(?:clave|libreta|credencial|cédula|c[óo]digo) (?:de elector|electoral)\b",
        "identificación": r"(?<!placa de )(?<!clave de )(?<!c[óo]digo de )(?<!etiqueta de )identificaci[óo]n\b"
        r"(?! (?:del?|de la|de los) (?!identidad|titular|contribuyente|trabajador|extranjero|afiliad))",
        "identidad": r"\b(?:de|nacional de|d\.) identidad\b",
        "tributaria": r"\bidentificaci[óo]n tributaria\b",
        "social": r"\bseguridad social\b|\bseguro social\b|\bs\.? ?social\b",
        "security": r"\bsocial security\b",
    }.items()
}
"""Words that name a number only in these phrases: `el documento n.º 45678912` of a register is nobody's."""
EVERYDAY["identificacion"] = EVERYDAY["identificación"]


def forms(countries: Collection[str]) -> list[NumberFormat]:
    """Return the formats of these countries."""
    return [form for form in FORMS if form.country in countries]
