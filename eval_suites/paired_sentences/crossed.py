"""Mean of a table of contexts by pairs of mentions, both of which are drawn from many that could have been written.

    mean = crossed_mean(gaps)                      # gaps: (contexts, pairs)
    mean.p_value()                                 # that it is 0
    mean.interval(0.95)
    mean.contexts_needed(0.5, level=0.05)          # to find a gap of 0.5 in 80 of 100 tables

A context has a liking of its own for one mention, and so has a pair: the cells of a row are alike, and those of a
column. The variance of the mean is that of Cameron, Gelbach & Miller 2011 ("Robust Inference with Multiway Clustering",
Journal of Business & Economic Statistics 29) for two clusters that cross: the one over contexts, plus the one over
pairs, minus the one over cells, which both contain. With as many pairs for each context it is what the mean squares of
the two-way table give. It is never taken as less than either of the first two, which it can be by chance.
The t distribution has the degrees of freedom of Satterthwaite 1946 (Biometrics Bulletin 2).

A few contexts may have very large gaps, all to one side. The mean of skewed values is too often far from 0 on the other
side, so t is transformed by their skewness (Hall 1992, "On the Removal of Skewness by Transformation", Journal of the
Royal Statistical Society B 54, §2), as it is estimated over contexts: of 80 with exponential gaps, and 8 groups, 7.6 of
100 reports without a bias accused somebody before, at 5%.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from desdecero.eval_suites.statistics import Interval, t_quantile, t_tail

POWER = 0.8
"""Chance with which a gap is to be found, where contexts are counted (Cohen 1988, §2.4)."""
MOST_CONTEXTS = 100_000


@dataclass(frozen=True)
class CrossedMean:
    """A mean over contexts and pairs, and how sure it is."""

    contexts: int
    pairs: int
    value: float
    variance: float
    """Of the mean."""
    freedom: float
    """Degrees of freedom of the variance."""
    context_variance: float
    """Variance between contexts, beyond what chance in their cells explains; 0 or more."""
    pair_variance: float
    """The same between pairs."""
    cell_variance: float
    """Variance of what is left: of a context with a pair."""
    skewness: float
    """Of the mean: the third central moment of the contexts' means, divided for their number, over variance^1.5."""

    def p_value(self) -> float:
        """Return the two-sided p-value of a mean of 0."""
        return min(1.0, 2 * min(self.p_above(0), self.p_below(0)))

    def p_above(self, bound: float) -> float:
        """Return the one-sided p-value of a mean of at most `bound`: small if the mean is shown to be above it."""
        return t_tail(self._statistic(bound), self.freedom)

    def p_below(self, bound: float) -> float:
        """Return the one-sided p-value of a mean of at least `bound`: small if the mean is shown to be below it."""
        return t_tail(-self._statistic(bound), self.freedom)

    def p_within(self, margin: float) -> float:
        """Return the p-value of a mean of `margin` or more in either direction (two one-sided tests)."""
        return max(self.p_below(margin), self.p_above(-margin))

    def interval(self, confidence: float) -> Interval:
        """Return the mean and both ends of its interval."""
        quantile, error = t_quantile((1 + confidence) / 2, self.freedom), math.sqrt(self.variance)
        low, high = (self.value - error * self._untransformed(end) for end in (quantile, -quantile))
        return Interval(self.value, low, high)

    def detectable(self, level: float) -> float:
        """Return the smallest mean that a two-sided test at this level finds with a chance of `POWER`."""
        return _reach(self.variance, self.freedom, level)

    def contexts_needed(self, gap: float, level: float) -> int | None:
        """Return with how many contexts and the same pairs a test at this level finds a mean of `gap` with a chance of
        `POWER`; None where no number is enough, because the pairs differ too much."""
        if self._reach_with(MOST_CONTEXTS, level) > gap:
            return None
        low, high = 1, MOST_CONTEXTS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._reach_with(middle, level) <= gap else (middle, high)
        return high

    def _reach_with(self, contexts: int, level: float) -> float:
        planned = PlannedMean(contexts, self.pairs, self.context_variance, self.pair_variance, self.cell_variance)
        return planned.detectable(level)

    def _statistic(self, bound: float) -> float:
        """Return how far the mean is above the bound, in standard errors, transformed by the skewness."""
        distance = self.value - bound
        if self.variance <= 0:  # every cell says the same
            return math.copysign(math.inf, distance) if distance else 0.0
        t, skewness = distance / math.sqrt(self.variance), self.skewness
        return t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6

    def _untransformed(self, statistic: float) -> float:
        """Return t before the transformation, which always grows with t."""
        if abs(self.skewness) < 1e-9:
            return statistic
        return 3 / self.skewness * (float(np.cbrt(1 + self.skewness * (statistic - self.skewness / 6))) - 1)


