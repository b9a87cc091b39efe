"""Means over contexts and pairs: against plain sums, and how often they are wrong where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from desdecero.eval_suites.paired_sentences.crossed import CrossedMean, PlannedMean, crossed_mean
from desdecero.eval_suites.statistics import holm

CONTEXTS, PAIRS, GROUPS = 80, 12, 8


def table(generator: np.random.Generator, kind: str, pair_variance: float, gap: float = 0.0) -> np.ndarray:
    """Gaps as a Spanish model shows them: 0.8 nats² between contexts, 1.4 between cells."""
    shape = (CONTEXTS, 1)
    of_contexts = generator.exponential(size=shape) - 1 if kind == "exponential" else generator.normal(size=shape)
    of_pairs = generator.normal(size=(1, PAIRS)) * math.sqrt(pair_variance)
    cells = generator.normal(size=(CONTEXTS, PAIRS)) * math.sqrt(1.4)
    return gap + of_contexts * math.sqrt(0.8) + of_pairs + cells


def test_the_variance_is_that_of_contexts_plus_pairs_minus_cells() -> None:
    cells = table(np.random.default_rng(0), "normal", 0.3)
    mean, residuals = crossed_mean(cells), cells - cells.mean()
    of_contexts = np.sum(residuals.sum(axis=1) ** 2) / cells.size**2 * CONTEXTS / (CONTEXTS - 1)
    of_pairs = np.sum(residuals.sum(axis=0) ** 2) / cells.size**2 * PAIRS / (PAIRS - 1)
    left = residuals - residuals.mean(axis=1, keepdims=True) - residuals.mean(axis=0, keepdims=True)
    of_cells = np.sum(left**2) / ((CONTEXTS - 1) * (PAIRS - 1)) / cells.size
    assert mean.variance == pytest.approx(of_contexts + of_pairs - of_cells)
    assert mean.value == pytest.approx(cells.mean())


def test_pairs_that_are_alike_leave_the_t_test_over_contexts() -> None:
    """Without skewness it is Student's."""
    rows = np.random.default_rng(1).normal(0.3, 1, 40)
    rows = np.concatenate([rows, 2 * rows.mean() - rows])  # as far on either side of the mean
    mean = crossed_mean(np.tile(rows[:, None], PAIRS))
    expected = stats.ttest_1samp(rows, 0)
    assert mean.p_value() == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.9)
    assert (mean.interval(0.9).low, mean.interval(0.9).high) == (pytest.approx(low), pytest.approx(high))


def test_the_interval_holds_what_the_test_does_not_reject() -> None:
    mean = crossed_mean(table(np.random.default_rng(2), "exponential", 0.1, 0.4))
    found = mean.interval(0.95)
    for end in (found.low, found.high):
        assert min(mean.p_above(end), mean.p_below(end)) == pytest.approx(0.025)


def test_the_signs_of_all_gaps_turn_the_mean_around() -> None:
    cells = table(np.random.default_rng(3), "exponential", 0.05, 0.2)
    there, back = crossed_mean(cells), crossed_mean(-cells)
    assert there.p_value() == pytest.approx(back.p_value())
    assert there.interval(0.9).low == pytest.approx(-back.interval(0.9).high)


@pytest.mark.parametrize("shape", [(1, 12), (80, 1), (0, 0)])
def test_a_table_of_one_context_or_one_pair_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="too few"):
        crossed_mean(np.zeros(shape))


def test_gaps_that_are_all_the_same_are_found_and_nothing_else() -> None:
    assert crossed_mean(np.full((4, 3), 0.25)).p_value() == 0
    assert crossed_mean(np.zeros((4, 3))).p_value() == 1


@pytest.mark.parametrize("kind", ["normal", "exponential"])
@pytest.mark.parametrize("pair_variance", [0.0, 0.3])
def test_no_report_accuses_too_often_and_intervals_cover(kind: str, pair_variance: float) -> None:
    """400 reports of 8 groups: the bounds are those of 2,000 (the benchmark), with what chance adds in so few."""
    generator, reports, accusing, covering = np.random.default_rng(4), 400, 0, 0
    for _ in range(reports):
        means = [crossed_mean(table(generator, kind, pair_variance)) for _ in range(GROUPS)]
        accusing += min(holm([mean.p_value() for mean in means])) < 0.05
        covering += sum(mean.interval(0.95).low <= 0 <= mean.interval(0.95).high for mean in means)
    assert accusing / reports <= stats.binom.ppf(0.999, reports, 0.065) / reports
    assert 0.93 <= covering / (reports * GROUPS) <= 0.97


@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_a_gap_at_the_margin_is_found_and_rarely_called_small(kind: str) -> None:
    generator, draws = np.random.default_rng(5), 400
    means = [crossed_mean(table(generator, kind, 0.05, gap=0.5)) for _ in range(draws)]
    assert np.mean([mean.p_value() < 0.05 / GROUPS for mean in means]) >= 0.8
    assert np.mean([mean.p_within(0.5) < 0.05 for mean in means]) <= stats.binom.ppf(0.999, draws, 0.06) / draws


def test_a_plan_has_the_power_that_reports_turn_out_to_have() -> None:
    generator, draws, level = np.random.default_rng(7), 400, 0.05 / GROUPS
    plan = PlannedMean(CONTEXTS, PAIRS, context_variance=0.8, pair_variance=0.05, cell_variance=1.4)
    for gap in (0.3, 0.5):
        means = [crossed_mean(table(generator, "normal", 0.05, gap)) for _ in range(draws)]
        assert np.mean([mean.p_value() < level for mean in means]) == pytest.approx(plan.power(gap, level), abs=0.08)
    assert plan.power(plan.detectable(level), level) == pytest.approx(0.8)
    for margin in (0.3, 0.5):
        means = [crossed_mean(table(generator, "normal", 0.05)) for _ in range(draws)]
        small = np.mean([mean.p_within(margin) < 0.05 for mean in means])
        assert small == pytest.approx(plan.power_within(margin, 0.05), abs=0.08)
    assert plan.power_within(0.01, 0.05) == 0  # nothing is ever shown to be so small


def test_as_many_contexts_as_are_needed_find_the_gap() -> None:
    mean = crossed_mean(table(np.random.default_rng(6), "normal", 0.02))
    needed = mean.contexts_needed(0.5, level=0.05 / GROUPS)
    assert needed is not None
    assert mean.contexts_needed(0.25, level=0.05 / GROUPS) is None or mean.contexts_needed(0.25, 0.05 / GROUPS) > needed
    assert mean.contexts_needed(0.5, level=0.05) < needed  # fewer tests are easier


def test_where_the_pairs_differ_too_much_no_number_of_contexts_is_enough() -> None:
    mean = CrossedMean(80, 3, 0.0, 1.0, 2.1, context_variance=0.8, pair_variance=3.0, cell_variance=1.4, skewness=0.0)
    assert mean.contexts_needed(0.5, level=0.05) is None
