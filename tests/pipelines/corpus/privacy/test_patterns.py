"""Personal data goes, numbers that only look like it stay."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pipelines.corpus.privacy.patterns import redact

KINDS = ("email", "ip", "phone")
DATA = os.environ.get("DESDECERO_DATA")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to Ann <ann.oneil+x@mail.uni-sur.es>.", "Write to Ann <<email>>."),
        ("mail: josé_1@correo.com.pe,", "mail: <email>,"),
        ("from 81.2.69.142 at noon", "from <ip> at noon"),
        ("2a02:9130:80:1::17 and [2001:4860:4801::1a]:80", "<ip> and [<ip>]:80"),
        ("Call (212) 555-0187 or 415-555-2671x12.", "Call <phone> or <phone>."),
        ("+34 612 345 678 / +5491143211234", "<phone> / <phone>"),
        ("móvil 612 34 56 78; fijo 914 567 890", "móvil <phone>; fijo <phone>"),
        ("Tel.: 4321-1234. WhatsApp: 55 1234 5678", "Tel.: <phone>. WhatsApp: <phone>"),
        ("Telfs.: 918823884 / 918823984 / 619128686.", "Telfs.: <phone> / <phone> / <phone>."),
        ("0034 93 567 22 28", "<phone>"),
    ],
)
def test_personal_data_is_replaced_by_its_type(text: str, expected: str) -> None:
    assert redact(text, KINDS)[0] == expected


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
    ],
)
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    assert redact(text, KINDS) == (text, {"email": 0, "ip": 0, "phone": 0})


def test_only_the_kinds_that_the_recipe_names_are_replaced() -> None:
    assert redact("ann@mail.es +34 612 345 678", ("phone",)) == ("ann@mail.es <phone>", {"phone": 1})


@pytest.mark.skipif(not DATA, reason="DESDECERO_DATA is not set")
def test_recall_on_spanish_clinical_cases() -> None:
    """MEDDOCAN (Marimon et al. 2019): synthetic personal data, marked by hand, in 750 cases."""
    found = {"email": 0, "phone": 0}
    total = dict(found)
    for path in sorted(Path(str(DATA), "pii", "meddocan").rglob("*.ann")):
        left = redact(path.with_suffix(".txt").read_text(encoding="utf-8"), KINDS)[0]
        for label, text in re.findall(r"^T\d+\t(\w+) [^\t]*\t(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            kind = {"CORREO_ELECTRONICO": "email", "NUMERO_TELEFONO": "phone", "NUMERO_FAX": "phone"}.get(label)
            if kind:
                total[kind] += 1
                found[kind] += text not in left
    assert total["email"] > 600 and total["phone"] > 80
    assert found["email"] / total["email"] > 0.98
    assert found["phone"] / total["phone"] > 0.95
