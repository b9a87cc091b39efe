"""E-mail addresses are found wherever they stand and however they are broken; code and mentions stay."""

from __future__ import annotations

import pytest

from desdecero.pipelines.corpus.privacy.redaction import Redact
from desdecero.pipelines.recipe import PersonalData

REDACT = Redact(PersonalData(kinds=("email",)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eva@mar.com.uy(oficina) y b@rio.org[3]", "<email>(oficina) y <email>[3]"),
        ("eva@mar.uy/b@rio.org/c@lago.cl", "<email>/<email>/<email>"),
        ("e-mail:eva@mar.uy;b@rio.org", "e-mail:<email>;<email>"),
        ("correo: eva at mar dot uy", "correo: <email>"),
        ("eva punto sosa at mar punto com punto uy", "<email>"),
        ("EVA ARROBA MAR.UY", "<email>"),
        ("eva(@)mar.uy", "<email>"),
        ("escribe a eva @mar.uy hoy", "escribe a <email> hoy"),
        ("eva.sosa @mar.uy", "<email>"),
        ("contacto: eva\n@mar.uy", "contacto: <email>"),
        ("gracias @mar.uy", "gracias @mar.uy"),
        ("the meeting at Google dot com", "the meeting at Google dot com"),
        ("look at the dot com boom", "look at the dot com boom"),
        ("[Eva](mailto:eva@mar.uy?subject=Hola)", "[Eva](mailto:<email>?subject=Hola)"),
        ("[eva@mar.uy](mailto:eva@mar.uy)", "[<email>](mailto:<email>)"),
        ("**eva@mar.uy** y `b@rio.org`", "**<email>** y `<email>`"),
        ("(__eva@mar.uy__)", "(<email>__)"),
        ("eva@mar.uy<br>b@rio.org", "<email><br><email>"),
        ("eva.sosa@\nmar.uy hoy", "<email> hoy"),
        ("eva.sosa@mar.\nuy hoy", "<email> hoy"),
        ("eva.sosa@mar.com.\nuy hoy", "<email> hoy"),
        ("eva.sosa@costa-\nmar.uy", "<email>"),
        ("eva.so-\nsa@mar.uy", "<email>"),
        ("correo: eva.\nsosa@mar.uy", "correo: <email>"),
        ("Hoy vino Eva.\nsosa@mar.uy", "Hoy vino Eva.\n<email>"),
        ("eva@mar.uy\nMañana", "<email>\nMañana"),
        ("eva@ mar.uy, eva @ mar.uy", "<email>, <email>"),
        ("eva arroba mar.uy, eva arroba mar punto uy", "<email>, <email>"),
        ("eva (at) mar.uy; eva{at}mar.uy; eva [at] mar (dot) uy", "<email>; <email>; <email>"),
        ("eva&#64;mar.uy eva&commat;mar&period;uy eva&#x40;mar.uy", "<email> <email> <email>"),
        ("eva＠mar.uy", "<email>"),
        ("mailto:eva%40mar.uy", "mailto:<email>"),
        ("eva AT mar DOT uy", "<email>"),
    ],
)
def test_addresses_are_found(text: str, expected: str) -> None:
    assert REDACT.redact(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "x@w.T(1), q@k.transpose(0), a@np.array([1])",
        "y = x @ self.is + a @ b.to",
        "https://eva@mar.uy/x y https://sitio.com/@eva",
        "@eva en la red; nos vemos @ las seis",
        "guardia@mar\nServicio de playa",
        "pesa una arroba y media; look at python.org",
        "react@16.0.0/umd, git@rio.org:a/b",
        "Av. Sur 810 @ www.mar.uy",
    ],
)
def test_what_only_has_the_sign_stays(text: str) -> None:
    assert REDACT.redact(text)[0] == text
