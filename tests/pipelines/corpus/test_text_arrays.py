"""Words as arrays are the words that a regular expression finds, in any alphabet; a hash is that of the text alone."""

from __future__ import annotations

import re

import numpy as np
import pytest

from desdecero.pipelines.corpus.text_arrays import Characters, hash_word, tokens, words, words_and_signs

TEXTS = [
    "¿Qué año será? —El niño_1 contó 3.14 metros…",
    "",
    "Ελληνικά, русский текст и 日本語の文章。 العربية 😀x",
    "it's don't O’Neill D.S. 012-2008-PCM 1,000 a/b a-b ... ---",
    "half \ud800 pair",
]


def test_words_are_those_of_a_regular_expression() -> None:
    joined = "\n".join([*TEXTS, ""])
    starts, ends = words(Characters(TEXTS))
    assert [joined[start:end] for start, end in zip(starts, ends, strict=True)] == re.findall(r"\w+", joined)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-5 °C, (–7), −x, 10^-6", "- 5 C – 7 − x 10 ^ - 6"),
        ("de -$40 a €-3, de − 300", "de - $ 40 a € - 3 de − 300"),
        ("10-15, 1990–1995, a - b, -dijo, --5, 3 − 2", "10 15 1990 1995 a b dijo 5 3 2"),
        ("x >= 5, a<b, a ≠ b", "x >= 5 a < b a ≠ b"),
        ("5 %, 5‰, 5€, US$ 5, C++ y C", "5 % 5 ‰ 5 € US $ 5 C ++ y C"),
        ("+5\n≤ 8\n8 <", "+ 5 ≤ 8 8 <"),
        ("> cita\n>> cita\n=====\nfin →\n| a | b |", "cita cita fin a b"),
        ("«¡No!» ... (¿sí?) *c* #d 1/2", "No sí c d 1 2"),
        ("-", ""),
        ("=", ""),
        ("", ""),
    ],
)
def test_signs_that_change_a_statement_count_as_words_and_punctuation_does_not(text: str, expected: str) -> None:
    starts, ends = words_and_signs(Characters([text]))
    assert [text[start:end] for start, end in zip(starts, ends, strict=True)] == expected.split()


def test_a_sign_looks_no_further_than_its_own_text() -> None:
    joined = ("5", "<", "5", "-", "5")
    starts, _ = words_and_signs(Characters(joined))
    assert len(starts) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("«¿Qué?» —dijo", "« ¿ Qué ? » — dijo"),
        ("don't say 3.14, or 1,000...", "don't say 3.14 , or 1,000 ..."),
        ("D.S. 012-2008-PCM: a/b a-b 2008/09", "D.S . 012-2008-PCM : a / b a - b 2008/09"),
        ("*** a === b -- c", "*** a === b -- c"),
    ],
)
def test_tokens_are_words_and_signs(text: str, expected: str) -> None:
    starts, ends = tokens(Characters([text]))
    assert [text[start:end] for start, end in zip(starts, ends, strict=True)] == expected.split()


def test_a_hash_is_that_of_the_word_wherever_it_stands() -> None:
    texts = ["año nuevo", "Nuevo año, AÑO viejo"]
    for fold, equal in ((False, 2), (True, 3)):
        characters = Characters(texts)
        starts, ends = words(characters)
        hashes = characters.hasher(fold)(starts, ends)
        found = dict(zip(re.findall(r"\w+", " ".join(texts)), hashes.tolist(), strict=False))
        assert np.bincount(np.unique(hashes, return_inverse=True)[1]).max() == equal
        assert len(set(found.values())) == len({word.lower() if fold else word for word in found})
    assert hash_word("año") == Characters(["x año"]).hasher(False)(np.array([2]), np.array([5]))[0]


def test_a_text_longer_than_the_kept_powers_is_hashed_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    from desdecero.pipelines.corpus import text_arrays as module

    text = "palabra " * 40
    before = Characters([text]).hasher(True)(np.array([0]), np.array([len(text)]))
    monkeypatch.setattr(module, "_KEPT_POWERS", 50)
    assert Characters([text]).hasher(True)(np.array([0]), np.array([len(text)])) == before


def test_positions_know_their_text() -> None:
    characters = Characters(["a b", "", "c"])
    assert characters.text_of(words(characters)[0]).tolist() == [0, 0, 2]
