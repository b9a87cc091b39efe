"""Bytes of every kind become text, or are refused as none."""

from __future__ import annotations

import random

import pytest

from pipelines.corpus.sources.decoding import Undecodable, decode

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
