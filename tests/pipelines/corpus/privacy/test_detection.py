"""Personal data is found, numbers that only look like it are not."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.corpus.privacy.redaction import Redact
from desdecero.pipelines.recipe import PersonalData

ALL = Redact(PersonalData())


def redacted(text: str) -> str:
    return ALL.redact(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to Ann <ann.oneil+x@mail.uni-sur.es>.", "Write to Ann <<email>>."),
        ("mail: josé_1@correo.com.pe,", "mail: <email>,"),
        ("ana.ruiz [at] correo [punto] es o luis(arroba)correo.es", "<email> o <email>"),
        ("from 81.2.69.142 at noon", "from <ip> at noon"),
        ("2a02:9130:80:1::17 and [2001:4860:4801::1a]:80", "<ip> and [<ip>]:80"),
        ("Call (212) 555-0187 or 415-555-2671x12.", "Call <phone> or <phone>."),
        ("+34 612 345 678 / +5491143211234", "<phone> / <phone>"),
        ("móvil 612 34 56 78; fijo 914 567 890", "móvil <phone>; fijo <phone>"),
        ("Tel.: 4321-1234. WhatsApp: 55 1234 5678", "Tel.: <phone>. WhatsApp: <phone>"),
        ("Telfs.: 918823884 / 918823984 / 619128686.", "Telfs.: <phone> / <phone> / <phone>."),
        ("0034 93 567 22 28", "<phone>"),
        ("+51 987 654 321, (01) 445-1234; 310 123 4567", "<phone>, <phone>; <phone>"),
        ("(+34) 612\u00a0345\u00a0678", "<phone>"),
        ("Fax 976 558 563. 50009 Zaragoza", "Fax <phone>. 50009 Zaragoza"),
        ("Telefax: 239 1323", "Telefax: <phone>"),
        (
            "TELEFAX           : (01) 6155800 - 6155830 (anexo 1157)",
            "TELEFAX           : <phone> - <phone> (anexo 1157)",
        ),
        ("Telefax (072)52-4464; Telef.: 57-1506", "Telefax <phone>; Telef.: <phone>"),
        ("al 0-800-11040 o al número telefónico 2237921", "al <phone> o al número telefónico <phone>"),
        ("Lima (01)-29 92225", "Lima <phone>"),
        ("Telef.: 571199, 571102 / 571161", "Telef.: <phone>, <phone> / <phone>"),
        ("Oficina 103 - Lima (01)- 2992225, Ucayali (061) - 58 6120", "Oficina 103 - Lima <phone>, Ucayali <phone>"),
        (
            "llame al (011) 4321-1234, al 0414-123.45.67 o al (11) 98765-4321",
            "llame al <phone>, al <phone> o al <phone>",
        ),
    ],
)
def test_contact_details_are_replaced_by_their_kind(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "number",
    [
        # Spain: DNI, NIE, CIF as the Ministerio del Interior and the Agencia Tributaria print them
        "12345678Z", "12.345.678-Z", "12345678 Z", "12.345.678 Z", "X-1234567-L", "X1234567L", "A58818501",
        "ESA58818501",
        # Argentina, Chile, Mexico
        "20-12345678-6", "20123456786", "12.345.678-5", "12345678-5", "HEGG560427MVZRRL04", "GODE561231GR8",
        # Brazil, Peru, Colombia, Uruguay, United States
        "111.444.777-35", "11144477735", "16.727.230/0001-97", "20100047218", "800.197.268-4", "1.234.567-2",
        "536-90-4399",
    ],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["Vino {} ayer.", "({})", "«{}», y", "\n- {}\n", "uno, {}, dos"])
def test_identity_numbers_with_check_digits_need_no_word(number: str, frame: str) -> None:
    assert redacted(frame.format(number)) == frame.format("<national_id>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DNI 30.123.456", "DNI <national_id>"),
        ("identificado con DNI N° 45678912, con domicilio", "identificado con DNI N° <national_id>, con domicilio"),
        ("DNI: 45678912, 45678913 y 45678914.", "DNI: <national_id>, <national_id> y <national_id>."),
        ("cédula de ciudadanía 1.020.345.678", "cédula de ciudadanía <national_id>"),
        ("C.C. 79345678 de Bogotá", "C.C. <national_id> de Bogotá"),
        ("SSN 536904399", "SSN <national_id>"),
        ("RUT: 123456785", "RUT: <national_id>"),
        ("con DNI 12345678 y RUC 20100047218", "con DNI <national_id> y RUC <national_id>"),
        ("DNI 12345678A, mal copiado", "DNI <national_id>, mal copiado"),
    ],
)
def test_numbers_without_check_digits_are_known_by_the_word_before_them(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111 1111 1111 1111 and 378282246310005", "<credit_card> and <credit_card>"),
        ("IBAN ES91 2100 0418 4502 0005 1332.", "IBAN <bank_account>."),
        ("GB29NWBK60161331926819", "<bank_account>"),
        ("CBU 2850590940090418135201", "CBU <bank_account>"),
        ("032180000118359719", "<bank_account>"),
        ("2100 0418 45 0200051332", "<bank_account>"),
    ],
)
def test_cards_and_accounts_are_replaced(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ana:S3cr3to-9@db.sur.net/x", "postgresql://<url_credentials>@db.sur.net/x"),
        ("https://sur.net/a?token=Zx81kQpl0a&b=1", "https://sur.net/a?token=<url_credentials>&b=1"),
        ("key AKIA2OGYBAH6STMQ4ZLX", "key <secret>"),
        ("ghp_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA3bC5", "<secret>"),
        ("AIza" + "SyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1v", "<secret>"),
        ('api_key = "9f86d081884c7d659a2feaa0c55ad015"', 'api_key = "<secret>"'),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AWS_SECRET_ACCESS_KEY=<secret>"),
        ("contraseña: Tr4moya!Gris", "contraseña: <secret>"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB+Rb\n-----END EC PRIVATE KEY-----\nfin", "<secret>\nfin"),
    ],
)
def test_credentials_are_replaced(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "user@example.com, me@host.test and git@github.com:owner/repo",
        "@functools.wraps(f) and a@b, x @ y.T",
        "127.0.0.1, 192.168.1.17, 10.1.1.72, 192.0.2.1, 8.8.8.8, 0.0.0.0",
        "version 1.2.3.4, section 3.1.4.1, 256.300.1.2, 10.0.19041.1",
        "x[::2], a::b, 12:34:56, 2001:db8::1, std::vector, fe80::1",
        "ISBN 978-3-16-148410-0, DOI 10.1145/3292500.3330701, 2020-01-31, 31/12/1999",
        "[612 345 678 901 234]",
        "00 34 93 56 72 28 0a ff",
        "612 345 678 901",
        "array([[ 621, 735, 891]])",
        "1 + 1.88679245283019*I*pi and x + 0.160249952256379*y",
        "+1.23456789012 +2147483647 -2147483648 1e+10 0.612345678",
        "pi = 3.14159 26535 89793, 1 000 000 000, 915-33-1",
        "RFC 2606, ISO 8601, port 8080, 2**31-1 = 2147483647",
        "Ley N° 29571, Decreto Supremo 004-2019-JUS, Resolución 123-2020-SUNAT/700000, Expediente 01234567",
        "S/ 12 345 678,90; US$ 1.234.567; 45.678.912 habitantes; el 12.03.2001 y el 31-12-1999",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b, 550e8400-e29b-41d4-a716-446655440000",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "https://user:password@host/x, http://{user}:{password}@host, ?token=$TOKEN&key=value",
        'password="changeme", token = tokenizer.decode(ids[0]), secret_key=os.environ["KEY1"]',
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "9007199254740993, 4611686018427387904, 1234567890123456, 1700000000000",
        "DNI 2023",
    ],
)
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    assert redacted(text) == text


def test_only_the_kinds_that_the_recipe_names_are_replaced() -> None:
    step = Redact(PersonalData(kinds=("phone",)))
    assert step.redact("ann@mail.es +34 612 345 678") == ("ann@mail.es <phone>", {"phone": 1})


def test_only_the_countries_that_the_recipe_names_are_known() -> None:
    step = Redact(PersonalData(countries=("br",)))
    assert step.redact("12345678Z y 111.444.777-35")[0] == "12345678Z y <national_id>"


def test_matches_are_in_order_and_apart() -> None:
    text = "Ana: DNI 12345678Z, ana@correo.es, tel. 612 345 678, ES9121000418450200051332; https://a:S3cr3to-9@b.es/"
    matches = Detector(PersonalData()).find(text)
    assert [match.kind for match in matches] == ["national_id", "email", "phone", "bank_account", "url_credentials"]
    assert all(one.end <= other.start for one, other in pairwise(matches))


@pytest.mark.parametrize(
    "piece",
    [
        "1 ", "1 (", "12.345.678-", "@", "a@", "2001:", "1.1.1.1.", "http://a:b@", "api_key=a1B2", "0034 ",
        "-----BEGIN PRIVATE KEY-----\n", "Tel. 612345678 / ", "eyJaaaaaaaaaa.", "ES12 ", "a [at] ", "D. N. ",
        "a@a@", "a@\n", " @ ", "a&#64;", "a arroba ", "1",
        "1\n", "1/", "1'", ". ", "٣", "612 345 678 fax ", "ref. 1/2, ",
        "ES91 2100\n", "V 1.250.000 ", "Tel. 612\n",
    ],
)  # fmt: skip
def test_time_grows_with_the_length_of_a_text_and_not_with_its_square(piece: str) -> None:
    detector = Detector(PersonalData())

    def seconds(length: int) -> float:
        text, times = piece * (length // len(piece)), list[float]()
        for _ in range(3):  # the least: a collection of garbage in the middle took a second once
            start = time.process_time()
            detector.find(text)
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(40_000) < 8 * seconds(10_000) + 0.05  # sixteen times, if it were the square


def test_a_key_that_is_cut_off_is_taken_as_far_as_it_goes() -> None:
    body = "MHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk5OkMSFfVkjf9NoAoGCCqGSM49"
    assert redacted(f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n{body}\nY luego.") == "<secret>\nY luego."
