"""The older Western encoding of a text, recognized by how its characters beyond ASCII decode.

Each reading is scored: an accented letter within a word is likely, most of all one that Spanish has; a quote at the end
of a word too; a sign in the middle of a word is not. The reading with the most likely characters is chosen,
Windows-1252 if the others are not clearly better. (Of 82 Spanish novels in Windows-1252, MacRoman and code page 850,
whole and in pieces: see `docs/corpus.md`.)
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable

SAMPLE = 20_000
"""Bytes of a text that are judged, from all over it."""
_BEYOND = re.compile(rb"[\x80-\xff]+(?:[\x00-\x7f]{1,6}[\x80-\xff]+)*")
_RULES = re.compile(rb"([\x80-\xff])\1{2,}")
"""One sign many times over: a drawn line, not letters."""
_AROUND = 3
"""Bytes before and after such characters that are judged with them."""
_ASCII_LETTERS = [letter.encode() for letter in string.ascii_letters]

_LOWER = "áéíóúüñçàèìòùâêîôûäëïöãõåøæœßýÿšž"
_UPPER = _LOWER.replace("ß", "").upper()
_WORD = f"A-Za-z{_LOWER}{_UPPER}"
_PLACES = re.compile(
    rf"(?P<home>(?<=[{_WORD}])[{_LOWER}](?![A-Z])|[{_LOWER}](?=[a-z{_LOWER}])"  # in a word
    rf"|(?<![a-z{_LOWER}])[{_UPPER}](?=[{_WORD}\s.,])|(?<=[A-Z])[{_UPPER}]"  # no capital behind a small letter
    rf"|(?<=\s)[áéíóúàèêôyâ](?=[\s,.;])"  # words of one letter
    rf"|(?<![{_WORD}])[¿¡«“‘’„](?=[{_WORD}\s¿¡«“‘\d.(—–…])"
    rf"|(?<=[{_WORD}\d\s.,;:!?)\]…”»’%—–])[»”’…](?![{_LOWER}])"
    rf"|(?<=[A-Za-z])[’·](?=[{_WORD}])|(?<![a-z])[–—]|[–—](?![a-z])|(?<=[\dnNº.])[ºª°](?![{_LOWER}])"
    rf"|(?<=\d)€|(?<=\d[\s\xa0])€|€(?=[\s\xa0]?\d))"
    rf"|(?P<symbol>[´\xa0–—]|(?<![{_WORD}])[^\x00-\x7f{_WORD}¿¡«»“”‘’„…–—](?![{_WORD}]))"
    rf"|(?P<strange>[^\x00-\x7f])"
)
"""Places of characters beyond ASCII in Western writing; a free-standing symbol is no evidence either way."""

_LIKELY = (
    dict.fromkeys(_UPPER, -5.0) | dict.fromkeys(_LOWER, -3.0) | dict.fromkeys("ÁÉÍÓÚÑ", -3.5)
    | dict.fromkeys("ü¿¡«»“”‘—–…ºªàèçãõäößâêô€", -2.5) | dict.fromkeys("áéíóúñ’", -1.0)
)  # fmt: skip
_AT_HOME, _STRANGE = -4.0, -7.0
_SYMBOLS = dict.fromkeys("€£©®°·§\xa0º•™´", -3.0) | dict.fromkeys("–—", -1.5)
_SYMBOL = -5.0
"""Logarithms of how likely a character is, roughly: set by hand, and measured (`docs/corpus.md`)."""
PRIOR = {"windows-1252": 0.0, "iso8859-15": -1.0, "cp850": -3.0, "mac_roman": -3.0, "cp858": -4.0, "cp437": -4.0}
"""The encodings that are distinguished, and the logarithm of how likely each is before the text is seen."""
DOUBTFUL, SURE = 5.0, 9.0
"""Margin by which another encoding than the file's must be likelier for a line: one accented letter against a sign in
the middle of a word; two of them."""


def sample(pieces: Iterable[bytes]) -> bytes:
    """Collect the surroundings of the characters beyond ASCII of a text's pieces (its lines, or all of it).

    Every second place is left out, repeatedly, until they are few enough.
    """
    kept: list[bytes] = []
    stride, size, number = 1, 0, 0
    for piece in pieces:
        piece = _RULES.sub(b" ", piece)
        for match in _BEYOND.finditer(piece):
            number += 1
            if number % stride:
                continue
            kept.append(piece[max(0, match.start() - _AROUND) : match.end() + _AROUND])
            size += len(kept[-1])
            if size > SAMPLE:
                kept, stride = kept[1::2], stride * 2
                size = sum(map(len, kept))
    return b"\n".join(kept)


def recognize(text: bytes) -> str | None:
    """Return the encoding of a sample, by Python's name; None if it makes no sense in any of these.

    None is for a text with twenty or more characters beyond ASCII of which less than 70% are in their place in the best
    reading, or which outnumber its other letters. In the declaration of human rights in 18 languages, the lowest share
    in the right reading is 87%, in Guaraní.
    """
    readings = {encoding: Reading(text, encoding) for encoding in PRIOR}
    best = max(PRIOR, key=lambda encoding: readings[encoding].likelihood)
    beyond = _count(text)
    if beyond >= 20 and (readings[best].at_home < 0.7 or beyond > sum(map(text.count, _ASCII_LETTERS))):
        return None
    return best


class Reading:
    """A text's characters beyond ASCII, decoded in one encoding and scored."""

    def __init__(self, text: bytes, encoding: str):
        found = Counter((match.lastgroup, match[0]) for match in _PLACES.finditer(read(text, encoding)))
        places = Counter[str | None]()
        self.weight = 0.0
        for (place, character), count in found.items():
            places[place] += count
            self.weight += count * _weight(place, character)
        self.likelihood = PRIOR[encoding] + self.weight
        """Logarithm, for comparing readings."""
        self.at_home = places["home"] / max(1, places["home"] + places["strange"])
        """Share of the characters that stand where Western writing has them; free-standing symbols apart."""
        self.is_odd = places["strange"] > places["home"]


def _weight(place: str | None, character: str) -> float:
    if place == "home":
        return _LIKELY.get(character, _AT_HOME)
    return _SYMBOLS.get(character, _SYMBOL) if place == "symbol" else _STRANGE


def recognize_line(line: bytes, expected: str | None, strict: bool) -> str | None:
    """Return the encoding of a line of a file with several encodings: the expected one, unless another is surely right.

    None if another one may be right.
    strict: no other may be, because the file is in UTF-8, and its damage is not another encoding.
    """
    text = sample([line])
    if expected and not (reading := Reading(text, expected)).is_odd:
        return expected
    readings = {encoding: Reading(text, encoding) for encoding in PRIOR}
    best = max(PRIOR, key=lambda encoding: readings[encoding].likelihood)
    better = readings[best].weight - (reading.weight if expected else _STRANGE * _count(text))
    if strict and readings[best].is_odd:
        return None
    if expected and better < DOUBTFUL:
        return None if strict else expected
    return best if readings[best].at_home >= 0.9 and better >= SURE else None


def name(data: bytes, encoding: str) -> str:
    """Name the encoding that `read` used for the data."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return "latin-1"
    return encoding


def read(data: bytes, encoding: str) -> str:
    """Decode the text in one of these encodings; the five bytes undefined in Windows-1252 as in Latin-1."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _count(data: bytes) -> int:
    return len(data) - len(data.translate(None, bytes(range(128, 256))))
