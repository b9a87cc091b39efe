"""An order that is computed place by place is a permutation, and looks like a drawn one."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from desdecero.pipelines.training.data.shuffle import Permutation


@pytest.mark.parametrize("size", [*range(1, 70), 255, 256, 257, 1000, 4096, 4097, 100_003])
def test_everything_comes_once(size: int) -> None:
    order = Permutation(size, (0, 0, 0))(np.arange(size))
    assert np.array_equal(np.sort(order), np.arange(size))


def test_place_by_place_is_the_same_as_all_at_once() -> None:
    order = Permutation(1000, (3, 0, 7))
    together = order(np.arange(1000))
    assert [int(order(np.array([place]))[0]) for place in range(1000)] == together.tolist()


def test_the_order_is_fixed_for_good() -> None:
    """A run that was begun with another version of a library goes on in the same order."""
    assert Permutation(10, (0, 0, 0))(np.arange(10)).tolist() == [4, 6, 8, 3, 9, 7, 0, 5, 1, 2]


def test_small_sizes_meet_all_orders_equally_often() -> None:
    seen = Counter(tuple(Permutation(5, (0, 0, epoch))(np.arange(5)).tolist()) for epoch in range(3_000))
    orders = list(itertools.permutations(range(5)))
    assert stats.chisquare([seen[order] for order in orders]).pvalue > 0.001


@pytest.mark.parametrize("size", [1000, 5000, 65_536, 200_000_000])
def test_large_sizes_look_drawn(size: int) -> None:
    """Values are uniform over the range, wherever in the order one looks; steps from one to the next are, too."""
    places = np.arange(min(size, 50_000))
    for start in (0, size - len(places)):
        order = Permutation(size, (0, 0, start))(places + start)
        cells = stats.contingency.crosstab(places * 10 // len(places), order * 10 // size).count
        assert stats.chi2_contingency(cells).pvalue > 0.001
        assert abs(stats.spearmanr(order[:-1], order[1:]).statistic) < 4 / np.sqrt(len(order))
        jumps = np.diff(order) % size
        assert stats.kstest(jumps / size, "uniform").pvalue > 0.001


def test_epochs_and_seeds_have_orders_that_know_nothing_of_each_other() -> None:
    orders = [Permutation(50_000, key)(np.arange(50_000)) for key in ((0, 0, 0), (0, 0, 1), (1, 0, 0))]
    for one, other in itertools.combinations(orders, 2):
        assert (one == other).sum() < 10  # one place in common is expected
        assert abs(stats.spearmanr(one, other).statistic) < 4 / np.sqrt(50_000)


def test_a_batch_of_a_huge_corpus_takes_no_memory() -> None:
    tracemalloc.start()
    order = Permutation(200_000_000, (0, 0, 0))(np.arange(150_000_000, 150_000_512))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(set(order.tolist())) == 512 and order.max() < 200_000_000
    assert peak < 100_000
