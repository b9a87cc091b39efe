"""Intervals hold the truth as often as they say; tests reject no more often than they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri, stdtrit

from desdecero.eval_suites.statistics import (
    LEAST_EFFECTIVE,
    Interval,
    _error_variances,
    _satterthwaite,
    bootstrap_mean,
    clustered_share,
    effective_documents,
    holm,
    jackknife,
    jackknife_difference,
    jackknife_ratio,
    permutation_test,
    ratio_spread,
    stratified_mean,
    stratified_spread,
    wilson,
)

TRIALS = 400  # a coverage of 0.95 is then known to ±0.022 (two standard errors)
DRAWS = 2000  # to ±0.010
LEAST, MOST = 0.93, 0.985

NOVELS = np.array([
    64807, 80225, 92364, 95051, 105713, 106171, 116557, 125141, 126558, 148097, 163688, 180322, 185950, 197787, 198621,
    202276, 202425, 207622, 227060, 229528, 243407, 245772, 248571, 254015, 275762, 294217, 298542, 302875, 303237,
    313275, 314873, 315424, 316385, 316716, 325322, 342268, 353267, 356919, 368592, 380510, 383185, 457651, 459377,
    462611, 479823, 487040, 502809, 504286, 528468, 528706, 550974, 551531, 559826, 566063, 597586, 605792, 609488,
    641261, 649096, 651258, 658832, 662186, 668683, 683158, 730184, 752001, 753510, 766378, 768138, 785415, 844438,
    894213, 960429, 987411, 1076930, 1088263, 1095043, 1360693, 1707988, 1827328, 2290334, 2495913,
])  # fmt: skip
"""Bytes of 82 Spanish novels."""

Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]

# What a document of each size scores: nats by a byte of which the mean is 2, or a change by a byte of which it is 0.
LEVELS: dict[str, tuple[float, Draw]] = {
    "documents differ": (2.0, lambda g, b: b * g.normal(2, 0.5, b.shape)),
    "skewed levels": (2.0, lambda g, b: b * 2 * np.exp(g.normal(-0.08, 0.4, b.shape))),
    "documents and tokens differ": (2.0, lambda g, b: b * (g.normal(2, 0.1, b.shape) + noise(g, b))),
    "tokens differ": (2.0, lambda g, b: b * (2 + noise(g, b))),
    "change, heavy tails": (0.0, lambda g, b: b * 0.02 * g.standard_t(3, b.shape)),
}


def noise(generator: np.random.Generator, size: np.ndarray) -> np.ndarray:
    """What tokens add by byte, about as much as documents differ where these have the median size."""
    return generator.normal(size=size.shape) * 0.4 * np.sqrt(np.median(size) / size)


def held(above: np.ndarray, below: np.ndarray, truth: float) -> tuple[float, float]:
    """Share of draws, of those that give an interval, whose interval holds the truth; and how many give one.

    It computes all draws at once, of shape (draws, documents), as strata that are not averaged.
    """
    draws, documents = below.shape
    strata = np.repeat(np.arange(draws), documents)
    _, variances, freedom = jackknife(above.ravel(), below.ravel(), strata, draws)
    values, half = above.sum(axis=1) / below.sum(axis=1), stdtrit(freedom, 0.975) * np.sqrt(variances)
    told = below.sum(axis=1) ** 2 / np.sum(below**2, axis=1) >= LEAST_EFFECTIVE
    return float(np.mean(np.abs(values - truth)[told] <= half[told])), int(told.sum())


def covers(interval: Interval | None, truth: float) -> bool:
    assert interval is not None
    return interval.low <= truth <= interval.high


# --- documents -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("documents", [20, 50, 200])
@pytest.mark.parametrize("sizes", [0.0, 0.6, 1.0, 1.2, "novels"])
def test_the_interval_of_a_ratio_holds_the_truth(documents: int, sizes: float | str, level: str) -> None:
    generator = np.random.default_rng(documents)
    truth, scored = LEVELS[level]
    shares, told = [], 0
    while told < DRAWS:
        shape = (DRAWS, documents)
        below = generator.choice(NOVELS, shape) if sizes == "novels" else np.exp(generator.normal(8, sizes, shape))
        share, number = held(scored(generator, below), below, truth)
        shares.append(share * number)
        told += number
    assert LEAST <= sum(shares) / told <= MOST


@pytest.mark.parametrize("documents", [50, 200])
@pytest.mark.parametrize("sizes", [0.6, 1.0])
def test_the_interval_holds_the_truth_where_longer_documents_are_easier(documents: int, sizes: float) -> None:
    generator = np.random.default_rng(documents)
    below = np.exp(generator.normal(8, sizes, (DRAWS, documents)))
    above = below * (2 - 0.1 * (np.log(below) - 8) + generator.normal(0, 0.2, below.shape))
    assert LEAST <= held(above, below, 2 - 0.1 * sizes**2)[0] <= MOST  # a log-normal's mean weighted by itself


def test_the_interval_holds_the_truth_for_the_sizes_at_hand() -> None:
    generator = np.random.default_rng(1)
    below = np.tile(NOVELS.astype(float), (DRAWS, 1))
    for truth, scored in LEVELS.values():
        assert LEAST <= held(scored(generator, below), below, truth)[0] <= MOST


def test_all_draws_at_once_are_what_a_single_call_gives() -> None:
    generator = np.random.default_rng(2)
    below = np.exp(generator.normal(8, 0.8, (5, 30)))
    above = below * generator.normal(2, 0.5, below.shape)
    strata = np.repeat(np.arange(5), 30)
    _, variances, freedom = jackknife(above.ravel(), below.ravel(), strata, 5)
    for row in range(5):
        spread = ratio_spread(above[row], below[row])
        assert (spread.variance, spread.freedom) == pytest.approx((variances[row], freedom[row]))
        interval = jackknife_ratio(above[row], below[row], 0.95)
        half = stdtrit(freedom[row], 0.975) * np.sqrt(variances[row])
        assert interval is not None and interval.high - interval.value == pytest.approx(half)


def test_clusters_of_documents_are_the_unit() -> None:
    """Chapters of a book resemble each other: 25 books of 8, a correlation of 0.3 of their levels."""
    generator = np.random.default_rng(3)
    below = np.exp(generator.normal(8, 0.6, (DRAWS, 25, 8)))
    levels = np.sqrt(0.3) * generator.normal(size=(DRAWS, 25, 1)) + np.sqrt(0.7) * generator.normal(size=below.shape)
    above = below * (2 + 0.5 * levels)
    assert LEAST <= held(above.sum(axis=2), below.sum(axis=2), 2.0)[0] <= MOST
    assert held(above.reshape(DRAWS, -1), below.reshape(DRAWS, -1), 2.0)[0] < 0.85  # as if they did not
    books = np.repeat(np.arange(25), 8).tolist()
    together = jackknife_ratio(above[0].sum(axis=1), below[0].sum(axis=1), 0.95)
    chapters = jackknife_ratio(above[0].ravel(), below[0].ravel(), 0.95, books)
    assert chapters is not None and together is not None
    assert (chapters.low, chapters.high) == pytest.approx((together.low, together.high))


# --- the numbers, against others -------------------------------------------------------------------------------


def test_equal_sizes_give_students_interval() -> None:
    values = np.random.default_rng(4).exponential(1.0, 30)
    interval = jackknife_ratio(100 * values, np.full(30, 100.0), 0.9)
    expected = stats.t.interval(0.9, 29, values.mean(), stats.sem(values))
    assert interval is not None and (interval.low, interval.high) == pytest.approx(expected)


def test_paired_equal_sizes_give_the_interval_of_a_paired_t_test() -> None:
    generator = np.random.default_rng(5)
    before = generator.normal(2, 1, 40)
    after = before + generator.normal(0.1, 0.3, 40)
    interval = jackknife_difference(before, after, np.ones(40), 0.95)
    expected = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert interval is not None and (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_the_variance_is_what_leaving_out_each_document_says() -> None:
    generator = np.random.default_rng(6)
    below = np.exp(generator.normal(5, 1, 25))
    above = below * generator.normal(2, 0.3, 25)
    without = (above.sum() - above) / (below.sum() - below)
    expected = 24 / 25 * np.sum((without - above.sum() / below.sum()) ** 2)
    assert ratio_spread(above, below).variance == pytest.approx(expected)


def test_the_degrees_of_freedom_are_those_of_the_quadratic_form() -> None:
    """From the covariance matrix of the changes, where the code has sums."""
    below, strata = np.exp(np.random.default_rng(7).normal(5, 0.8, 24)), np.zeros(24, dtype=np.int64)
    total = below.sum()
    change = np.diag(1 / (total - below)) @ (np.eye(24) - np.outer(below, np.ones(24)) / total)
    for errors in (below, below**2, 30 * below + below**2):
        covariance = change @ np.diag(errors) @ change.T
        expected = np.trace(covariance) ** 2 / np.sum(covariance**2)
        assert _satterthwaite(below, errors, strata, np.array([total])) == pytest.approx(expected)


@pytest.mark.parametrize(("by_token", "by_document"), [(1.0, 0.0), (0.0, 1.0), (30.0, 0.2)])
def test_the_errors_that_residuals_show_are_found(by_token: float, by_document: float) -> None:
    below = np.exp(np.random.default_rng(7).normal(5, 0.8, 24))
    errors = by_token * below + by_document * below**2
    found = _error_variances(below, np.sqrt(errors), np.zeros(24, dtype=np.int64), 1)
    assert found == pytest.approx(errors)


def test_the_effective_documents_of_equal_ones_are_all() -> None:
    assert effective_documents([7] * 12) == pytest.approx(12)
    assert effective_documents([1000, 1, 1]) == pytest.approx(1.004, abs=1e-3)
    assert effective_documents([]) == 0


@pytest.mark.parametrize("sizes", [[1.0], [1.0] * 7, [1000.0, *[1.0] * 100]])
def test_too_few_effective_documents_give_no_interval(sizes: list[float]) -> None:
    values = np.random.default_rng(8).normal(size=len(sizes))
    assert effective_documents(sizes) < LEAST_EFFECTIVE
    assert jackknife_ratio(values, sizes, 0.95) is None


def test_too_few_clusters_give_no_interval() -> None:
    labels = [f"template {i % 7}" for i in range(70)]
    assert jackknife_ratio(np.arange(70.0), np.ones(70), 0.95) is not None
    assert jackknife_ratio(np.arange(70.0), np.ones(70), 0.95, labels) is None
    assert clustered_share(np.ones(70), labels, 0.95) is None


def test_pairing_finds_a_change_that_two_intervals_hide() -> None:
    generator = np.random.default_rng(9)
    size = np.exp(generator.normal(6, 1, 60))
    before = size * generator.normal(2.0, 0.5, 60)
    after = before - size * generator.normal(0.02, 0.02, 60)
    change = jackknife_difference(before, after, size, 0.95)
    old, new = (jackknife_ratio(nll, size, 0.95) for nll in (before, after))
    assert change is not None and old is not None and new is not None
    assert change.value == pytest.approx(new.value - old.value)
    assert change.high < 0 and old.low < new.high


def test_the_ratio_is_of_totals_and_not_a_mean_of_ratios() -> None:
    assert ratio_spread([1.0, 300.0], [1.0, 100.0]).value == pytest.approx(301 / 101)


def test_documents_that_agree_leave_nothing_to_doubt() -> None:
    sizes = np.arange(1.0, 21.0)
    interval = jackknife_ratio(2 * sizes, sizes, 0.95)
    assert interval is not None and (interval.low, interval.value, interval.high) == pytest.approx((2, 2, 2))


def test_documents_of_which_nothing_was_asked_count_for_nothing() -> None:
    values, sizes = np.arange(1.0, 21.0), np.full(20, 3.0)
    assert jackknife_ratio([*values, 0.0], [*sizes, 0.0], 0.95) == jackknife_ratio(values, sizes, 0.95)


@pytest.mark.parametrize(
    ("numerators", "denominators"), [([1.0, 2.0], [1.0]), ([], []), ([1.0], [0.0]), ([1.0], [-1.0]), ([np.nan], [1.0])]
)
def test_what_is_no_ratio_is_refused(numerators: list[float], denominators: list[float]) -> None:
    with pytest.raises(ValueError, match=r"ratio|shape"):
        ratio_spread(numerators, denominators)


# --- items -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_wilson_holds_the_truth(share: float) -> None:
    hits = np.random.default_rng(4).binomial(60, share, DRAWS)
    intervals = [wilson(int(k), 60, 0.95) for k in hits]
    assert LEAST <= np.mean([i.low <= share <= i.high for i in intervals]) <= 0.99


def test_wilson_agrees_with_the_published_example() -> None:
    """Newcombe 1998 (Statistics in Medicine 17), table I: 81 of 263, score method without correction."""
    interval = wilson(81, 263, 0.95)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_wilson_refuses_what_is_no_share() -> None:
    with pytest.raises(ValueError, match="not a share"):
        wilson(3, 2, 0.95)


@pytest.mark.parametrize(
    ("share", "correlation", "clusters"),
    [(0.6, 0.1, 40), (0.6, 0.3, 40), (0.9, 0.1, 40), (0.9, 0.3, 80), (0.75, 0.2, 20)],
)
def test_the_interval_of_a_share_holds_the_truth_with_clusters(share: float, correlation: float, clusters: int) -> None:
    """Items of one template are right together; the correlation is that of the normal variables behind them."""
    generator, held_it = np.random.default_rng(clusters), 0
    labels = np.repeat(np.arange(clusters), 8).tolist()
    common = np.sqrt(correlation) * generator.normal(size=(DRAWS, clusters, 1))
    latent = common + np.sqrt(1 - correlation) * generator.normal(size=(DRAWS, clusters, 8))
    for right in (latent < ndtri(share)).reshape(DRAWS, -1).astype(float):
        held_it += covers(clustered_share(right, labels, 0.95), share)
    assert LEAST <= held_it / DRAWS <= MOST


@pytest.mark.parametrize(("items", "ties"), [(50, 0.0), (12, 0.1)])
def test_the_interval_of_a_mean_over_paradigms_holds_their_mean(items: int, ties: float) -> None:
    generator, held_it = np.random.default_rng(items), 0
    shares = np.linspace(0.35, 0.99, 14)
    strata = [f"paradigm {i}" for i in range(14) for _ in range(items)]
    odds = np.repeat(shares, items)
    for _ in range(DRAWS):
        right = (generator.random(14 * items) < odds).astype(float)
        right[generator.random(14 * items) < ties] = 0.5
        interval = stratified_mean(right, strata)
        held_it += covers(interval, (1 - ties) * shares.mean() + ties * 0.5)
    assert LEAST <= held_it / DRAWS <= MOST


@pytest.mark.parametrize("crossed", [False, True])
def test_the_interval_of_a_mean_over_paradigms_holds_their_mean_with_clusters(crossed: bool) -> None:
    """Seven paradigms of 8 templates with 5 items, whose correlation is 0.2; crossed, the 8 are 24 that all share."""
    generator, held_it = np.random.default_rng(10), 0
    shares, templates = np.linspace(0.5, 0.9, 7), 24 if crossed else 8
    strata = np.repeat(np.arange(7), templates * 5).tolist()
    clusters = (np.arange(7 * templates * 5) // 5 % (templates if crossed else 10**9)).tolist()
    for _ in range(DRAWS):
        common = generator.normal(size=(1 if crossed else 7, templates, 1))
        latent = np.sqrt(0.2) * common + np.sqrt(0.8) * generator.normal(size=(7, templates, 5))
        right = (latent < ndtri(shares)[:, None, None]).astype(float).ravel()
        held_it += covers(stratified_mean(right, strata, clusters), shares.mean())
    assert LEAST <= held_it / DRAWS <= MOST


def test_a_mean_over_strata_is_the_textbooks() -> None:
    """Cochran 1977, chapter 5: the mean of means, and Σ s² / n by stratum; its freedom is Welch's."""
    generator = np.random.default_rng(11)
    first, second = (generator.random(30) < 0.7).astype(float), (generator.random(12) < 0.4).astype(float)
    spread = stratified_spread([*first, *second], ["a"] * 30 + ["b"] * 12)
    assert spread.value == pytest.approx((first.mean() + second.mean()) / 2)
    assert spread.variance == pytest.approx((first.var(ddof=1) / 30 + second.var(ddof=1) / 12) / 4)
    assert spread.freedom == pytest.approx(stats.ttest_ind(first, second, equal_var=False).df)


