"""Bytes of every kind become text, or are refused as none."""

from __future__ import annotations

import random

import pytest

from desdecero.pipelines.corpus.sources.decoding import Undecodable, declared_encoding, decode

SPANISH = "El niño comió piñas en la montaña, ¿verdad? Sí, señor: ¡cómo no!\n" * 20


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252", "latin-1"])
def test_spanish_is_read_in_the_encodings_it_is_written_in(encoding: str) -> None:
    assert decode(SPANISH.encode(encoding))[0] == SPANISH


def test_windows_quotes_are_read_and_the_encoding_named() -> None:
    assert decode("“comillas” y 5 € — así".encode("windows-1252")) == ("“comillas” y 5 € — así", "windows-1252")


def test_bytes_that_windows_leaves_open_are_latin_1() -> None:
    assert decode(b"ni\xf1o \x81 a\xf1o")[1] == "latin-1"


def test_one_damaged_byte_does_not_spoil_the_accents_of_a_whole_file() -> None:
    text, encoding = decode(SPANISH.encode() + b" \xff " + SPANISH.encode())
    assert encoding == "utf-8" and text.count("\ufffd") == 1 and "montaña" in text


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes_are_no_text(seed: int) -> None:
    with pytest.raises(Undecodable):
        decode(random.Random(seed).randbytes(5000))


def test_a_stray_nul_in_long_text_is_no_reason_to_refuse_it() -> None:
    assert decode(SPANISH.encode() + b"\0")[0].startswith("El niño")


WESTERN = (
    "El niño comió piñas; «¿dónde está él?», dijo la tía.", "L’été à l’œuvre, où ça; «déjà».",
    "A niña não pôde; a mãe também vê três corações.", "Das Mädchen aß süße Brötchen über Öfen.",
)  # fmt: skip


@pytest.mark.parametrize("encoding", ["windows-1252", "mac_roman", "cp850"])
@pytest.mark.parametrize("text", WESTERN)
def test_older_encodings_are_told_apart_by_what_makes_words(text: str, encoding: str) -> None:
    data = text.encode(encoding, errors="ignore")  # code page 850 has no typographic quotes
    assert decode(data) == (data.decode(encoding), encoding)


def test_english_with_typographic_quotes_and_dashes_stays_windows() -> None:
    text = "“Don’t,” she said—quietly—“he isn’t here.” The dogs’ bowl—empty—stood there… ‘Well—now,’ he’d say. £5."
    assert decode(text.encode("windows-1252")) == (text, "windows-1252")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_known_without_their_marks_or_by_them(encoding: str) -> None:
    assert decode(SPANISH.encode(encoding))[0] == SPANISH


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Все люди рождаются свободными и равными. ", "windows-1251"), ("Все люди рождаются свободными. ", "koi8-r"),
        ("Wszyscy ludzie rodzą się wolni i równi pod względem swej godności. ", "iso8859-2"),
        ("人人生而自由，在尊严和权利上一律平等。", "gb18030"),
        ("すべての人間は、生れながらにして自由である。", "shift_jis"),
    ],
)  # fmt: skip
def test_what_is_not_western_is_refused_and_read_when_declared(text: str, encoding: str) -> None:
    data = (text * 9).encode(encoding)
    with pytest.raises(Undecodable, match="neither UTF-8 nor of the West"):
        decode(data)
    assert decode(data, declared=encoding)[0] == text * 9


@pytest.mark.parametrize("declared", ["rot13", "hex", "utf-7", "unicode_escape", "idna", "no such", "utf-8", None])
def test_a_declaration_that_cannot_be_true_is_passed_over(declared: str | None) -> None:
    assert decode(SPANISH.encode("latin-1"), declared) == (SPANISH, "windows-1252")


def test_a_line_pasted_in_from_another_encoding_is_mended() -> None:
    assert decode(SPANISH.encode() + "mañana, sí".encode("latin-1"))[0].endswith("mañana, sí")


def test_declarations_are_found_in_html_and_xml() -> None:
    assert declared_encoding(b'<?xml version="1.0" encoding="ISO-8859-1"?>') == "ISO-8859-1"
    assert declared_encoding(b'<meta http-equiv="Content-Type" content=\n"text/html; charset=windows-1251">') == (
        "windows-1251"
    )
    assert declared_encoding(b"<p>charset=x</p>") is None
