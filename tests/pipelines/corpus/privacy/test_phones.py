"""Telephones are found in all the ways in which they are set, and named from either side."""

from __future__ import annotations

import pytest

from desdecero.pipelines.corpus.privacy.redaction import Redact
from desdecero.pipelines.recipe import PersonalData

REDACT = Redact(PersonalData())


def redacted(text: str) -> str:
    return REDACT.redact(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Teléfono: 93/222.33.44", "Teléfono: <phone>"),
        ("Tel 655/443.322 y fax 976 / 55 85 63", "Tel <phone> y fax <phone>"),
        ("en el 93/222.33.44 o el 655/443.322", "en el <phone> o el <phone>"),
        ("+34/93/222.33.44, +34 655/443322", "<phone>, <phone>"),
        ("(+34) 93-222-33-44; +34 (93) 222 33 44", "<phone>; <phone>"),
        ("(93) 222 33 44", "<phone>"),
        ("**Tel.:** 655 443 322", "**Tel.:** <phone>"),
        ("Tel.: **655 443 322**", "Tel.: **<phone>**"),
        ("**655 44 33 22** _655 44 33 22_", "**<phone>** _<phone>_"),
        ("[655 44 33 22](tel:+34655443322)", "[<phone>](tel:<phone>)"),
        ("`móvil 655443322`", "`móvil <phone>`"),
        ("Tel. 932 223 344 ext. 12", "Tel. <phone>"),
        ("Tel. 932 223 344, extensión 12", "Tel. <phone>"),
        ("Tel.  93  222  33  44", "Tel.  <phone>"),
        ("+34 655 443 322 28013 Madrid", "<phone> 28013 Madrid"),
        ("+34 655 443 322/655 443 323", "<phone>/<phone>"),
        ("Tel. 655\n443 322 de Eva", "Tel. <phone> de Eva"),
        ("Tel. 93 222 33 44\n28013 Madrid", "Tel. <phone>\n28013 Madrid"),
        ("https://wa.me/34655443322", "https://wa.me/<phone>"),
        ("tel. ٦٥٥ ٤٤٣ ٣٢٢", "tel. <phone>"),
    ],
)
def test_separators_brackets_and_emphasis(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("040-022-031 Office\nAv. Sur", "<phone> Office\nAv. Sur"),
        ("(555) 020-0133 fax", "<phone> fax"),
        ("040-022-031 Office dijo que sí", "<phone> Office dijo que sí"),
        ("040-022-031 is my office number", "<phone> is my office number"),
        ("2345-6789 es mi móvil", "<phone> es mi móvil"),
        ("655443322 (móvil)", "<phone> (móvil)"),
        ("4544-1234 Tel.", "<phone> Tel."),
        ("24 330 118 7702-Office\\,07911 022 133-Fax", "<phone>-Office\\,<phone>-Fax"),
        ("040-022-031 office 040-022-032 fax", "<phone> office <phone> fax"),
        ("655 443 322 – WhatsApp", "<phone> – WhatsApp"),
        ("(+52) 33 7600 7591 (celular)", "<phone> (celular)"),
        ("2345-6789 (casa); 2345-6780 cel.", "<phone> (casa); <phone> cel."),
    ],
)
def test_a_word_behind_a_number_names_it(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("llame al 655 443 322", "llame al <phone>"),
        ("Tel. (93 222 33 44)", "Tel. (<phone>)"),
        ("my number is 040-022-031", "my number is <phone>"),
        ("llame al número 932223344", "llame al número <phone>"),
        ("el número 932223344 es par", "el número 932223344 es par"),
        ("según Telefónica, 655 443 322", "según Telefónica, 655 443 322"),
        ("en contacto con 655 443 322 clientes", "en contacto con 655 443 322 clientes"),
        ("Eva Sosa, Marta Rey (655 443 322)", "Eva Sosa, Marta Rey (<phone>)"),
        ("eva@mar.uy, 655.443.322", "<email>, <phone>"),
        ("Saludos,\nEva\n655 443 322\nCalle Sur 3", "Saludos,\nEva\n<phone>\nCalle Sur 3"),
        ("93 222 33 44 / 655 443 322", "<phone> / <phone>"),
        ("envíe un mensaje al 655 443 322", "envíe un mensaje al <phone>"),
        ("I stopped receiving messages to 655 443 322", "I stopped receiving messages to <phone>"),
        ("en total 655 443 322", "en total 655 443 322"),
        ("llame: costó 655 443 322 pesos", "llame: costó 655 443 322 pesos"),
        ("la agenda costó 655 443 322", "la agenda costó 655 443 322"),
        ("las consultas fueron 655 443 322", "las consultas fueron 655 443 322"),
        ("Eva Sosa debe 655 443 000", "Eva Sosa debe 655 443 000"),
    ],
)
def test_what_looks_like_an_amount_too_is_told_by_its_surroundings(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "3 200 000 móviles; 2.400.000 office workers", "1200000 fax machines", "Tel. en 2021",
        "2368 370 [OFICINA DE OBRAS",
        "office 2019, 2021", "fax 12/03/2020", "work 2345 6789 10", "Mol. Cell 73 1234 5678",
        "desk 12 34 56 78", "home 1234567", "Windows Phone 8.1.14226.359", "NO 995 525 828 MVA", "+ 30247/9900",
    ],
)  # fmt: skip
def test_words_for_telephones_do_not_make_one_of_every_number(text: str) -> None:
    assert redacted(text) == text