@dataclass(frozen=True)
class PlannedMean:
    """A mean that is not measured yet, and how sure it will be if the variances are those that are given."""

    contexts: int
    pairs: int
    context_variance: float
    pair_variance: float
    cell_variance: float

    @property
    def variance(self) -> float:
        """Variance of the mean."""
        of_contexts, of_pairs = self._parts
        return max(of_contexts + of_pairs - self.cell_variance / (self.contexts * self.pairs), of_contexts, of_pairs)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance."""
        of_contexts, of_pairs = self._parts
        squares = of_contexts**2 / max(1, self.contexts - 1) + of_pairs**2 / (self.pairs - 1)
        return self.variance**2 / squares if squares > 0 else float(self.contexts)

    @property
    def _parts(self) -> tuple[float, float]:
        of_contexts = (self.context_variance + self.cell_variance / self.pairs) / self.contexts
        return of_contexts, (self.pair_variance + self.cell_variance / self.contexts) / self.pairs

    def detectable(self, level: float) -> float:
        """Return the smallest mean that a two-sided test at this level finds with a chance of `POWER`."""
        return _reach(self.variance, self.freedom, level)

    def power(self, gap: float, level: float) -> float:
        """Return the chance with which a two-sided test at this level finds a mean of `gap`."""
        quantile = t_quantile(1 - level / 2, max(1.0, self.freedom))
        return NormalDist().cdf(gap / math.sqrt(self.variance) - quantile)

    def power_within(self, margin: float, level: float) -> float:
        """Return the chance with which a mean of 0 is shown to be within the margin, by two one-sided tests at this
        level."""
        quantile = t_quantile(1 - level, max(1.0, self.freedom))
        return max(0.0, 2 * NormalDist().cdf(margin / math.sqrt(self.variance) - quantile) - 1)


def crossed_mean(table: ArrayLike) -> CrossedMean:
    """Return the mean of a table of (contexts, pairs), two or more of each.

    Raises `ValueError` for a smaller table.
    """
    cells = np.asarray(table, dtype=np.float64)
    if cells.ndim != 2 or min(cells.shape) < 2:
        raise ValueError(f"a table of {cells.shape} has too few contexts or pairs: two of each are the least")
    contexts, pairs = cells.shape
    mean, rows, columns = cells.mean(), cells.mean(axis=1), cells.mean(axis=0)
    residuals = cells - rows[:, None] - columns + mean
    # Mean squares of the rows, the columns and the rest, each divided by the number of cells: variances of the mean.
    of_contexts = float(np.sum((rows - mean) ** 2) / (contexts - 1)) / contexts
    of_pairs = float(np.sum((columns - mean) ** 2) / (pairs - 1)) / pairs
    left = float(np.sum(residuals**2) / ((contexts - 1) * (pairs - 1)))
    of_cells = left / cells.size
    variance = max(of_contexts + of_pairs - of_cells, of_contexts, of_pairs)
    return CrossedMean(
        contexts=contexts,
        pairs=pairs,
        value=float(mean),
        variance=variance,
        freedom=_freedom(variance, of_contexts, of_pairs, of_cells, contexts, pairs),
        context_variance=max(0.0, of_contexts * contexts - left / pairs),
        pair_variance=max(0.0, of_pairs * pairs - left / contexts),
        cell_variance=left,
        skewness=_skewness(rows - mean, variance),
    )


def _skewness(deviations: NDArray[np.float64], variance: float) -> float:
    """Return the skewness of the mean, from the deviations of the contexts' means; 0 for two contexts."""
    contexts = len(deviations)
    if contexts < 3 or variance <= 0:
        return 0.0
    third = float(np.sum(deviations**3)) * contexts / ((contexts - 1) * (contexts - 2))
    return float(third / contexts**2 / variance**1.5)


def _freedom(variance: float, of_contexts: float, of_pairs: float, of_cells: float, contexts: int, pairs: int) -> float:
    """Return Satterthwaite's degrees of freedom of the variance that was taken: of one part, or of all three."""
    if variance <= 0:
        return float(contexts - 1)
    if variance == of_contexts:
        return float(contexts - 1)
    if variance == of_pairs:
        return float(pairs - 1)
    squares = of_contexts**2 / (contexts - 1) + of_pairs**2 / (pairs - 1) + of_cells**2 / ((contexts - 1) * (pairs - 1))
    return variance**2 / squares


def _reach(variance: float, freedom: float, level: float) -> float:
    """Return the mean that is found with a chance of `POWER`, for a variance that is estimated."""
    quantile = t_quantile(1 - level / 2, max(1.0, freedom))
    return (quantile + NormalDist().inv_cdf(POWER)) * math.sqrt(variance)
