"""Confidence intervals, permutation tests, and the correction for multiple tests.

The unit is the document (or the probe), never the token: tokens of one document resemble each other, and
intervals that count them as independent come out far too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from desdecero.eval_suites.results import Estimate, ShareEstimate

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


def wilson(successes: int, n: int, confidence: float) -> Interval:
    """Return a share with its score interval (Wilson 1927), sound even near 0 and 1 and for small `n`.

    Raises `ValueError` for no trials, or a number of successes that is not between 0 and `n`.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes among {n} trials are not a share")
    z, share = _quantile((1 + confidence) / 2), successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))  # by rounding


def bootstrap_ratio(
    numerators: ArrayLike, denominators: ArrayLike, resamples: int, confidence: float, seed: int
) -> Interval:
    """Return Σ numerators / Σ denominators over documents, with a studentised bootstrap interval over documents.

    Bits per byte (bits over bytes), perplexity's exponent (nats over tokens) and accuracy (hits over tokens)
    are all such ratios. In simulations of a hundred or fewer documents of very unequal length, this interval
    (bootstrap-t: Efron & Tibshirani 1993, §12.5) holds the truth nearly as often as it says, and the percentile
    and BCa intervals clearly less often.

    Raises `ValueError` for fewer than two documents: one says nothing about how others differ.
    """
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if above.shape != below.shape or above.ndim != 1 or len(above) < 2:
        raise ValueError(f"an interval needs at least two documents, given {above.shape} over {below.shape}")
    (value,), (error,) = _ratio_and_error(above[None], below[None])
    if error == 0:  # every document says the same
        return Interval(float(value), float(value), float(value))
    deviations = _studentized_deviations(above, below, value, error, resamples, seed)
    left, right = np.quantile(deviations, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(value - right * error), float(value - left * error))


def bootstrap_mean(values: ArrayLike, resamples: int, confidence: float, seed: int) -> Interval:
    """Return the mean of one value per document (or probe), with its interval."""
    return bootstrap_ratio(values, np.ones_like(np.asarray(values, dtype=np.float64)), resamples, confidence, seed)


def paired_bootstrap_ratio(
    before: ArrayLike, after: ArrayLike, denominators: ArrayLike, resamples: int, confidence: float, seed: int
) -> Interval:
    """Return the change Σ after / Σ denominators − Σ before / Σ denominators, with its interval.

    Both models are resampled on the same documents, so what makes a document hard for both cancels out.
    """
    change = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    return bootstrap_ratio(change, denominators, resamples, confidence, seed)


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


def _ratio_and_error(
    above: NDArray[np.float64], below: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ratio of sums and its standard error, by linearisation (Cochran 1977, §6.3).

    The inputs have shape (draws, documents), the outputs (draws,).
    """
    total = below.sum(axis=1)
    ratio = above.sum(axis=1) / total
    residuals = above - ratio[:, None] * below
    return ratio, np.sqrt(np.sum(residuals**2, axis=1)) / total


def _studentized_deviations(
    above: NDArray[np.float64], below: NDArray[np.float64], value: float, error: float, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Return each draw's deviation from `value`, in the draw's own standard errors, shape (resamples,).

    Documents are drawn with replacement.
    """
    generator, deviations = np.random.default_rng(seed), []
    for count in _chunks(resamples, len(above)):
        drawn = generator.integers(0, len(above), size=(count, len(above)))
        ratio, own_error = _ratio_and_error(above[drawn], below[drawn])
        deviations.append((ratio - value) / np.maximum(own_error, ERROR_FLOOR * error))
    return np.concatenate(deviations)


def _chunks(rows: int, columns: int) -> list[int]:
    """Split `rows` so that a chunk has at most `CHUNK_ELEMENTS` elements, or one row."""
    size = max(1, CHUNK_ELEMENTS // columns)
    return [min(size, rows - start) for start in range(0, rows, size)]


def _quantile(share: float) -> float:
    """Return the quantile of the standard normal distribution."""
    return NormalDist().inv_cdf(share)
