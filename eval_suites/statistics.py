"""Confidence intervals, tests of paired differences and of symmetry, and the correction for multiple tests.

The unit is the document, the item or the probe, or a cluster of them, never the token: tokens of one document resemble
each other, and intervals that count them as independent come out far too narrow. What is resampled is drawn from more
of its kind; strata (the paradigms of a suite) are not, so the mean over them is one for these strata alone.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from desdecero.eval_suites.results import Estimate, ShareEstimate

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

LEAST_EFFECTIVE = 8.0
"""Effective documents or clusters below which there is no interval. Of 20,000 simulated draws of
20 documents with log-normal sizes (σ 1.2), those with four to six effective documents left fewer than two degrees of
freedom: intervals twice as wide as with eight to twelve, which hold the truth in 99% instead of 95 to 97% of draws."""

MANY_DEGREES = 1e5
"""Degrees of freedom from which a noncentral t distribution is taken as normal: quantiles differ by less than 1e-4."""

CHUNK_ELEMENTS = 1_000_000
"""Documents drawn at a time: some 40 MB, for any size of the corpus and any number of resamples."""

ERROR_FLOOR = 0.1
"""Lower bound of a draw's standard error, as a share of the sample's. Draws that repeat one document have an
error near 0; without a floor, their infinite deviations make the interval of a handful of documents infinite."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the confidence interval around it."""

    value: float
    low: float
    high: float

    def estimate(self) -> Estimate:
        """Return the interval as a part of a report."""
        return Estimate(value=self.value, low=self.low, high=self.high)

    def share(self) -> ShareEstimate:
        """Return the interval of a share as a part of a report."""
        return ShareEstimate(value=self.value, low=self.low, high=self.high)


@dataclass(frozen=True)
class Spread:
    """An estimate with the variance of its sampling distribution, and how well that variance is known."""

    value: float
    variance: float
    """Delete-one jackknife variance."""
    freedom: float
    """Degrees of freedom of the t distribution that the standardised estimate is referred to."""
    effective: float
    """Effective number of units: that of units of equal weight whose mean has the same variance."""

    @property
    def tells(self) -> bool:
        """True if there are enough units for an interval."""
        return self.effective >= LEAST_EFFECTIVE and self.freedom > 0

    def interval(self, confidence: float) -> Interval | None:
        """Return the estimate ± t standard errors, or None if there are too few units."""
        if not self.tells:
            return None
        half = t_quantile((1 + confidence) / 2, self.freedom) * math.sqrt(self.variance)
        return Interval(self.value, self.value - half, self.value + half)

    def share(self, confidence: float) -> Interval | None:
        """Return the estimate as a share between 0 and 1 with a score interval, or None if there are too few units.

        Wilson's, of as many independent trials as would give the same variance, with t in place of the normal
        quantile (Korn & Graubard 1998, Survey Methodology 24; Franco et al. 2019, Journal of Survey Statistics and
        Methodology 7, compare seven intervals of clustered shares). It has a width near 0 and 1 too; where all units
        agree, the trials are the effective units.
        """
        if not self.tells:
            return None
        trials = self.value * (1 - self.value) / self.variance if self.variance > 0 else self.effective
        return _score_interval(self.value, trials, t_quantile((1 + confidence) / 2, self.freedom))


# --- shares of independent items -------------------------------------------------------------------------------