def test_a_stratum_of_one_item_borrows_its_variance() -> None:
    values, strata = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0], ["a"] * 5 + ["b"] * 4 + ["c"]
    spread = stratified_spread(values, strata)
    assert spread.value == pytest.approx((0.6 + 0.75 + 1) / 3)
    assert spread.variance > (np.var(values[:5], ddof=1) / 5 + np.var(values[5:9], ddof=1) / 4) / 9
    singles = stratified_spread(values, list("abcdefghij"))  # nothing but such strata: a plain sample
    assert singles.variance == pytest.approx(np.var(values, ddof=1) / 10)


def test_items_that_agree_still_leave_a_doubt() -> None:
    all_right = stratified_mean(np.ones(100), ["a"] * 50 + ["b"] * 50)
    assert all_right is not None and all_right.high == 1
    assert all_right.low == pytest.approx(wilson(100, 100, 0.95).low, abs=0.002)
    templates = clustered_share(np.ones(100), np.repeat(np.arange(20), 5).tolist(), 0.95)
    assert templates is not None and templates.low == pytest.approx(wilson(20, 20, 0.95).low, abs=0.02)


def test_the_share_of_single_items_is_nearly_wilsons() -> None:
    right = np.repeat([1.0, 0.0], [150, 50])
    ours, theirs = clustered_share(right, list(range(200)), 0.95), wilson(150, 200, 0.95)
    assert ours is not None and (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.001)


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="not shares"):
        stratified_mean([1.0, 1.5], ["a", "b"])
    with pytest.raises(ValueError, match="labels"):
        stratified_spread([1.0, 1.0], ["a", "b"], ["x"])


