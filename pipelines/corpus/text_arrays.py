"""The words of many texts at once, as arrays: their starts, ends and 64-bit hashes.

Python's strings cost a microsecond a word; arrays cost some nanoseconds a character, whatever the alphabet. So the
texts of a batch are joined into one array of code points, tables classify each of them, and the hash of any range is a
difference of two prefix sums (a polynomial of the characters, modulo 2⁶⁴; Karp & Rabin 1987). A hash depends on the
characters of the range alone: not on the batch, the process or the machine.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Positions = NDArray[np.int64]

WORD, LETTER, SPACE, SYMBOL, TERMINAL, DIGIT, JOINS_WORDS, JOINS_DIGITS = (1 << bit for bit in range(8))
"""Flags of a character's kind; see `_kinds`."""

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_KEPT_POWERS = 1 << 20
_CODES = 0x33480
"""Code points in the tables; beyond are only variation selectors, tags and private use, treated as one."""
_PROSE = " \t\n\r\x0b\x0c.,;:!?'\"()[]-%/&¡¿’‘“”«»–—…"
"""Signs that prose uses: all others are symbols."""
_MINUS = "-\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"
"""Characters typed for a minus sign; the em dash is not one of them: it opens direct speech."""
_SENTENCE_ENDS = ".!?…‼‽⁇⁈⁉。！？｡．؟۔।॥։።။៕"


class Characters:
    """The texts of a batch, joined into one array, each followed by a line end."""

    def __init__(self, texts: Sequence[str]):
        joined = "\n".join([*texts, ""])
        codes = np.frombuffer(joined.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
        self.codes = codes if joined.isascii() else np.minimum(codes, _CODES - 1, dtype=np.uint32)
        self.starts = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1, out=self.starts[1:])
        self.kinds = np.take(_kinds(), self.codes, mode="clip")

    def hasher(self, fold: bool) -> SpanHasher:
        """Return a hasher of ranges; with `fold`, upper and lower case are the same."""
        return SpanHasher(_values(fold)[self.codes])

    def text_of(self, positions: Positions) -> Positions:
        """Return the number of the text that each of these (ascending) positions lies in."""
        ends = np.searchsorted(positions, self.starts[1:])
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(ends, prepend=0))


class SpanHasher:
    """Hashes of ranges of a sequence of 64-bit values."""

    def __init__(self, values: Hashes):
        self._powers, self._inverses = _powers(len(values))
        self._sums = np.zeros(len(values) + 1, dtype=np.uint64)
        np.cumsum(values * self._powers[: len(values)], out=self._sums[1:])

    def __call__(self, starts: Positions, ends: Positions) -> Hashes:
        """Hash each range from a start to its end."""
        return mixed((self._sums[ends] - self._sums[starts]) * self._inverses[starts])


def words(characters: Characters) -> tuple[Positions, Positions]:
    """Return (starts, ends) of the words: runs of letters, digits, combining marks and underscores."""
    inside = np.zeros(len(characters.kinds) + 2, dtype=np.int8)
    inside[1:-1] = characters.kinds & WORD
    steps = np.diff(inside)
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def words_and_signs(characters: Characters) -> tuple[Positions, Positions]:
    """Return (starts, ends) of the words, and of the signs that change a text's meaning.

    Such signs are those of mathematics (+ < > = ≤ ≠ × ÷ …), currencies, % and ‰, and ^: a run of them is one, unless it
    opens or ends its line (a quotation mark of mail, a rule under a heading) with no digit next to it. A hyphen or
    short dash counts as a minus sign where a digit follows and no word precedes: `-5`, `(–5)`, `-$5`, but not `10-15`.
    All other signs are punctuation, in which two editions of one text differ: full stops, commas, quotation marks,
    question and exclamation marks, dashes, brackets, bullets, the bars of tables."""
    inside = np.zeros(len(characters.kinds) + 2, dtype=np.uint8)
    inside[1:-1] = characters.kinds & WORD
    others = np.flatnonzero((characters.kinds & (WORD | SPACE)) == 0)
    marks = _sign_kinds()[characters.codes[others]]
    inside[1 + _signs_that_count(characters, others[marks == _SIGN])] = WORD + _SIGN
    inside[1 + _minus_signs(characters, others[marks == _DASH])] = WORD + _DASH
    changes = inside[1:] != inside[:-1]
    return np.flatnonzero(changes & (inside[1:] != 0)), np.flatnonzero(changes & (inside[:-1] != 0))


