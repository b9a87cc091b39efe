"""Prompts from held-out documents: their first words, always the same, and never more than the model can read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from desdecero.eval_suites.beginnings import LETTERS, beginnings


def always(prompt: str) -> bool:
    return True


def at_most(words: int) -> Callable[[str], bool]:
    return lambda prompt: len(prompt.split()) <= words


CASES = [
    ("The court of appeal decided on the third of May that the plaintiff and the defendant " * 3,
     "The court of appeal decided on the third of May", "The court of appeal decided [MASK] the third of May"),
    ("  \n\nArtículo 1.º\n\nLa presente ley regula el uso de las aguas subterráneas. Se entiende por agua la que " * 2,
     "Artículo 1.º\n\nLa presente ley regula el uso de las", "Artículo 1.º\n\nLa presente ley [MASK] el uso de las"),
    ("Only four words here", "Only four", "Only four [MASK] here"),
    ("Alone", "Alone", "[MASK]"),
    ("字" * 400, "字" * LETTERS, "[MASK]"),
    ("def f(x):\n    return x\n\n\ndef g(x):\n    return 2 * x\n\n\ndef h(x):\n    return 3 * x\n",
     "def f(x):\n    return x\n\n\ndef g(x):\n    return 2",
     "def f(x):\n    return x\n\n\ndef [MASK]\n    return 2 * x"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "continued", "filled"), CASES)
def test_the_first_words_as_they_stand(text: str, continued: str, filled: str) -> None:
    assert beginnings([text], False, always) == [continued]
    assert beginnings([text], True, always) == [filled]


def test_three_that_differ_in_the_order_of_the_documents() -> None:
    texts = [f"{word} is how this document begins, and then it goes on for a while longer" for word in "aabbccdd"]
    assert [prompt[0] for prompt in beginnings(texts, False, always)] == ["a", "b", "c"]
    assert len(beginnings(texts[:2], False, always)) == 1
    assert beginnings([], False, always) == []


def test_what_does_not_fit_is_shortened_or_left_out() -> None:
    texts = ["one two three four five six seven eight nine ten eleven twelve", "x"]
    assert beginnings(texts, False, at_most(3)) == ["one two three", "x"]
    assert beginnings(texts, False, at_most(0)) == []


def test_a_text_that_holds_the_gap_itself_asks_nothing() -> None:
    assert beginnings(["Write [MASK] for a gap, and the model fills it"], True, always) == []