# --- of the audit ----------------------------------------------------------------------------------------------


def test_the_interval_of_a_mean_holds_the_truth_at_another_level() -> None:
    generator, held_it = np.random.default_rng(1), 0
    for trial in range(TRIALS):
        interval = bootstrap_mean(generator.exponential(1.0, 40), 400, 0.8, trial)
        held_it += interval.low <= 1.0 <= interval.high
    assert 0.75 <= held_it / TRIALS <= 0.85


def test_the_bootstrap_is_the_same_for_a_seed_and_takes_two_probes() -> None:
    gaps = np.random.default_rng(3).normal(size=20)
    assert bootstrap_mean(gaps, 300, 0.95, 7) == bootstrap_mean(gaps, 300, 0.95, 7)
    assert bootstrap_mean(gaps, 300, 0.95, 7) != bootstrap_mean(gaps, 300, 0.95, 8)
    assert bootstrap_mean([2.0, 2.0, 2.0], 100, 0.95, 0) == Interval(2.0, 2.0, 2.0)
    two = bootstrap_mean([1.0, 2.0], 500, 0.95, 0)
    assert -100 < two.low < two.value < two.high < 100
    with pytest.raises(ValueError, match="at least two probes"):
        bootstrap_mean([1.0], 100, 0.95, 0)


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