def wilson(successes: int, n: int, confidence: float) -> Interval:
    """Return a share with its score interval (Wilson 1927), sound even near 0 and 1 and for small `n`.

    Raises `ValueError` for no trials, or a number of successes that is not between 0 and `n`.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes among {n} trials are not a share")
    return _score_interval(successes / n, n, NormalDist().inv_cdf((1 + confidence) / 2))


def _score_interval(share: float, trials: float, quantile: float) -> Interval:
    z, n = quantile, trials
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))  # by rounding


# --- ratios, means and their differences, by jackknife -----------------------------------------------------------


def effective_documents(sizes: ArrayLike) -> float:
    """Return (Σ b)² / Σ b², the number of equal documents that would say as much (Kish 1965); 0 for none."""
    weights = np.asarray(sizes, dtype=np.float64)
    return float(weights.sum() ** 2 / np.sum(weights**2)) if np.any(weights) else 0.0


def jackknife_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    confidence: float,
    clusters: Sequence[Hashable] | None = None,
) -> Interval | None:
    """Return Σ numerators / Σ denominators over documents, with its interval; None below `LEAST_EFFECTIVE` of them.

    Bits per byte (bits over bytes), perplexity's exponent (nats over tokens) and accuracy (hits over tokens) are such
    ratios. `clusters` has a label for each document; documents with the same label are left out together.
    """
    return ratio_spread(numerators, denominators, clusters).interval(confidence)


def jackknife_difference(
    before: ArrayLike,
    after: ArrayLike,
    denominators: ArrayLike,
    confidence: float,
    clusters: Sequence[Hashable] | None = None,
) -> Interval | None:
    """Return the change Σ after / Σ denominators − Σ before / Σ denominators, with its interval, as `jackknife_ratio`.

    It is paired: a document is left out of both sums, so what makes it hard for both models cancels out.
    """
    change = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    return ratio_spread(change, denominators, clusters).interval(confidence)


def clustered_share(values: ArrayLike, clusters: Sequence[Hashable], confidence: float) -> Interval | None:
    """Return the share of items that are right, with an interval over clusters, such as the templates behind them.

    `values` lie between 0 and 1; a tie is 0.5. None below `LEAST_EFFECTIVE` clusters.
    """
    _check_shares(values)
    return ratio_spread(values, np.ones(len(clusters)), clusters).share(confidence)


def stratified_mean(
    values: ArrayLike,
    strata: Sequence[Hashable],
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval | None:
    """Return the mean over strata of the share of items that are right in each, with its interval.

    The strata (the paradigms of a suite) are taken as they are: the interval is for more items of these paradigms, and
    says nothing of other paradigms. `values` lie between 0 and 1; a tie is 0.5. None below `LEAST_EFFECTIVE` units.
    """
    _check_shares(values)
    return stratified_spread(values, strata, clusters).share(confidence)


def units(clusters: Sequence[str]) -> list[str] | None:
    """Return the unit that each item is drawn with: its cluster, or itself where it has none; None without clusters."""
    return [name or f"\0{number}" for number, name in enumerate(clusters)] if any(clusters) else None


def ratio_spread(numerators: ArrayLike, denominators: ArrayLike, clusters: Sequence[Hashable] | None = None) -> Spread:
    """Return Σ numerators / Σ denominators with its delete-one jackknife variance.

    Left out is one document at a time, or one cluster (Cochran 1977, §6.17; as a cluster-robust variance it is CV3,
    MacKinnon, Nielsen & Webb 2023, Journal of Econometrics 232). Its degrees of freedom are in `_freedom`.

    Raises `ValueError` for arrays of different lengths, no documents, or denominators that are negative or all 0.
    """
    above, below = _checked(numerators, denominators)
    owners = None if clusters is None else numbered(clusters, len(above))
    return _spread(above, below, np.zeros(len(above), dtype=np.int64), owners)


def stratified_spread(
    values: ArrayLike,
    strata: Sequence[Hashable],
    clusters: Sequence[Hashable] | None = None,
    denominators: ArrayLike | None = None,
) -> Spread:
    """Return the mean over strata of the mean in each, with its variance within strata (Cochran 1977, §5.3).

    With `denominators` it is the mean over strata of Σ values / Σ denominators.
    One label stands for one cluster also where it occurs in several strata. A stratum of a single unit has no variance
    of its own: such strata are collapsed into one (Cochran 1977, §5A.12), which overstates it; a lone one is given
    the mean variance of a unit elsewhere.
    """
    above, below = _checked(values, np.ones(len(strata)) if denominators is None else denominators)
    owners = None if clusters is None else numbered(clusters, len(above))
    return _spread(above, below, numbered(strata, len(above)), owners)


def _check_shares(values: ArrayLike) -> None:
    array = np.asarray(values, dtype=np.float64)
    if not np.all((array >= 0) & (array <= 1)):
        raise ValueError("values of items are not shares between 0 and 1")


def _checked(numerators: ArrayLike, denominators: ArrayLike) -> tuple[Floats, Floats]:
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if above.shape != below.shape or above.ndim != 1:
        raise ValueError(f"numerators of shape {above.shape} have denominators of shape {below.shape}")
    if not (np.all(np.isfinite(above)) and np.all(np.isfinite(below)) and np.all(below >= 0) and np.any(below)):
        raise ValueError("a ratio needs finite numbers, and denominators that are positive")
    return above, below


def numbered(labels: Sequence[Hashable], n: int) -> Indices:
    """Return the labels of `n` values as numbers from 0, in the order in which they first occur."""
    if len(labels) != n:
        raise ValueError(f"{n} values have {len(labels)} labels")
    known: dict[Hashable, int] = {}
    return np.fromiter((known.setdefault(label, len(known)) for label in labels), dtype=np.int64, count=n)


def _spread(above: Floats, below: Floats, strata: Indices, clusters: Indices | None) -> Spread:
    """Return the mean over strata of Σ above / Σ below, with its jackknife variance over units.

    A unit is an item, or what a cluster has in one stratum; the deviations of a cluster are added over its strata.
    """
    count = int(strata.max()) + 1
    if clusters is None:
        owner = np.arange(len(above))
    else:  # one unit for each pair of stratum and cluster that occurs
        pairs, unit = np.unique(strata * (int(clusters.max()) + 1) + clusters, return_inverse=True)
        above, below = _sums(unit, above, len(pairs)), _sums(unit, below, len(pairs))
        strata, owner = np.divmod(pairs, int(clusters.max()) + 1)
    keep = below > 0  # the rest say nothing: documents without a token that was hidden
    above, below, strata, owner = above[keep], below[keep], strata[keep], owner[keep]
    totals = _sums(strata, below, count)
    if not np.all(totals):
        raise ValueError("a stratum has no items")
    value = float(np.mean(_sums(strata, above, count) / totals))
    shares = below / totals[strata] / count
    weights = _sums(owner, shares, int(owner.max()) + 1)
    effective = float(1 / np.sum(weights**2))

    units, weight = np.bincount(strata, minlength=count), np.full(count, 1 / count)
    alone, lone = units[strata] == 1, units == 1
    lonely: int | None = None
    if lone.sum() > 1:  # collapsed into one stratum of units that weigh the same
        first = int(np.flatnonzero(lone)[0])
        above, below = np.where(alone, above / below, above), np.where(alone, 1.0, below)
        weight = np.where(lone, 0.0, weight)
        weight[first] = lone.sum() / count
        strata = np.where(alone, first, strata)
        units = np.bincount(strata, minlength=count)
    elif lone.any():
        lonely = int(np.flatnonzero(lone)[0])
    told = units[strata] > 1
    if not told.any():
        return Spread(value, 0.0, 0.0, effective)

    above, below, strata, owner = above[told], below[told], strata[told], owner[told]
    moved, variances, freedom = jackknife(above, below, strata, count)
    summed = _sums(owner, weight[strata] * moved, int(owner.max()) + 1)
    variance = float(np.sum(summed**2))
    parts, degrees = weight**2 * variances, freedom
    if lonely is not None:
        others = units > 1
        parts[lonely] = weight[lonely] ** 2 * float(np.mean((variances * units)[others]))
        degrees[lonely] = float(np.sum(freedom[others]))
        variance += float(parts[lonely])
    if clusters is not None and len(np.unique(owner)) < len(owner):  # clusters that reach over strata
        return Spread(value, variance, float(np.sum(weights**2) ** 2 / np.sum(weights**4)) - 1, effective)
    some = parts > 0
    if not some.any():
        return Spread(value, variance, float(np.sum(degrees)), effective)
    # Satterthwaite 1946; for strata, Cochran 1977, (5.16).
    return Spread(value, variance, float(parts.sum() ** 2 / np.sum(parts[some] ** 2 / degrees[some])), effective)


def jackknife(above: Floats, below: Floats, strata: Indices, count: int) -> tuple[Floats, Floats, Floats]:
    """Return what leaving out a unit changes, and by stratum the variance of Σ above / Σ below and its freedom.

    Takes all units of all strata in one array, none of them alone in its stratum and none with 0 below. The variances
    are the sums of the squared changes.
    """
    totals, units = _sums(strata, below, count), np.bincount(strata, minlength=count)
    ratios = _quotient(_sums(strata, above, count), totals)
    residuals, number = above - ratios[strata] * below, units[strata]
    # Leaving a unit out moves the ratio by residual / (total − its own), exactly.
    moved = residuals / (totals[strata] - below) * np.sqrt((number - 1) / number)
    return moved, _sums(strata, moved**2, count), _freedom(below, residuals, strata, totals)


def _freedom(below: Floats, residuals: Floats, strata: Indices, totals: Floats) -> Floats:
    """Return the degrees of freedom of each stratum's jackknife variance, for units of unequal size.

    The variance is a quadratic form of the units' errors; twice its squared mean over its variance are its degrees of
    freedom, if these errors are normal (Bell & McCaffrey 2002, Survey Methodology 28; Imbens & Kolesár 2016, Review of
    Economics and Statistics 98). That needs a model of the errors' variances. If documents differ as wholes these grow
    with the square of the size, if only their tokens do with the size. The first gives the fewest degrees: intervals of
    documents of very unequal size are then too wide (up to 98.7% at 95%) where tokens are what differs. A mixture of
    both, fitted to the residuals, is too trusting where longer documents are easier (down to 92% where that explains a
    tenth of what differs). The geometric mean of the two kept to 93–98% in simulations, which the tests repeat, except
    where size explains a quarter and σ is over 1: 89% of 20 documents, 92% of 50, 94% of 200 at σ = 1.2.
    """
    whole = _satterthwaite(below, below**2, strata, totals)
    fitted = _satterthwaite(below, _error_variances(below, residuals, strata, len(totals)), strata, totals)
    together: Floats = np.sqrt(whole * fitted)
    return together


def _satterthwaite(below: Floats, errors: Floats, strata: Indices, totals: Floats) -> Floats:
    """Return the degrees of freedom by stratum if the errors of units have the variances `errors`.

    With residuals e_i − b_i Σe/B, weighted by k_i = 1 / (B − b_i), the covariances are C_ij = [i = j] V_i +
    b_i b_j (ΣV/B² − (V_i/b_i + V_j/b_j)/B), and the degrees (Σ k_i² C_ii)² / Σ k_i² k_j² C_ij².
    """
    count = len(totals)
    safe = np.where(totals > 0, totals, 1.0)  # strata without units here

    def added(values: Floats) -> Floats:
        return _sums(strata, values, count)

    common = added(errors) / safe**2
    total, each, factor = safe[strata], errors / below, (below / (safe[strata] - below)) ** 2
    zero, one, two = added(factor), added(factor * each), added(factor * each**2)
    pairs = common**2 * zero**2 - 4 * common * zero * one / safe + (2 * two * zero + 2 * one**2) / safe**2
    diagonal = below**2 * (common[strata] - 2 * each / total)
    scale = 1 / (total - below)
    own = errors + diagonal
    pairs += added(scale**4 * (own**2 - diagonal**2))
    means = added(scale**2 * own)
    return _quotient(means**2, pairs)


def _error_variances(below: Floats, residuals: Floats, strata: Indices, count: int) -> Floats:
    """Fit τ b + σ² b² with τ, σ² ≥ 0 to squared residuals by stratum; b² where there is nothing to fit.

    It is the line of (residual / b)² on 1 / b, weighted by b².
    """
    weights, inverse, squares = below**2, 1 / below, (residuals / below) ** 2

    def mean(values: Floats) -> Floats:
        return _quotient(_sums(strata, weights * values, count), _sums(strata, weights, count))

    mean_x, mean_y = mean(inverse), mean(squares)
    spread_x = mean((inverse - mean_x[strata]) ** 2)
    together = mean((inverse - mean_x[strata]) * (squares - mean_y[strata]))
    equal = spread_x <= 1e-12 * mean_x**2
    slope = np.where(equal, 0.0, np.maximum(together, 0) / np.where(equal, 1.0, spread_x))
    level = mean_y - slope * mean_x
    none = level <= 0
    slope = np.where(none & ~equal, mean_y / np.where(mean_x > 0, mean_x, 1.0), slope)
    level = np.where(none, 0.0, level)
    fitted = slope[strata] * below + level[strata] * weights
    return np.where(mean_y[strata] > 0, fitted, weights)


def _sums(labels: Indices, values: Floats, count: int) -> Floats:
    """Return the sum of the values of each label from 0 to `count`."""
    return np.bincount(labels, values, count).astype(np.float64)


def _quotient(above: Floats, below: Floats) -> Floats:
    """Return above / below, and 0 where there is nothing below."""
    quotient: Floats = np.divide(above, below, out=np.zeros(len(below)), where=below > 0)
    return quotient


def t_quantile(share: float, freedom: float) -> float:
    """Return the quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