def _signs_that_count(characters: Characters, signs: Positions) -> Positions:
    """Select the signs whose run has a digit next to it, or stands inside a line."""
    opens = np.flatnonzero(np.diff(signs, prepend=-2) != 1)
    starts, sizes = signs[opens], np.diff(opens, append=len(signs))
    sides = _beside(characters, starts, -1) | _beside(characters, starts + sizes - 1, 1)
    kept: Positions = signs[np.repeat(((sides & DIGIT) != 0) | ((sides & SPACE) == 0), sizes)]
    return kept


def _minus_signs(characters: Characters, dashes: Positions) -> Positions:
    """Select the dashes that are minus signs. U+2212 may also stand before a letter, or before a blank and a digit."""
    codes, kinds = characters.codes, characters.kinds
    before = np.where(dashes > 0, kinds[dashes - 1], SPACE)
    joined = ((before & WORD) != 0) | ((dashes > 0) & (_sign_kinds()[codes[dashes - 1]] == _DASH))
    currency = _sign_kinds()[codes[dashes + 1]] == _SIGN
    after = np.take(kinds, dashes + 1 + currency, mode="clip")
    alone = (_beside(characters, dashes, 1) & DIGIT) & ~(_beside(characters, dashes, -1) & DIGIT)
    true = (codes[dashes] == 0x2212) & (((after & WORD) != 0) | (alone != 0))
    kept: Positions = dashes[~joined & (((after & DIGIT) != 0) | true)]
    return kept


def _beside(characters: Characters, places: Positions, step: int) -> NDArray[np.uint8]:
    """Return the kind of the character before (step -1) or after (1) each of these, on the same line, at most one blank
    away; SPACE if there is none."""
    codes, kinds = characters.codes, characters.kinds
    near = np.where(places + step < 0, len(kinds) - 1, places + step)  # the last character is a line end
    blank = ((kinds[near] & SPACE) != 0) & (codes[near] != ord("\n")) & (near + step >= 0)
    return kinds[np.where(blank, near + step, near)]


def tokens(characters: Characters) -> tuple[Positions, Positions]:
    """Return (starts, ends) of words and signs. A word may hold apostrophes and points (don't, D.S., 3.14), and next to
    a digit commas, slashes, hyphens and colons (1,000, 2008/09, 012-PCM); a sign is a run of the same character (—,
    ..., ===). spaCy's tokenizers do the same, apart from their lists of abbreviations and of endings (do|n't)."""
    codes, kinds = characters.codes, characters.kinds
    inside = (kinds & WORD) != 0
    signs = np.flatnonzero((kinds & (JOINS_WORDS | JOINS_DIGITS)) != 0)  # never the last character, a line end
    before, here, after = kinds[signs - 1], kinds[signs], kinds[signs + 1]
    joins = ((here & JOINS_WORDS) != 0) | (((before | after) & DIGIT) != 0)
    inside[signs[joins & ((before & after & WORD) != 0)]] = True
    solid = inside | ((kinds & SPACE) == 0)
    sign = solid & ~inside
    # Comparing whole arrays takes a tenth of the time of choosing among elements (`np.where`, or a mask as index).
    changes = np.ones(len(kinds) + 1, dtype=bool)
    changes[1:-1] = (inside[1:] != inside[:-1]) | (solid[1:] != solid[:-1])
    changes[1:-1] |= sign[1:] & sign[:-1] & (codes[1:] != codes[:-1])
    return np.flatnonzero(changes[:-1] & solid), np.flatnonzero(changes[1:] & solid) + 1


def hash_word(word: str) -> int:
    """Hash one word as `Characters([word]).hasher(fold=False)` hashes the whole of it."""
    hasher = Characters([word]).hasher(fold=False)
    return int(hasher(np.array([0]), np.array([len(word)]))[0])


