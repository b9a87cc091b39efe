"""Texts with men and women exchanged, against texts written by hand."""

from __future__ import annotations

from typing import Literal

import pytest

from desdecero.pipelines.auditing.people import people_of


@pytest.mark.parametrize(
    ("language", "text", "exchanged", "sides"),
    [
        ("es", "La jueza está cansada. Llueve mucho.", "El juez está cansado. Llueve mucho.", {1}),
        ("es", "El enfermero cansado duerme.", "La enfermera cansada duerme.", {0}),
        ("es", "La jueza está cansada. El niño vio a María.", None, {0, 1}),  # a name stays, so all stays
        ("es", "Llueve mucho.", None, set()),
        ("en", "She told her brother that he was late.", "He told his sister that she was late.", {0, 1}),
        ("en", "It rains. He left.", "It rains. She left.", {0}),
        ("en", "", None, set()),
    ],
)
def test_a_text_is_exchanged_as_a_whole_or_not_at_all(
    language: Literal["en", "es"], text: str, exchanged: str | None, sides: set[int]
) -> None:
    gender = people_of(language)["gender"]
    assert gender.exchange(text) == exchanged
    assert gender.sides_of(text) == sides
    if exchanged is not None:
        assert gender.exchange(exchanged) == text
