"""Intervals hold the truth as often as they say; tests reject no more often than they say."""

from __future__ import annotations

import numpy as np
import pytest

from desdecero.eval_suites.statistics import (
    bootstrap_mean,
    bootstrap_ratio,
    holm,
    paired_bootstrap_ratio,
    permutation_test,
    wilson,
)

TRIALS = 400  # a coverage of 0.95 is then known to ±0.022 (two standard errors)


def documents(generator: np.random.Generator, n: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """(nll, bytes) of documents whose lengths are log-normal, as those of real corpora are."""
    size = np.exp(generator.normal(6, spread, n))
    return size * generator.normal(2.0, 0.5, n), size


@pytest.mark.parametrize(("n", "spread", "least"), [(5, 0.6, 0.88), (30, 0.6, 0.92), (30, 1.2, 0.90), (100, 1.2, 0.90)])
def test_the_interval_of_a_ratio_holds_the_truth(n: int, spread: float, least: float) -> None:
    generator, held = np.random.default_rng(0), 0
    for trial in range(TRIALS):
        interval = bootstrap_ratio(*documents(generator, n, spread), 400, 0.95, trial)
        held += interval.low <= 2.0 <= interval.high
    assert least <= held / TRIALS <= 0.99


def test_the_interval_of_a_mean_holds_the_truth_at_another_level() -> None:
    generator, held = np.random.default_rng(1), 0
    for trial in range(TRIALS):
        interval = bootstrap_mean(generator.exponential(1.0, 40), 400, 0.8, trial)
        held += interval.low <= 1.0 <= interval.high
    assert 0.75 <= held / TRIALS <= 0.85


def test_pairing_finds_a_change_that_two_intervals_hide() -> None:
    before, size = documents(np.random.default_rng(2), 60, 1.0)
    after = before - 0.02 * size
    change = paired_bootstrap_ratio(before, after, size, 1000, 0.95, 0)
    assert change.value == pytest.approx(-0.02)
    assert change.high < 0
    old, new = (bootstrap_ratio(nll, size, 1000, 0.95, 0) for nll in (before, after))
    assert old.low < new.high


def test_the_ratio_is_of_totals_and_not_a_mean_of_ratios() -> None:
    assert bootstrap_ratio([1.0, 300.0], [1.0, 100.0], 100, 0.95, 0).value == pytest.approx(301 / 101)


def test_documents_that_agree_leave_nothing_to_doubt() -> None:
    interval = bootstrap_ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], 100, 0.95, 0)
    assert (interval.low, interval.value, interval.high) == (2.0, 2.0, 2.0)


def test_even_two_documents_give_a_finite_interval() -> None:
    interval = bootstrap_ratio([100.0, 300.0], [100.0, 120.0], 500, 0.95, 0)
    assert -100 < interval.low < interval.value < interval.high < 100


def test_one_document_gives_no_interval() -> None:
    with pytest.raises(ValueError, match="at least two documents"):
        bootstrap_ratio([1.0], [1.0], 100, 0.95, 0)


def test_the_same_seed_gives_the_same_interval() -> None:
    nll, size = documents(np.random.default_rng(3), 20, 1.0)
    assert bootstrap_ratio(nll, size, 300, 0.95, 7) == bootstrap_ratio(nll, size, 300, 0.95, 7)
    assert bootstrap_ratio(nll, size, 300, 0.95, 7) != bootstrap_ratio(nll, size, 300, 0.95, 8)


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_wilson_holds_the_truth(share: float) -> None:
    hits = np.random.default_rng(4).binomial(60, share, 2000)
    intervals = [wilson(int(k), 60, 0.95) for k in hits]
    assert 0.93 <= np.mean([i.low <= share <= i.high for i in intervals]) <= 0.99


def test_wilson_agrees_with_the_published_example() -> None:
    """Newcombe 1998 (Statistics in Medicine 17), table I: 81 of 263, score method without correction."""
    interval = wilson(81, 263, 0.95)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_wilson_refuses_what_is_no_share() -> None:
    with pytest.raises(ValueError, match="not a share"):
        wilson(3, 2, 0.95)


def test_the_permutation_test_keeps_its_level_and_has_power() -> None:
    generator = np.random.default_rng(5)
    null = [permutation_test(generator.standard_t(3, 20), 200, seed) for seed in range(TRIALS)]
    assert np.mean(np.array(null) <= 0.05) <= 0.075
    real = [permutation_test(generator.normal(1.0, 1.0, 20), 200, seed) for seed in range(50)]
    assert np.mean(np.array(real) <= 0.05) >= 0.9


def test_the_permutation_test_agrees_with_all_permutations() -> None:
    values = np.array([0.3, 1.1, -0.2, 0.8, 0.5, 0.9, -0.1, 0.4])
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(values))).reshape(len(values), -1)
    exact = np.mean(np.abs(values @ signs) >= abs(values.sum()) - 1e-12)
    assert permutation_test(values, 20_000, 0) == pytest.approx(exact, abs=0.006)


def test_holm_agrees_with_a_hand_calculation() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