def mixed(hashes: Hashes) -> Hashes:
    """Spread differences over all 64 bits (the finalizer of MurmurHash3, Appleby 2011)."""
    hashes = hashes ^ (hashes >> np.uint64(33))
    hashes *= np.uint64(0xFF51AFD7ED558CCD)
    hashes ^= hashes >> np.uint64(33)
    hashes *= np.uint64(0xC4CEB9FE1A85EC53)
    hashes ^= hashes >> np.uint64(33)
    return hashes


def _powers(count: int) -> tuple[Hashes, Hashes]:
    """Return the powers of the base and of its inverse, from 0 to `count`; cached unless they are very many."""
    return _powers_up_to(_KEPT_POWERS) if count < _KEPT_POWERS else _powers_up_to.__wrapped__(count + 1)


@cache
def _powers_up_to(count: int) -> tuple[Hashes, Hashes]:
    def powers(base: int) -> Hashes:
        factors = np.full(count, base, dtype=np.uint64)
        factors[0] = 1
        return np.cumprod(factors)

    return powers(_BASE), powers(_INVERSE)


@cache
def _characters() -> str:
    return np.arange(_CODES, dtype="<u4").tobytes().decode("utf-32-le", errors="surrogatepass")


@cache
def _kinds() -> NDArray[np.uint8]:
    """Flag each code point: WORD (as `\\w` of `re`, and combining marks), LETTER, SPACE, SYMBOL (neither of these nor a
    sign of prose), TERMINAL (ends a sentence), DIGIT, and the signs that a word may hold; see `tokens`."""
    kinds = np.zeros(_CODES, dtype=np.uint8)

    def mark(pattern: str, kind: int) -> None:
        for match in re.finditer(pattern, _characters()):
            kinds[match.start() : match.end()] |= np.uint8(kind)

    mark(r"\w+", WORD)
    mark(r"[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u064b-\u0652\u0900-\u0903\u093a-\u094f\u0e31-\u0e4e]+", WORD)
    mark(r"[^\W\d_]+", LETTER)
    mark(r"\s+", SPACE)
    mark(r"\d+", DIGIT)
    for signs, kind in ((_SENTENCE_ENDS, TERMINAL), ("'’.", JOINS_WORDS), (",/-:", JOINS_DIGITS)):
        kinds[[ord(sign) for sign in signs]] |= np.uint8(kind)
    symbols = (kinds & (WORD | SPACE)) == 0
    symbols[[ord(sign) for sign in _PROSE]] = False
    symbols[ord("_")] = True
    kinds[symbols] |= np.uint8(SYMBOL)
    return kinds


_SIGN, _DASH = 1, 2
_MORE_SIGNS = "%‰‱﹪％^＾"
"""Signs that count in addition to those that Unicode calls mathematical (Sm) or currencies (Sc)."""


@cache
def _sign_kinds() -> NDArray[np.uint8]:
    """Classify each code point: _SIGN, a sign that counts; _DASH, one that may be a minus sign; or 0. See
    `words_and_signs`."""
    kinds = np.zeros(_CODES, dtype=np.uint8)
    for code in np.flatnonzero((_kinds() & LETTER) == 0).tolist():
        if unicodedata.category(chr(code)) in ("Sm", "Sc"):
            kinds[code] = _SIGN
    kinds[[ord(sign) for sign in _MORE_SIGNS]] = _SIGN
    kinds[[ord(sign) for sign in "|∣⁄"]] = 0  # bars of tables, and the fraction slash, which others type as /
    kinds[[ord(sign) for sign in _MINUS]] = _DASH
    return kinds


@cache
def _values(fold: bool) -> Hashes:
    """Give each code point a 64-bit value other than 0. With `fold`, letters of both cases have the same value, and so
    have the variants of a sign."""
    codes = np.arange(_CODES, dtype=np.uint64)
    if fold:
        lower = _characters().replace("İ", "i").lower()  # İ stays: in lower case it is two characters
        codes = np.frombuffer(lower.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32).astype(np.uint64)
        codes[ord("İ")] = ord("İ")
        for code in np.flatnonzero(_sign_kinds() == _SIGN).tolist():
            if len(plain := unicodedata.normalize("NFKC", chr(code))) == 1:  # full width, small, …
                codes[code] = ord(plain)
        codes[[ord(sign) for sign in _MINUS]] = ord("-")
    return mixed(codes + np.uint64(0x2545F4914F6CDD1D)) | np.uint64(1)
