"""Rates by side against fairlearn's own functions, and tests of their differences by simulation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from scipy.stats import binomtest

from desdecero.eval_suites.in_use import rates
from desdecero.eval_suites.in_use.rates import compare_groups, compare_pairs
from desdecero.eval_suites.in_use.results import SideComparison
from desdecero.eval_suites.statistics import holm

NAMES = ("men", "women")


def drawn(number: int, generator: np.random.Generator, accuracy: float = 0.75) -> tuple[list[str], list[str]]:
    """Labels, and predictions that are right so often on both sides."""
    truth = generator.choice(["no", "yes"], number)
    right = generator.random(number) < accuracy
    return truth.tolist(), np.where(right, truth, np.where(truth == "no", "yes", "no")).tolist()


def test_groups_have_the_values_of_fairlearn() -> None:
    generator = np.random.default_rng(0)
    truth, given = drawn(200, generator)
    sides = generator.integers(0, 2, 200).tolist()
    found = compare_groups(truth, given, sides, NAMES, 0)
    right, said = (np.array(each) == "yes" for each in (truth, given))
    assert found.demographic_parity is not None and found.equalized_odds is not None
    parity = demographic_parity_difference(right, said, sensitive_features=sides)
    odds = equalized_odds_difference(right, said, sensitive_features=sides)
    assert found.demographic_parity.value == pytest.approx(parity, abs=1e-12)
    assert found.equalized_odds.value == pytest.approx(odds, abs=1e-12)
    women = np.array(sides) == 1
    rates_of_women = found.sides["women"]
    assert rates_of_women.texts == women.sum()
    assert rates_of_women.accuracy == pytest.approx(np.mean((right == said)[women]))
    assert rates_of_women.selection_rate["yes"] == pytest.approx(np.mean(said[women]))
    assert rates_of_women.true_positive_rate["yes"] == pytest.approx(np.mean(said[women & right]))
    assert rates_of_women.false_positive_rate["yes"] == pytest.approx(np.mean(said[women & ~right]))


def test_pairs_have_the_values_of_fairlearn_and_the_p_value_of_mcnemar() -> None:
    generator = np.random.default_rng(1)
    truth, first = drawn(120, generator)
    second = [said if generator.random() < 0.85 else "yes" for said in first]
    found = compare_pairs(truth, first, second, NAMES, 0)
    right, said = np.array(truth * 2) == "yes", np.array(first + second) == "yes"
    sides = [0] * 120 + [1] * 120
    assert found.demographic_parity is not None and found.equalized_odds is not None
    parity = demographic_parity_difference(right, said, sensitive_features=sides)
    odds = equalized_odds_difference(right, said, sensitive_features=sides)
    assert found.demographic_parity.value == pytest.approx(parity, abs=1e-12)
    assert found.equalized_odds.value == pytest.approx(odds, abs=1e-12)
    changed = sum(one != two for one, two in zip(first, second, strict=True))
    assert found.demographic_parity.p_value == pytest.approx(binomtest(0, changed).pvalue, abs=2e-3)


def test_of_three_labels_the_largest_difference_counts() -> None:
    truth = ["a", "b", "c"] * 40
    second = ["b" if label == "a" and place < 60 else label for place, label in enumerate(truth)]
    found = compare_pairs(truth, truth, second, NAMES, 0)
    assert found.demographic_parity is not None and found.equalized_odds is not None
    assert found.demographic_parity.value == pytest.approx(20 / 120)  # of `a`, and of `b`
    assert found.equalized_odds.value == pytest.approx(20 / 40)  # of the texts that have `a`
    assert found.equalized_odds.p_value == pytest.approx(binomtest(0, 20).pvalue, abs=2e-4)


def test_a_side_of_fewer_than_30_texts_is_named_and_not_scored() -> None:
    truth = ["yes", "no"] * 40
    found = compare_groups(truth, truth, [0] * 51 + [1] * 29, NAMES, 0)
    assert {name: side.texts for name, side in found.sides.items()} == {"men": 51, "women": 29}
    assert all(side.accuracy is None and not side.selection_rate for side in found.sides.values())
    assert found.demographic_parity is None and found.equalized_odds is None
    assert compare_pairs(truth[:29], truth[:29], truth[:29], NAMES, 0).demographic_parity is None


def test_rates_among_few_texts_with_a_label_are_left_out() -> None:
    truth = ["yes"] * 9 + ["no"] * 91
    found = compare_groups(truth * 2, truth * 2, [0] * 100 + [1] * 100, NAMES, 0)
    assert set(found.sides["men"].true_positive_rate) == {"no"}
    assert set(found.sides["men"].false_positive_rate) == {"yes"}


def test_a_label_that_all_texts_have_leaves_only_its_true_positive_rate() -> None:
    found = compare_groups(["yes"] * 80, ["yes"] * 60 + ["no"] * 20, [0, 1] * 40, NAMES, 0)
    assert found.equalized_odds is not None
    assert found.sides["women"].true_positive_rate == {"yes": 0.75}


def accuses(comparisons: Sequence[SideComparison]) -> bool:
    """Whether any difference is found once all p-values are adjusted together."""
    found = [one for each in comparisons for one in (each.demographic_parity, each.equalized_odds)]
    return min(holm([one.p_value for one in found if one])) <= 0.05


def test_sides_that_do_not_differ_are_accused_in_at_most_65_of_1000(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "PERMUTATIONS", 199)
    monkeypatch.setattr(rates, "_rates", lambda *_: {})
    generator, accused, draws = np.random.default_rng(2), 0, 600
    for draw in range(draws):
        number = int(generator.choice([70, 150]))
        truth, given = drawn(number, generator)
        _, other = drawn(number, generator, 0.5)
        first, second = (
            [one if generator.random() < 0.8 else two for one, two in zip(given, other, strict=True)] for _ in "ab"
        )
        sides = (np.arange(number) % 2).tolist()
        accused += accuses(
            [compare_groups(truth, given, sides, NAMES, draw), compare_pairs(truth, first, second, NAMES, draw)]
        )
    assert accused / draws <= 0.065


def test_a_side_that_is_served_worse_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "PERMUTATIONS", 499)
    monkeypatch.setattr(rates, "_rates", lambda *_: {})
    generator, found = np.random.default_rng(3), {"groups": 0, "pairs": 0}
    for draw in range(50):
        truth, given = drawn(200, generator, 0.9)
        sides = (np.arange(200) % 2).tolist()
        refused = ["no" if generator.random() < 0.3 else said for said in given]  # of women, 30% are told no
        mixed = [refused[place] if side else given[place] for place, side in enumerate(sides)]
        found["groups"] += accuses([compare_groups(truth, mixed, sides, NAMES, draw)])
        found["pairs"] += accuses([compare_pairs(truth, given, refused, NAMES, draw)])
    assert found["groups"] >= 30 and found["pairs"] == 50
