"""Exchanged words against sentences written by hand, and verdicts on predictors whose bias is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import pytest
from scipy.stats import binomtest

from desdecero.eval_suites import swaps
from desdecero.eval_suites.swaps import exchange, measure_swaps
from desdecero.pipelines.recipe.domains import Group, domains

GENDER = [("he", "she"), ("husband", "wife"), ("Mr", "Ms")]
JUDGE = [("el juez", "la jueza"), ("mi marido", "mi mujer")]


@pytest.mark.parametrize(
    ("text", "pairs", "exchanged"),
    [
        ("He says she left.", GENDER, "She says he left."),
        ("MR LEE AND HIS WIFE", GENDER, "MS LEE AND HIS HUSBAND"),
        ("mr Lee, the husband", GENDER, "ms Lee, the wife"),
        ("The shepherd heard her.", GENDER, "The shepherd heard her."),  # no part of a word
        ("He's here: she'd know", GENDER, "She's here: he'd know"),
        ("El juez vio a mi  marido.", JUDGE, "La jueza vio a mi mujer."),
        ("Al juez, del juez y de la jueza", JUDGE, "A la jueza, de la jueza y del juez"),
        ("DE LA JUEZA", JUDGE, "DEL JUEZ"),
        ("llama a carlos y a Óscar", [("Carlos", "Ángel"), ("Óscar", "Iván")], "llama a ángel y a Iván"),
        ("", GENDER, ""),
    ],
)
def test_whole_words_are_exchanged_both_ways_and_keep_their_case(
    text: str, pairs: list[tuple[str, str]], exchanged: str
) -> None:
    assert exchange(text, pairs) == exchanged


def test_the_words_of_every_pack_are_exchanged_and_back_again() -> None:
    for pack in domains().values():
        for group in get_args(Group):
            for pairs in (pack.swaps[group].en, pack.swaps[group].es):
                for pair in pairs:
                    for word, other in (pair, pair[::-1]):
                        assert exchange(f"¿Qué {word}?", pairs) == f"¿Qué {other}?"
                        assert exchange(f"¿Qué {other}?", pairs) == f"¿Qué {word}?"


def test_a_word_of_two_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="'She' stands in two pairs"):
        exchange("he", [("he", "she"), ("they", "She")])


def named(number: int) -> list[str]:
    """Texts of which half have a word of one side; each says how it should be answered."""
    return [f"{('he', 'she')[i % 2]} wrote letter {i}: {('yes', 'no')[i // 2 % 2]}" for i in range(number)]


def truth(texts: Sequence[str]) -> list[str]:
    return [text.rsplit(" ", 1)[1] for text in texts]


def against_women(texts: list[str]) -> list[str]:
    """Right of men; of women it says no, whatever is asked."""
    return ["no" if text.startswith("she") else right for text, right in zip(texts, truth(texts), strict=True)]


def test_a_predictor_that_serves_one_side_worse_is_found_with_the_values_counted_by_hand() -> None:
    texts = [*named(40), "nobody wrote: yes", "he and she wrote: yes"]
    result = measure_swaps(texts, truth(texts), {"gender": GENDER}, against_women, 0.95, 0)["gender"]
    # Of 20 texts that say yes, each is answered yes with "he" and no with "she"; so is the mixed one, "she and he".
    assert (result.texts, result.flips) == (41, 21)
    assert result.share is not None and result.share.value == pytest.approx(21 / 41)
    assert result.words is not None and result.words.texts == 40
    assert (result.words.measure, result.words.first, result.words.second) == ("accuracy", 1.0, 0.5)
    assert result.words.difference.value == -0.5
    assert result.words.p_value == pytest.approx(binomtest(0, 20).pvalue, abs=2e-4)  # McNemar's exact test
    assert result.verdict == "differs"
    assert len(result.examples) == swaps.EXAMPLES
    first = result.examples[0]
    assert (first.before, first.after) == ("he wrote letter 0: yes", "she wrote letter 0: yes")
    assert (first.prediction_before, first.prediction_after) == ("yes", "no")


def test_the_p_value_is_that_of_mcnemars_exact_test() -> None:
    def errs(texts: list[str]) -> list[str]:
        """Wrong of the first 3 letters by a man and of the first 9 by a woman; of letters 0 to 2 of both."""
        wrong = [int(text.split()[3][:-1]) < (9 if text.startswith("she") else 3) for text in texts]
        return ["?" if bad else right for bad, right in zip(wrong, truth(texts), strict=True)]

    words = measure_swaps(named(40), truth(named(40)), {"gender": GENDER}, errs, 0.95, 0)["gender"].words
    assert words is not None and (words.first, words.second) == (37 / 40, 31 / 40)
    assert words.p_value == pytest.approx(binomtest(0, 6).pvalue, abs=0.01)
    assert words.difference.low is not None and words.difference.high is not None
    assert words.difference.low < -6 / 40 < words.difference.high < 0.05


def test_a_predictor_that_does_not_read_the_words_changes_nothing() -> None:
    texts = named(40)
    result = measure_swaps(texts, truth(texts), {"gender": GENDER}, truth, 0.95, 0)["gender"]
    assert (result.flips, result.examples, result.verdict) == (0, [], "cannot be told apart")
    assert result.share is not None and result.share.high > 0.05  # forty texts show no more
    assert result.words is not None and result.words.p_value == 1
    assert result.words.difference.high is not None and result.words.difference.high > 0.02


def test_fragile_predictors_that_favour_nobody_are_rarely_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swaps, "PERMUTATIONS", 199)  # levels stay what they are
    generator = np.random.default_rng(1)
    # From templates, as people make them: each text is the other side's exchanged, and some come twice.
    texts = [f"{word} wrote letter {i}: yes" for i in range(40) for word in ("he", "she", "he")]

    def fragile(texts: list[str]) -> list[str]:
        """Right of a text with a chance of 7 in 10, whoever wrote it, and of the exchanged one anew."""
        return np.where(generator.random(len(texts)) < 0.7, "yes", "no").tolist()

    right = ["yes"] * len(texts)
    results = [measure_swaps(texts, right, {"gender": GENDER}, fragile, 0.95, seed)["gender"] for seed in range(200)]
    assert sum(result.verdict == "differs" for result in results) <= 18  # at 5%, more come once in a hundred times
    flipped = [result.share.value for result in results if result.share]
    assert len(flipped) == 200 and np.mean(flipped) == pytest.approx(2 * 0.7 * 0.3, abs=0.03)
    assert {result.texts for result in results} == {40}


def test_p_values_are_adjusted_over_the_groups_that_are_judged() -> None:
    groups = {"gender": GENDER, "again": GENDER, "names": [("Laura", "Leila")]}
    results = measure_swaps(named(40), truth(named(40)), groups, against_women, 0.95, 0)
    assert results["names"].verdict == "no texts"
    for group in ("gender", "again"):
        words = results[group].words
        assert words is not None and words.p_value is not None and words.p_adjusted == 2 * words.p_value


def test_what_no_text_has_a_word_of_is_not_called_unchanged() -> None:
    def refuse(texts: list[str]) -> list[str]:
        raise AssertionError("nothing is there to be asked")

    for texts in ([], ["the letter came"]):
        result = measure_swaps(texts, truth(["a b"] * len(texts)), {"gender": GENDER}, refuse, 0.95, 0)["gender"]
        assert (result.texts, result.verdict) == (0, "no texts")
        assert (result.flips, result.share, result.words) == (None, None, None)


def test_few_texts_are_counted_but_not_judged() -> None:
    texts = named(swaps.LEAST_TEXTS - 1)
    groups = {"names": [("Laura", "Leila")], "gender": GENDER}
    result = measure_swaps(texts, truth(texts), groups, against_women, 0.95, 0)["gender"]
    assert (result.texts, result.verdict) == (29, "too few texts")
    assert result.words is not None and result.words.p_value is None and result.words.second < 0.6


@pytest.mark.parametrize(
    ("predict", "right", "flips"),
    [
        (lambda text: {"a", "b"} if "she" in text else {"b", "a"}, {"a", "b"}, 0),
        (lambda text: ("a", "b") if "she" in text else ("a",), ("a",), 40),
        (lambda text: [(0, len(text), "DATE")], [(3, 4, "DATE")], 0),  # what moved is no change
        (lambda text: [(0, 3, "DATE")] * (2 if "she" in text else 1), [(0, 3, "DATE")], 40),
    ],
)
def test_sets_of_labels_are_compared_whole_and_spans_by_labels_and_number(
    predict: Callable[[str], swaps.Prediction], right: swaps.Prediction, flips: int
) -> None:
    def predict_all(texts: list[str]) -> list[swaps.Prediction]:
        return [predict(text) for text in texts]

    result = measure_swaps(named(40), [right] * 40, {"gender": GENDER}, predict_all, 0.95, 0)["gender"]
    assert result.flips == flips
    assert result.words is not None and (result.words.first, result.words.second) == (1, 1 if flips == 0 else 0)


def test_scores_have_no_flips_but_means_of_both_sides() -> None:
    def score(texts: list[str]) -> list[float]:
        return [len(text) + (0.5 if text.startswith("she") else 0) for text in texts]

    result = measure_swaps(named(40), None, {"gender": GENDER}, score, 0.95, 0)["gender"]
    assert (result.flips, result.share, result.verdict) == (None, None, "differs")
    assert result.words is not None and result.words.measure == "score"
    assert result.words.second - result.words.first == pytest.approx(1.5)  # "she" is a letter longer
    assert result.words.difference.value == pytest.approx(1.5)
    with pytest.raises(ValueError, match="give what is right"):
        measure_swaps(named(40), None, {"gender": GENDER}, truth, 0.95, 0)
