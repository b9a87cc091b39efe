"""Accounts, cards and identity numbers are found over line ends, with odd signs and double blanks."""

from __future__ import annotations

import pytest

from desdecero.pipelines.corpus.privacy.redaction import Redact
from desdecero.pipelines.recipe import PersonalData

REDACT = Redact(PersonalData())


def kinds(text: str) -> list[str]:
    return sorted(REDACT.redact(text)[1].elements())


@pytest.mark.parametrize(
    "iban",
    [
        "DE89 3704 0044\n0532 0130 00", "DE89  3704  0044  0532  0130  00", "DE89.3704.0044.0532.0130.00",
        "DE89-3704-0044-0532-0130-00", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
        "DE 89 370400440532013000",
        "DE89_3704_0044_0532_0130_00", "DE89\t3704\t0044\t0532\t0130\t00", "DE89 3704 0044\n> 0532 0130 00",
        "GB29 NWBK\n6016 1331 9268 19", "GB29  NWBK  6016  1331  9268  19", "DE89 3704 0044 0532 0130\n00",
    ],
)  # fmt: skip
def test_an_iban(iban: str) -> None:
    assert REDACT.redact(f"Ingrese en {iban} el importe.")[0] == "Ingrese en <bank_account> el importe."


@pytest.mark.parametrize(
    "card",
    [
        "5500 0000\n0000 0004", "5500  0000  0000  0004", "5500.0000.0000.0004", "5500-0000-0000-\n0004",
        "5500\u00a00000\u00a00000\u00a00004", "3714 496353 98431",
        "5500_0000_0000_0004", "5500\t0000\t0000\t0004", "5500 0000\n> 0000 0004",
    ],
)  # fmt: skip
def test_a_card(card: str) -> None:
    assert REDACT.redact(f"Pagó con {card} ayer.")[0] == "Pagó con <credit_card> ayer."


@pytest.mark.parametrize(
    "number",
    [
        "DNI 87'654'321-X", "DNI 87’654’321 X", "DNI 87.654.\n321-X", "DNI 87 654.321-X", "DNI 87-654-321-X",
        "DNI 87  654  321  X", "NIE Y-1'234'567-X", "NIE Y 1 234 567 X", "Pasaporte BCD123456",
        "DNI 87.654,321-X", "pasaporte italiano YB7654321", "pasaporte expedido en Lugo con el n.º BCD123456",
        "pasaporte n.º XDA123456",
        "Passport No. 987654321", "passport number: C98765432", "XDA123456 (pasaporte)", "NUSS 08/87654321/46",
        "Seguridad Social 088765432146", "afiliada con el 08/87654321/46", "08/87654321/46", "CUIT 27.12345678.0",
        "CUIT 27-12345678-\n0", "CUIT 27/12345678/0", "RUT 12'345.678 - 5", "RUT 12.345.678-\n5",
        "CURP HEGG 560427 MVZRRL 04", "CURP HEGG-560427-MVZRRL-04", "RFC GODE 561231 GR8", "CPF 529 982 247 25",
        "CPF 529.982.247/25", "CPF 529.982.\n247-25", "CNPJ 11 222 333 0001 81", "SSN 536.90.4399", "NIT 800 197 268-4",
        "C.I. 1 234 567 2", "NSS 12-34-56-7890-3",
    ],
)  # fmt: skip
def test_an_identity_number_beside_its_name(number: str) -> None:
    assert kinds(f"Consta {number} en el acta.") == ["national_id"]


def test_two_rows_of_a_table_are_no_card() -> None:
    rows = "Año\n5500 0000\n0000 0004\nFin"
    assert REDACT.redact(rows)[0] == rows


def test_a_list_of_passports() -> None:
    assert kinds("con pasaportes BCD123456, BCD123457 y BCD123458") == ["national_id"] * 3


@pytest.mark.parametrize(
    "text",
    [
        "El pasaporte costó 1200000 pesos",
        "pasaporte 20240315",
        "1234567 pasaportes",
        "DNI expedidos: 23.456.789",
        "pasaportes renovados en el año: 3.456.789",
        "total de DNI: 23.456.789",
        "pasaporte y vuelo IB654321",
        "pasaporte, expediente AB765432",
    ],
)
def test_numbers_near_passports_that_are_none(text: str) -> None:
    assert REDACT.redact(text)[0] == text
