"""A measured value with its interval over clusters, its p-value, and the untrained twin's value."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from desdecero.eval_suites.public_sets.results import Figure
from desdecero.eval_suites.results import Part
from desdecero.eval_suites.statistics import Interval, Spread, stratified_spread, t_tail

Result = TypeVar("Result", bound=Part)


@dataclass(frozen=True)
class Scored(Generic[Result]):
    """The result of a set, and what was measured of each item."""

    result: Result
    lines: list[dict[str, Any]]


def wins(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 where a difference is above 0, 0 where it is below, and a half where it is 0."""
    won: NDArray[np.float64] = (np.sign(differences) + 1) / 2
    return won


def share_figure(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    confidence: float,
    chance: float | None = 0.5,
    strata: Sequence[Hashable] | None = None,
    untrained: ArrayLike | None = None,
) -> Figure:
    """Return the share of items, over strata that weigh alike, with a score interval over clusters.

    values: between 0 and 1, a tie is 0.5; strata: one by default; untrained: the untrained twin's values
    """
    spread = _spread(values, clusters, strata)
    p_value = None if chance is None else _score_test(spread, chance)
    return _figure(spread, spread.share(confidence), p_value, chance, clusters, strata, untrained)


def mean_figure(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    confidence: float,
    strata: Sequence[Hashable] | None = None,
    untrained: ArrayLike | None = None,
) -> Figure:
    """Return the mean of items, over strata that weigh alike, with an interval over clusters; chance is 0."""
    spread = _spread(values, clusters, strata)
    if spread.variance == 0:  # every cluster says the same, as where nothing was found: that is no proof of 0
        return _figure(spread, None, None, 0.0, clusters, strata, untrained)
    return _figure(spread, spread.interval(confidence), _t_test(spread), 0.0, clusters, strata, untrained)


def difference_figure(
    values: ArrayLike,
    sides: Sequence[bool],
    clusters: Sequence[Hashable],
    confidence: float,
    untrained: ArrayLike | None = None,
) -> Figure:
    """Return the mean of the items on the first side (true) minus that on the second, as `mean_figure`.

    It is the mean over both sides of twice the values, with the second's sign changed.
    """
    signs = np.where(sides, 2.0, -2.0)
    twin = None if untrained is None else signs * np.asarray(untrained)
    return mean_figure(signs * np.asarray(values), clusters, confidence, sides, twin)


def _spread(values: ArrayLike, clusters: Sequence[Hashable], strata: Sequence[Hashable] | None) -> Spread:
    return stratified_spread(values, [""] * len(clusters) if strata is None else strata, clusters)


def _figure(
    spread: Spread,
    interval: Interval | None,
    p_value: float | None,
    chance: float | None,
    clusters: Sequence[Hashable],
    strata: Sequence[Hashable] | None,
    untrained: ArrayLike | None,
) -> Figure:
    return Figure(
        value=spread.value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        chance=chance,
        p_value=p_value,
        untrained=None if untrained is None else _spread(untrained, clusters, strata).value,
        items=len(clusters),
        clusters=len(set(clusters)),
    )


def _t_test(spread: Spread) -> float | None:
    if not spread.tells:
        return None
    return 2 * t_tail(abs(spread.value) / math.sqrt(spread.variance), spread.freedom)


def _score_test(spread: Spread, chance: float) -> float | None:
    """Return the p-value of the test that `Spread.share` inverts: the interval leaves out what it rejects."""
    if not spread.tells:
        return None
    share, variance = spread.value, spread.variance
    trials = share * (1 - share) / variance if variance > 0 else spread.effective
    distance = abs(share - chance) / math.sqrt(chance * (1 - chance) / trials)
    return 2 * t_tail(distance, spread.freedom)
