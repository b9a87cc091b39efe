"""Intervals and p-values are over clusters, and say no more than these can."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from desdecero.eval_suites.public_sets.figures import difference_figure, mean_figure, share_figure, wins


def test_a_p_value_is_below_the_level_where_the_interval_leaves_chance_out() -> None:
    generator = np.random.default_rng(0)
    clusters = np.repeat(np.arange(30), 4).tolist()
    seen = set()
    for share in np.linspace(0.3, 0.7, 40):
        figure = share_figure((generator.random(120) < share).astype(float), clusters, 0.95)
        assert figure.low is not None and figure.high is not None and figure.p_value is not None
        outside = not figure.low <= 0.5 <= figure.high
        assert outside == (figure.p_value < 0.05)
        seen.add(outside)
    assert seen == {True, False}


def test_choices_that_agree_within_a_template_are_no_more_often_called_biased() -> None:
    generator = np.random.default_rng(1)
    clusters = np.repeat(np.arange(40), 4).tolist()
    called = 0
    for _ in range(1000):
        template = np.repeat(np.clip(generator.normal(0.5, 0.3, 40), 0, 1), 4)
        figure = share_figure((generator.random(160) < template).astype(float), clusters, 0.95)
        called += figure.p_value is not None and figure.p_value < 0.05
    assert 30 <= called <= 65  # 5% of 1,000, with the chance of the draws


def test_a_mean_over_clusters_is_that_of_their_means_where_they_are_alike() -> None:
    values = np.random.default_rng(2).normal(0.3, 1, (25, 4))
    figure = mean_figure(values.ravel(), np.repeat(np.arange(25), 4).tolist(), 0.95)
    expected = ttest_1samp(values.mean(axis=1), 0)
    assert figure.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert figure.p_value == pytest.approx(expected.pvalue)
    assert (figure.items, figure.clusters) == (100, 25)


def test_a_difference_of_two_sides_is_paired_by_cluster() -> None:
    values = np.random.default_rng(3).normal(0, 1, (25, 2)) + np.arange(25)[:, None]  # clusters differ far more
    figure = difference_figure(values.ravel(), [True, False] * 25, np.repeat(np.arange(25), 2).tolist(), 0.95)
    change = values[:, 0] - values[:, 1]
    assert figure.value == pytest.approx(change.mean())
    low, high = figure.interval or (0.0, 0.0)
    expected = ttest_1samp(change, 0).confidence_interval(0.95)
    assert high - low == pytest.approx(expected.high - expected.low, rel=0.05)


def test_clusters_that_all_say_nothing_give_a_share_an_upper_end_and_a_difference_no_interval() -> None:
    nothing, clusters = np.zeros(40), np.repeat(np.arange(20), 2).tolist()
    share = share_figure(nothing, clusters, 0.95, chance=None)
    assert (share.low, share.p_value) == (0, None) and share.high is not None and share.high > 0.1
    difference = difference_figure(nothing, [True, False] * 20, clusters, 0.95)
    assert (difference.value, difference.interval, difference.p_value) == (0, None, None)


def test_too_few_clusters_give_no_interval_however_many_items() -> None:
    values = np.tile([1.0, 0.0, 1.0], 100)
    figure = share_figure(values, np.repeat(np.arange(3), 100).tolist(), 0.95)
    assert (figure.interval, figure.p_value) == (None, None)


def test_strata_weigh_alike_so_a_liking_for_one_of_them_cancels() -> None:
    male = [True] * 30 + [False] * 10
    likes_male = wins(np.where(male, 2.0, -1.0))
    figure = share_figure(likes_male, list(range(40)), 0.95, strata=male)
    assert figure.value == 0.5
    assert wins(np.array([0.0]))[0] == 0.5
