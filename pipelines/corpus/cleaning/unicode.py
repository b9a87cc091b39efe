"""Unicode repair and normalization: the same text always ends as the same characters.

In this order: wrongly decoded text is repaired (ftfy: "Ã±" → "ñ"), characters take their composed form (NFC), and line
ends, blanks and invisible characters their plain one. Typographic quotes, dashes, HTML entities and indentation stay:
they belong to the writing.
"""

from __future__ import annotations

import re
import unicodedata

import ftfy
from ftfy import fixes
from ftfy.badness import is_bad

from desdecero.pipelines.corpus.draft import Draft

_INVISIBLE_SIGNS = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u2060\ufeff\ufff9-\ufffb"
_WIDE_BLANK_SIGNS = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_OTHER_WIDTHS = "ĲĳŉǄ-ǌǱ-ǳﬀ-ﬆ\u3000\uff01-\uffee"
"""Characters that ftfy's `fix_latin_ligatures` and `fix_character_width` replace."""
_OTHER_LINE_ENDS_AND_BLANKS = "\t\x0b\x0c\r\x85\u1680\u2028\u2029"
_INVISIBLE, _WIDE_BLANKS = re.compile(f"[{_INVISIBLE_SIGNS}]"), re.compile(f"[{_WIDE_BLANK_SIGNS}]")
_WIDTHS = re.compile(f"[{_OTHER_WIDTHS}]+")
_RARE = re.compile(f"[{_INVISIBLE_SIGNS}{_WIDE_BLANK_SIGNS}{_OTHER_WIDTHS}{_OTHER_LINE_ENDS_AND_BLANKS}\ud800-\udfff]")
"""All characters replaced one by one, half surrogate pairs among them, and those that end a line or stand at its end
beside `\\n` and a blank. Most texts have none, and others few different ones: one search finds them."""
_EMPTY_LINES = re.compile(r"\n{3,}")
_SUSPECT = re.compile("[^\x00-\x7f](?:(?<=[\x80-\x9fÂÃŒœ])|[^\x00-\x7f]+)")
"""Possible places of mojibake: every pattern of ftfy's `is_bad` holds two adjacent characters beyond ASCII, or one of
these. Searching only there takes a hundredth of the time: `is_bad` spends 0.4 µs on each character of a Spanish
text."""


class RepairUnicode:
    """The step `clean`. It cannot be left out: all later steps rely on its characters."""

    name = "unicode"

    def __call__(self, draft: Draft) -> None:
        """Clean the draft."""
        draft.text, repaired = clean(draft.text)
        draft.edits["unicode"] += repaired


def clean(text: str) -> tuple[str, bool]:
    """Return (clean text, True if any character was repaired or normalized, blanks and line ends apart)."""
    rare = _rare(text)
    # ASCII needs no repair or composition, and most technical prose is ASCII.
    repaired = text if text.isascii() else _repair(text, rare)
    if repaired is not text:
        rare = _rare(repaired)
    if "\x1b" in rare:
        repaired = fixes.remove_terminal_escapes(repaired)
    for sign in filter(_INVISIBLE.match, rare):
        repaired = repaired.replace(sign, "")
    plain = repaired
    for sign in filter(_WIDE_BLANKS.match, rare):
        plain = plain.replace(sign, " ")
    if not rare.isdisjoint(_OTHER_LINE_ENDS_AND_BLANKS) or " \n" in plain or plain.endswith(" "):
        # str.splitlines knows every line end: \r\n, \r, form feed, U+0085, U+2028, …
        plain = "\n".join(line.rstrip() for line in plain.splitlines())
    return (_EMPTY_LINES.sub("\n\n", plain) if "\n\n\n" in plain else plain).strip("\n"), repaired != text


def _rare(text: str) -> set[str]:
    return {found[0] for found in _RARE.finditer(text)}


def _repair(text: str, rare: set[str]) -> str:
    """Apply ftfy's steps, each only if needed: the costly one if its own test says so."""
    if any("\ud800" <= sign <= "\udfff" for sign in rare):
        text = fixes.fix_surrogates(text)
    widths = any(map(_WIDTHS.match, rare))
    if may_be_bad(text):
        text = "\n".join(line if line.isascii() else ftfy.fix_encoding(line) for line in text.split("\n"))
        widths = True  # repaired text may hold anything
    if widths:  # ftfy looks up every character of a text; here only those in its tables
        text = _WIDTHS.sub(lambda found: fixes.fix_character_width(fixes.fix_latin_ligatures(found[0])), text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def may_be_bad(text: str) -> bool:
    """Answer as ftfy's `is_bad`, which looks at every character of the text; this looks only where mojibake can be."""
    return any(is_bad(text[max(0, found.start() - 3) : found.end() + 3]) for found in _SUSPECT.finditer(text))
