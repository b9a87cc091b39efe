"""Formats: sensible digits in both languages, and text that stays text."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt

from desdecero.model_cards.evidence import Evidence, Missing, Report
from desdecero.model_cards.formats import (
    duration,
    fenced,
    figure,
    filters,
    grouped,
    interval,
    paragraphs,
    percent,
    plain,
    size,
    transcript,
)


def estimate(value: float | None, low: float | None, high: float | None) -> Any:
    return Evidence({"r": Report("r.json", "", {"value": value, "low": low, "high": high})}).view("r")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (grouped("en", 12345), "12,345"),
        (grouped("es", 12345), "12\u00a0345"),
        (size(812), "812 B"),
        (size(31_234_567), "31.2 MB"),
        (size(2_000_000_000_000), "2 TB"),
        (figure(177.44), "177.4"),
        (figure(1.88163), "1.882"),
        (figure(0.00197, 3), "0.00197"),
        (figure(0.0), "0.000"),
        (percent("en", 0.95), "95%"),
        (percent("es", 0.12345), "12.3\u00a0%"),
        (percent("en", 0.0034), "0.34%"),
        (percent("en", 0), "0%"),
        (percent("en", 1), "100%"),
        (duration(3.21), "3.21 s"),
        (duration(59.9), "59.9 s"),
        (duration(245.3), "4 min 5 s"),
        (duration(7620), "2 h 7 min"),
    ],
)
def test_numbers_carry_sensible_digits(written: str, expected: str):
    assert written == expected


def test_an_interval_sets_its_own_digits():
    assert interval("en", estimate(1.82407, 1.78913, 1.85901)) == "1.824 (1.789 to 1.859)"
    assert interval("es", estimate(134.79, 129.7, 139.9)) == "135 (130 a 140)"
    assert interval("en", estimate(-0.2886, -0.3203, -0.2569), "signed") == "−0.289 (−0.320 to −0.257)"
    assert interval("en", estimate(0.1732, 0.1638, 0.1826), "percent") == "17.3% (16.4% to 18.3%)"
    assert interval("en", estimate(0.5, 0.5, 0.5)) == "0.500 (0.500 to 0.500)"
    assert interval("en", 1.88163) == "1.882"


def test_an_estimate_without_bounds_says_so_and_one_without_value_is_missing():
    assert interval("en", estimate(1.25, None, None)) == "1.250 (no interval)"
    assert interval("es", estimate(0.25, None, None), "percent") == "25\u00a0% (sin intervalo)"
    assert interval("en", estimate(None, 1.0, 2.0)) == Missing("r:/value")


def test_what_is_missing_passes_through_every_filter():
    nothing = Missing("evaluate:/nothing")
    assert {write(nothing) for language in ("en", "es") for write in filters(language).values()} == {nothing}


HOSTILE = [
    "# a heading", "- an item", "1. a number", "> a quote", "```python", "~~~", "<script>alert(1)</script>", "---",
    "a | b", "**bold** and _leaning_ and `code`", "[a](b) ![c](d)", "===", "+ plus", "&lt; R&D", "snake_case_name",
    "a\n# b\n\tc", "\\* escaped", "1) one", "|---|---|", "* star", "2026.",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_somebodys_words_are_shown_as_they_are(text: str):
    """CommonMark's own reading of what `plain` writes: one paragraph, of text alone, with the same words."""
    tokens = MarkdownIt("commonmark").parse(plain(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    inline = tokens[1].children or []
    assert {child.type for child in inline} <= {"text", "text_special"}
    assert "".join(child.content for child in inline) == " ".join(text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_somebodys_words_stay_in_their_table_cell(text: str):
    table = f"| a | b |\n|---|---|\n| {plain(text)} | end |\n"
    html = MarkdownIt("commonmark").enable("table").render(table)
    assert html.count("<td>") == 2
    assert "<td>end</td>" in html


def test_a_sample_shows_where_the_model_speaks():
    def sample(prompt: str, text: str) -> Any:
        return Evidence({"r": Report("r.json", "", {"prompt": prompt, "text": text})}).view("r")

    assert transcript(sample("The law", "The law of the")) == "The law▸ of the"
    assert transcript(sample("The [MASK].", "the law.")) == "The [MASK].\n▸ the law."


def test_paragraphs_stay_paragraphs():
    assert paragraphs("one\ntwo\n\n# three\n") == "one two\n\n\\# three"


@pytest.mark.parametrize("sample", ["plain", "```\ncode\n```", "a ````` b", "~~~\n---\n", "\n\nafter two lines\n"])
def test_a_fence_holds_whatever_is_in_it(sample: str):
    tokens = MarkdownIt("commonmark").parse(f"before\n\n{fenced(sample)}\n\nafter")
    fences = [token for token in tokens if token.type == "fence"]
    assert [token.content for token in fences] == [sample.strip("\n") + "\n"]
    assert tokens[-2].content == "after"


def test_whole_numbers_are_parted_from_four_digits_in_english_and_from_five_in_spanish():
    assert [grouped("en", value) for value in (999, 1000, 9999.4, 10_000)] == ["999", "1,000", "9,999", "10,000"]
    assert [grouped("es", value) for value in (999, 1000, -9999, 10_000)] == ["999", "1000", "-9999", "10\u00a0000"]


def test_large_figures_have_their_thousands_parted():
    assert interval("en", 22_251_279.4) == "22,251,279"
    assert interval("es", 22_251_279.4) == "22\u00a0251\u00a0279"
    assert interval("en", {"value": 33_710.2, "low": -11_420.0, "high": 99_490.0}) == "33,710 (−11,420 to 99,490)"
    assert interval("en", 1234.6) == "1235"