def noncentral_t_quantile(share: float, freedom: float, shift: float) -> float:
    """Return the quantile of the noncentral t distribution; that of a normal one where it has very many degrees."""
    from scipy.special import nctdtrit

    if freedom > MANY_DEGREES:
        return shift + NormalDist().inv_cdf(share)
    return float(nctdtrit(freedom, shift, share))


def t_tail(statistic: float, freedom: float) -> float:
    """Return the probability that Student's t exceeds `statistic`."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -statistic))


# --- of the audit: bootstrap of a mean, and permutations ----------------------------------------------------------


def bootstrap_mean(values: ArrayLike, resamples: int, confidence: float, seed: int) -> Interval:
    """Return the mean of one value per probe, with a studentised bootstrap interval over probes.

    In simulations, this interval (bootstrap-t: Efron & Tibshirani 1993, §12.5) holds the truth nearly as often as it
    says, and the percentile and BCa intervals clearly less often.

    Raises `ValueError` for fewer than two probes: one says nothing about how others differ.
    """
    probes = np.asarray(values, dtype=np.float64)
    if probes.ndim != 1 or len(probes) < 2:
        raise ValueError(f"an interval needs at least two probes, given {probes.shape}")
    (value,), (error,) = _mean_and_error(probes[None])
    if error == 0:  # every probe says the same
        return Interval(float(value), float(value), float(value))
    deviations = _studentized_deviations(probes, value, error, resamples, seed)
    left, right = np.quantile(deviations, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(value - right * error), float(value - left * error))


def permutation_test(differences: ArrayLike, permutations: int, seed: int) -> float:
    """Return the two-sided p-value that paired `differences` are symmetric around 0, by flipping signs at random.

    The observed signs count as one of the permutations, so the p-value is never 0 and the test never rejects
    more often than it says (Phipson & Smyth 2010).
    """
    values = np.asarray(differences, dtype=np.float64)
    generator = np.random.default_rng(seed)
    observed, extreme = abs(values.mean()), 1
    for count in _chunks(permutations, len(values)):
        signs = generator.integers(0, 2, size=(count, len(values)), dtype=np.int8) * 2 - 1
        # The tolerance counts permutations that equal the observed one but for the order of additions.
        extreme += int(np.sum(np.abs(signs @ values / len(values)) >= observed * (1 - 1e-12)))
    return extreme / (permutations + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of any false finding among them stays below the level (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


# --- the parts of the bootstrap --------------------------------------------------------------------------------


def _mean_and_error(values: Floats) -> tuple[Floats, Floats]:
    """Return the mean and its standard error, of shape (draws,), for values of shape (draws, probes)."""
    mean = values.mean(axis=1)
    return mean, np.sqrt(np.sum((values - mean[:, None]) ** 2, axis=1)) / values.shape[1]


def _studentized_deviations(values: Floats, value: float, error: float, resamples: int, seed: int) -> Floats:
    """Return each draw's deviation from `value`, in the draw's own standard errors, shape (resamples,).

    Probes are drawn with replacement.
    """
    generator, deviations = np.random.default_rng(seed), []
    for count in _chunks(resamples, len(values)):
        drawn = generator.integers(0, len(values), size=(count, len(values)))
        mean, own_error = _mean_and_error(values[drawn])
        deviations.append((mean - value) / np.maximum(own_error, ERROR_FLOOR * error))
    return np.concatenate(deviations)


def _chunks(rows: int, columns: int) -> list[int]:
    """Split `rows` so that a chunk has at most `CHUNK_ELEMENTS` elements, or one row."""
    size = max(1, CHUNK_ELEMENTS // columns)
    return [min(size, rows - start) for start in range(0, rows, size)]
