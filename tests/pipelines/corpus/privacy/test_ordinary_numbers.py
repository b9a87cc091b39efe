"""Numbers that identify nobody stay: amounts, file numbers, dates, references, chapters. Drawn at random, by kind.

Each kind draws its own numbers, in sentences of its own; what is replaced in them is a false alarm.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from random import Random

import pytest

from desdecero.pipelines.corpus.privacy.redaction import Redact
from desdecero.pipelines.recipe import PersonalData

DRAWN = 150
REDACT = Redact(PersonalData())


def redacted(text: str) -> str:
    return REDACT.redact(text)[0]


def grouped(number: int, sign: str) -> str:
    return f"{number:,}".replace(",", sign)


def amount(chance: Random) -> str:
    """Of nine digits, which begin as Spanish telephones do, with all signs between groups of three."""
    number = grouped(chance.randrange(600_000_000, 1_000_000_000), chance.choice(" .'\u00a0\u202f"))
    frames = (
        "El estado tiene {} habitantes.", "Asumió una deuda de {} en un año.", "Los ingresos fueron {} y bajaron.",
        "€ {}", "{} €", "Se vendieron {} de toneladas.", "COP {}", "Unos {} votos, contra {} de antes.",
        "Entre {} y {} hay poca distancia.", "| Norte | {} | {} |", "Activo\n{}\n{}\nPasivo", "Costó {} maravedíes.",
        "En 1998 había {} especies y en 2004 {}.", "La cifra de {} sorprendió a todos.", "Total: {}",
    )  # fmt: skip
    return chance.choice(frames).replace("{}", number)


def million(chance: Random) -> str:
    number = grouped(chance.randrange(1_000_000, 99_999_999), chance.choice(". '"))
    frames = (
        "Capítulo V {} euros", "el Título V {} pesetas", "Felipe V {} ducados", "Anexo E {}", "Serie E {}",
        "tomo V {} palabras", "siglo V {}", "Carlos V {} y más", "Ley V {}", "grupo J {}", "la clase G {}",
        "Capítulo V-{}", "En el libro V. {} letras", "La identidad de los {} vecinos", "cédula real por {} reales",
        "{} teléfonos vendidos", "{} mobile phones", "la oficina gastó {} pesos en fax",
    )  # fmt: skip
    return chance.choice(frames).format(number)


def file_number(chance: Random) -> str:
    """Eleven to fourteen digits that begin with a year; one in ten or so passes for a CUIT, a RUC or a CPF."""
    year = chance.randrange(1985, 2031)
    number = f"{year}{chance.randrange(10 ** chance.randrange(6, 11)):07}"
    frames = (
        "expediente {}", "Expediente n.º {}", "registro {}", "el documento n.º {}", "oficio {}", "la factura {}",
        "pedido núm. {}", "folio {}", "solicitud {}", "radicado {}", "el trámite {}", "el asunto {}", "order {}",
        "la referencia {}", "expedientes {0}, {0} y {0}", "el sumario administrativo {}", "invoice no. {}",
        "ticket #{}",
    )  # fmt: skip
    return "Consta en " + chance.choice(frames).format(number) + " de la sala."


def timestamp(chance: Random) -> str:
    date = f"{chance.randrange(1950, 2036)}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}"
    time = f"{chance.randrange(24):02}{chance.randrange(60):02}{chance.randrange(60):02}"
    epoch = str(chance.randrange(1_200_000_000, 1_900_000_000))
    stamps = (date + time, date + time[:4], date + time[:2] + "7", date + time + "123", epoch, epoch + "417",
              date[6:] + date[4:6] + date[:4] + time)  # fmt: skip
    return f"Se guardó como {chance.choice(stamps)} y se cerró."


def product_code(chance: Random) -> str:
    number = chance.choice("6789") + "".join(chance.choice("0123456789") for _ in range(chance.choice((8, 11, 12, 15))))
    frames = (
        "ISBN {}", "EAN {}", "código {}", "producto {}", "pedido {}", "n.º de serie {}", "lote {}", "referencia {}",
        "matrícula {}", "tracking {}", "SKU {}", "order id {}", "el producto con código de identificación {}",
    )  # fmt: skip
    return chance.choice(frames).format(number)


def everyday_word(chance: Random) -> str:
    """Words that name telephones and cards, and mean something else here."""
    year, other = chance.randrange(1990, 2031), chance.randrange(1990, 2031)
    frames = (
        "doi:10.1016/j.cell.{0}.0{1}.012", "Cell {0} {1}", "office 365 {0} {1}", "Office {0} {1} 2024",
        "mobile {0} {1}",
        "work {0} {1} 1999", "at home {0}-{1}", "el maestro {0} {1} 2019 2020", "visa {0} {1} 2019 2020",
        "the cell.{0}.{1}.1", "desk {0} {1}", "express {0} {1} 2010 1999", "tel {0}-{1}", "fax {0} {1}",
    )  # fmt: skip
    return "Véase " + chance.choice(frames).format(year, other) + " aparte."


def reference(chance: Random) -> str:
    nine, digits = chance.randrange(600_000_000, 999_999_999), chance.randrange(10**6, 10**7)
    frames = (
        "doi:10.1038/s41586-{1}", "https://doi.org/10.1145/{0}", "arXiv:{1}", "https://a.net/p/{0}/x", "www.b.es/{0}",
        "10.1016/j.phone.2019.{0}", "sha1 {0}a{1}f", "v1.{0}", "-3.{0}", "40.{0}, -3.{1}", "id={0}", "0.{0}", "{0}.5",
        "1,{0}", "0x{0}", "{0}e7", "#{0}", "x{0}",
    )  # fmt: skip
    return chance.choice(frames).format(nine, digits)


KINDS: list[Callable[[Random], str]] = [
    amount, million, file_number, timestamp, product_code, everyday_word, reference,
]  # fmt: skip


@pytest.mark.parametrize("draw", KINDS, ids=lambda draw: draw.__name__)
def test_at_least_99_in_100_ordinary_numbers_of_each_kind_stay(draw: Callable[[Random], str]) -> None:
    chance = Random(draw.__name__)
    texts = [draw(chance) for _ in range(DRAWN)]
    changed = [(text, new) for text in texts if (new := redacted(text)) != text]
    assert len(changed) <= 0.01 * DRAWN, changed[:5]


@pytest.mark.parametrize("number", ["20123456786", "20231234565"])
def test_a_year_in_front_is_no_obstacle_behind_a_name(number: str) -> None:
    assert redacted(f"con CUIT {number}.") == "con CUIT <national_id>."
    assert redacted(f"el expediente {number}.") == f"el expediente {number}."
    for text in (f"El {number} se cerró", f"Archivo: {number}", f"el Registro General de Entrada {number}"):
        assert redacted(text) == text


BARE, SET_OUT = ("27123456780", "11144477735"), ("12345678-Z", "20-12345678-6")
RECORDS = ("expediente", "registro", "documento n.º")
DESCRIBED = ("Registro General de Salida", "expediente de la sala segunda")


@pytest.mark.parametrize(
    ("record", "number"), [*itertools.product(RECORDS, BARE + SET_OUT), *itertools.product(DESCRIBED, BARE)]
)
def test_a_check_digit_is_not_enough_behind_a_record(record: str, number: str) -> None:
    text = f"Consta el {record} {number} en la sala."
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("con documento 30.123.456", "con documento <national_id>"),
        ("Tipo y n.º de documento: 30.123.456", "Tipo y n.º de documento: <national_id>"),
        ("el documento 30.123.456 del archivo", "el documento 30.123.456 del archivo"),
        ("el documento n.º 30123456 se archivó", "el documento n.º 30123456 se archivó"),
        ("la placa de identificación 4567891", "la placa de identificación 4567891"),
        ("documento: 12345678Z y cliente 12345678-Z", "documento: <national_id> y cliente <national_id>"),
        ("identificación 1.020.345.678", "identificación <national_id>"),
        ("Luis Mora, V 9.876.543, soltero", "Luis Mora, <national_id>, soltero"),
        ("Luis Mora, V-9.876.543, soltero", "Luis Mora, <national_id>, soltero"),
        ("cédula V 9.876.543", "cédula <national_id>"),
    ],
)
def test_an_everyday_word_names_a_number_only_in_its_phrase(text: str, expected: str) -> None:
    assert redacted(text) == expected
