"""The same text always ends as the same characters."""

from __future__ import annotations

import random

import pytest
from ftfy.badness import BADNESS_RE, is_bad

from desdecero.pipelines.corpus.cleaning.unicode import clean, may_be_bad

PROSE = "The function returns the number of nodes that can be reached from a given node of the graph. " * 3


@pytest.mark.parametrize(
    ("before", "after", "edited"),
    [
        ("EspaÃ±a y niÃ±os", "España y niños", True),
        ("Espan\u0303a", "España", True),
        ("a\r\nb\rc  \n\n\n\nd\n", "a\nb\nc\n\nd", False),
        ("un\u00a0espacio", "un espacio", False),
        ("in\u00advisi\u200bble\ufeff", "invisible", True),
        ("a\x00b\x1b[31mc", "abc", True),
        ("“comillas” — &lt;b&gt;", "“comillas” — &lt;b&gt;", False),
        ("    indented\n\tcode", "    indented\n\tcode", False),
        ("half \ud800 pair", "half \ufffd pair", True),
    ],
)
def test_characters_are_repaired_and_blanks_made_plain(before: str, after: str, edited: bool) -> None:
    assert clean(before) == (after, edited)


@pytest.mark.parametrize("text", ["Ã±andÃº\r\n\n\n\nx ", "e\u0301\u00a0\u200b", PROSE])
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean(text)[0]
    assert clean(once) == (once, False)


def test_mojibake_is_looked_for_wherever_ftfy_would_find_it() -> None:
    """The quick test must never overlook what ftfy's own, on the whole text, finds."""
    chance = random.Random(0)
    odd = sorted({sign for sign in BADNESS_RE.pattern if not sign.isascii()})
    for _ in range(20_000):
        text = chance.choice(["", "a ", "x. ", "Z"]) + "".join(
            chance.choices([*odd, *"aZ .0\n"], k=chance.randrange(1, 7))
        )
        text += chance.choice(["", "a", " ", " b"])
        assert may_be_bad(text) == is_bad(text), repr(text)
