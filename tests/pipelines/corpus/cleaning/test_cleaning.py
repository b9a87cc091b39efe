"""The same text always ends as the same characters."""

from __future__ import annotations

import pytest

from pipelines.corpus.cleaning.quality import reason_to_drop, repeated_share, symbol_share
from pipelines.corpus.cleaning.unicode import clean
from pipelines.recipe import Quality

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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE, None),
        (" \n ", "empty"),
        ("Too short to learn from.", "too_few_words"),
        ("x" * 40 + " " + "pneumonoultramicroscopic " * 30, "word_length"),
        ("a | b + c = d ~ e ^ f # " * 10, "word_length"),
        ("total {{==}} names <<||>> $$@@^^ " * 10, "symbols"),
        ("value 123 456 789 1011 " * 10, "few_alphabetic_words"),
        ("The same line stands here again and again.\n" * 10, "repeated_lines"),
    ],
)
def test_the_first_rule_that_a_document_fails_is_the_reason(text: str, reason: str | None) -> None:
    assert reason_to_drop(text, Quality()) == reason


def test_too_many_words_is_the_recipes_limit() -> None:
    assert reason_to_drop(PROSE, Quality(max_words=30)) == "too_many_words"


def test_spanish_prose_passes_as_english_does() -> None:
    assert (
        reason_to_drop("¿Quién sabe cuántos años pasó el niño en aquella montaña? ¡Nadie! " * 3 + "Fin.", Quality())
        is None
    )
    assert symbol_share("«¿Qué?» —dijo—; “sí”…") == 0


def test_a_long_manual_may_repeat_its_headings_but_a_page_may_not() -> None:
    manual = "\n".join(f"Parameters\n----------\n{PROSE} Entry {n} of the manual." for n in range(500))
    assert repeated_share(manual) < 0.15
    assert repeated_share("spam spam spam\n" * 50) > 0.9
