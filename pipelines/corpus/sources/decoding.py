"""Bytes to text: UTF-8 where it is UTF-8, Windows-1252 or Latin-1 where it is not, a refusal where it is no text."""

from __future__ import annotations

import codecs

MAX_RECORD_BYTES = 64 * 2**20
"""A longer record is data, not a document (the Bible has 4 MB), and would not fit a worker's memory many times."""

_SAMPLE = 64 * 1024
_CONTROLS = bytes(sorted(set(range(32)) - set(b"\t\n\r\f\x1b")))


class Undecodable(ValueError):
    """The bytes are not text; the message is the reason, ready for a quarantine."""


def decode(data: bytes) -> tuple[str, str]:
    """Return (text, encoding).

    A byte order mark is believed. Else UTF-8 is, and where it has damaged spots but most of its characters
    beyond ASCII are whole, the spots become U+FFFD: to read such a file as Latin-1 would spoil every accent in it.
    Only then Windows-1252, and Latin-1 for the five bytes that Windows-1252 leaves open.

    Raises `Undecodable` for binary data.
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    ):  # fmt: skip
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), encoding
    if is_binary(data):
        raise Undecodable("binary data, not text")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    whole = sum(character > "\x7f" for character in text) - damaged
    if whole > damaged:
        return text, "utf-8"
    try:
        return data.decode("windows-1252"), "windows-1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def is_binary(data: bytes) -> bool:
    """Over 1% of control characters: text has hardly any, random bytes have 10%, and machine formats NULs."""
    sample = data[:_SAMPLE]
    return len(sample) - len(sample.translate(None, _CONTROLS)) > len(sample) / 100
