"""Compare models on the same items: which is better, or the same within a margin, or how many items it would take.

    compare(a, b, better="higher", margin=0.01, confidence=0.95)      two models on one suite
    compare_all(models, margin=0.01, confidence=0.95)                 all pairs of models on all suites that they share

Items are matched by hash, and differences are paired: what makes an item hard for both models cancels out. Models with
different tokenizers are compared by byte only: a loss by token, and the accuracy of tokens, depend on how a text is
cut. Which scores are given is for the caller to decide, as is that masked models are not set beside causal ones.

What is drawn at random is the item, the document, or the cluster that the scores name. One training run of each model
is compared with one of the other: a verdict is about these weights, not about what made them.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.results import ComparisonVerdict, Estimate, ModelComparison, PairedComparison
from desdecero.eval_suites.statistics import (
    LEAST_EFFECTIVE,
    Spread,
    holm,
    noncentral_t_quantile,
    numbered,
    ratio_spread,
    stratified_spread,
    t_quantile,
    t_tail,
)

Floats = NDArray[np.float64]
Better = Literal["higher", "lower"]

POWER = 0.8
"""Chance of finding a difference of the margin, by which the number of items is planned (Cohen 1988, §2.4)."""
ROUNDS = 50
"""Most rounds of the fixed point of `_needed`; it settles after a handful."""


@dataclass(frozen=True)
class ItemScores:
    """What one model scored on the items of a suite; the measure is Σ numerators / Σ denominators."""

    hashes: Sequence[str]
    """One for each item, all different: what matches the items of two models."""
    numerators: Sequence[float]
    """Bits of a document; of an item 1 if it is right, 0.5 for a tie, 0 if it is wrong."""
    denominators: Sequence[float]
    """Bytes of a document; 1 for an item."""
    clusters: Sequence[Hashable] | None = None
    """Label of the template or text that an item was made from, where several share one."""
    strata: Sequence[Hashable] | None = None
    """Paradigm of an item, where the measure is the mean over paradigms; denominators are then 1."""


@dataclass(frozen=True)
class SuiteScores:
    """What one model scored on a suite, by the suite's main measure."""

    items: ItemScores
    measure: str
    better: Better


@dataclass(frozen=True)
class _Differences:
    """Differences of two models, item by item, in the order of the first model's items."""

    values: Floats
    sizes: Floats
    clusters: Sequence[Hashable] | None
    strata: Sequence[Hashable] | None
    are_items: bool
    """True for items that are right or wrong, false for sums over documents."""

    def spread(self, clustered: bool = True) -> Spread:
        """Return the difference of the measure with its variance; `clustered=False` takes items as independent."""
        clusters = self.clusters if clustered else None
        if self.strata is None:
            return ratio_spread(self.values, self.sizes, clusters)
        return stratified_spread(self.values, self.strata, clusters)

    def weights(self) -> Floats:
        """Return the weight of each item in the measure; their sum is 1."""
        if self.strata is None:
            return self.sizes / float(self.sizes.sum())
        codes = numbered(self.strata, len(self.sizes))
        counts = np.bincount(codes).astype(np.float64)
        return (1 / (counts * len(counts)))[codes]

    def sides(self) -> tuple[float, float]:
        """Return by how much the first model is ahead where it is, and behind where it is, as shares of all items."""
        weights = self.weights()
        return float(weights @ np.maximum(self.values, 0)), float(weights @ np.maximum(-self.values, 0))


def compare(a: ItemScores, b: ItemScores, better: Better, margin: float, confidence: float) -> PairedComparison:
    """Return the comparison of two models on one suite: the difference is that of `a` minus `b`.

    `margin` is in the unit of the measure: 0.01 is a point of accuracy, or 0.01 bits per byte.

    - The difference has the paired jackknife interval of `statistics.py`, over documents, items or clusters.
    - `effect_size` is d_z: the difference over the standard deviation of the items' differences (Cohen 1988, §2.3.5;
      Lakens 2013, Frontiers in Psychology 4), weighted by size, within strata.
    - `p_value` is that of a paired t-test. For items that are right or wrong, its variance and the interval's are those
      after adding half an item that only `a` gets right and half a one that only `b` does (Agresti & Min 2005,
      Statistics in Medicine 24), so that a handful of items on which the models differ is not taken for certainty.
    - `p_same` is that of two one-sided t-tests (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15)
      at the margin. For items, the variance is the largest likelihood's under a difference of just the margin (Tango
      1998, Statistics in Medicine 17): that of the differences seen is too small where few or none were.
    - The verdict is "same within the margin" if that is shown, though the difference be shown not to be 0; else that
      one is better, if that is shown. Either kind of error has a chance of at most 1 − `confidence` for all
      comparisons together.

    Raises `ValueError` where the two did not score the same items, and for hashes that occur twice.
    """
    return _compare(_matched(a, b), better, margin, confidence, together=1)


def compare_all(
    models: Mapping[str, Mapping[str, SuiteScores]], margin: float, confidence: float
) -> list[ModelComparison]:
    """Return the comparison of every pair of models on each suite that both were scored on, in the order given.

    `models` is model → suite → scores. p-values are adjusted over all of them (Holm 1979), and `needed` is planned for
    the level that the strictest of Holm's steps asks for, which is Bonferroni's.

    Raises `ValueError`, naming suite and models, where two did not score the same items by the same measure.
    """
    asked = [
        (first, second, suite)
        for first, second in combinations(models, 2)
        for suite in models[first]
        if suite in models[second]
    ]
    found: list[ModelComparison] = []
    for first, second, suite in asked:
        one, other = models[first][suite], models[second][suite]
        try:
            if (one.measure, one.better) != (other.measure, other.better):
                raise ValueError(f"{one.measure} is not compared with {other.measure}")
            compared = _compare(_matched(one.items, other.items), one.better, margin, confidence, len(asked))
        except ValueError as error:
            raise ValueError(f"suite {suite}, models {first} and {second}: {error}") from error
        found.append(
            ModelComparison(**compared.model_dump(), suite=suite, measure=one.measure, first=first, second=second)
        )
    differ = _adjusted([one.p_value for one in found])
    same = _adjusted([one.p_same for one in found])
    return [
        one.model_copy(
            update={
                "p_adjusted": p,
                "p_same_adjusted": p_same,
                "verdict": _verdict(one.difference.value, p, p_same, one.better, confidence),
            }
        )
        for one, p, p_same in zip(found, differ, same, strict=True)
    ]


# --- what is matched -------------------------------------------------------------------------------------------


def _matched(a: ItemScores, b: ItemScores) -> _Differences:
    """Return the differences of the items' scores, or raise `ValueError` if the items are not the same."""
    for scores in (a, b):
        _check_lengths(scores)
    places = {key: i for i, key in enumerate(b.hashes)}
    shared = sum(key in places for key in a.hashes)
    if len(set(a.hashes)) < len(a.hashes) or len(places) < len(b.hashes):
        raise ValueError("an item occurs twice among those of one model")
    if not shared == len(a.hashes) == len(b.hashes):
        raise ValueError(
            f"the items are not the same: {len(a.hashes) - shared} are only the first model's, "
            f"{len(b.hashes) - shared} only the second's, {shared} both's"
        )
    order = [places[key] for key in a.hashes]
    one, other = np.asarray(a.numerators, dtype=np.float64), np.asarray(b.numerators, dtype=np.float64)[order]
    sizes = np.asarray(a.denominators, dtype=np.float64)
    if not np.array_equal(sizes, np.asarray(b.denominators, dtype=np.float64)[order]):
        raise ValueError("the items' sizes are not the same: scores by token are not compared, only those by byte")
    for mine, theirs in ((a.clusters, b.clusters), (a.strata, b.strata)):
        if (mine is None) != (theirs is None) or (
            mine is not None and theirs is not None and list(mine) != [theirs[i] for i in order]
        ):
            raise ValueError("the items' clusters or strata are not the same")
    ones = bool(np.all(sizes == 1))
    if a.strata is not None and not ones:
        raise ValueError("a mean over strata is of items, whose denominators are 1")
    both = np.concatenate([one, other])
    return _Differences(one - other, sizes, a.clusters, a.strata, ones and bool(np.all((both >= 0) & (both <= 1))))


def _check_lengths(scores: ItemScores) -> None:
    lengths = {
        len(column)
        for column in (scores.hashes, scores.numerators, scores.denominators, scores.clusters, scores.strata)
        if column is not None
    }
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"the columns of the items have the lengths {sorted(lengths)}: all must have the same")


# --- what is computed ------------------------------------------------------------------------------------------


def _compare(
    differences: _Differences, better: Better, margin: float, confidence: float, together: int
) -> PairedComparison:
    """Return the comparison as if it were alone, except that `needed` is planned for `together` of them."""
    if margin <= 0:
        raise ValueError(f"margin {margin} is not positive")
    spread, items = differences.spread(), len(differences.values)
    variance, at_margin, at_minus = spread.variance, spread.variance, spread.variance
    if differences.are_items:
        independent = _independent_items(differences, spread)
        added, (ahead, behind) = 1 / (independent + 2) ** 2, differences.sides()
        variance += added
        at_margin = _variance_at(margin, ahead, behind) / independent + added
        at_minus = _variance_at(margin, behind, ahead) / independent + added
    p_value = p_same = low = high = None
    if spread.tells:
        half = t_quantile((1 + confidence) / 2, spread.freedom) * math.sqrt(variance)
        low, high = spread.value - half, spread.value + half
        p_value = min(1.0, 2 * _tail(abs(spread.value), variance, spread.freedom))
        p_same = max(
            _tail(margin - spread.value, at_margin, spread.freedom),
            _tail(margin + spread.value, at_minus, spread.freedom),
        )
    return PairedComparison(
        items=items,
        effective_items=spread.effective,
        better=better,
        margin=margin,
        confidence=confidence,
        difference=Estimate(value=spread.value, low=low, high=high),
        effect_size=_effect_size(differences, spread.value),
        p_value=p_value,
        p_adjusted=p_value,
        p_same=p_same,
        p_same_adjusted=p_same,
        needed=_needed(spread, items, margin, (1 - confidence) / together),
        verdict=_verdict(spread.value, p_value, p_same, better, confidence),
    )


def _tail(distance: float, variance: float, freedom: float) -> float:
    """Return the one-sided p-value of an estimate that lies `distance` beyond what is tested."""
    if variance == 0:
        return 0.0 if distance > 0 else 1.0
    return t_tail(distance / math.sqrt(variance), freedom)


def _variance_at(margin: float, ahead: float, behind: float) -> float:
    """Return the variance of an item's difference if the first model is ahead by just the margin (Tango 1998).

    `ahead` and `behind` are the shares of items that only the first, and only the second model got right.
    """
    b, c = (2 - ahead + behind) * margin - ahead - behind, behind * margin * (1 - margin)
    rarer = (math.sqrt(b**2 + 8 * c) - b) / 4  # share of the second, in the likeliest case
    return 2 * rarer + margin * (1 - margin)


def _independent_items(differences: _Differences, spread: Spread) -> float:
    """Return the number of independent items that would tell as much: the effective ones over the design effect."""
    if differences.clusters is None:
        return spread.effective
    independent = differences.spread(clustered=False)
    if not spread.variance or not independent.variance:
        return spread.effective  # of clusters: all agree, or nothing is known of how they differ
    return independent.effective / max(1.0, spread.variance / independent.variance)


def _effect_size(differences: _Differences, value: float) -> float | None:
    """Return the difference in standard deviations of the items' differences, weighted by size, within strata."""
    keep = differences.sizes > 0
    weights, ratios = differences.weights()[keep], differences.values[keep] / differences.sizes[keep]
    centres, lost = np.full(len(ratios), value), float(np.sum(weights**2))
    if differences.strata is not None:
        codes = numbered(differences.strata, len(ratios))
        counts = np.bincount(codes)
        centres, lost = (np.bincount(codes, ratios) / counts)[codes], len(counts) / len(ratios)
    variance = float(np.sum(weights * (ratios - centres) ** 2)) / (1 - lost) if lost < 1 else 0.0
    return value / math.sqrt(variance) if variance > 1e-24 * max(1.0, value**2) else None


def _needed(spread: Spread, items: int, margin: float, level: float) -> int | None:
    """Return the items with which a two-sided t-test at `level` finds a difference of the margin in 80% of draws.

    The variance falls as 1 / items: more documents of these sizes, or more clusters of as many items. It is itself an
    estimate, and the mean of the power over its distribution is what is planned, by the noncentral t distribution
    (Julious & Owen 2006, Pharmaceutical Statistics 5): without it, few items would ask for too few.
    """
    if spread.variance <= 0 or spread.freedom <= 0:
        return None
    least = max(items * LEAST_EFFECTIVE / spread.effective, 2.0)
    needed = float(items)
    for _ in range(ROUNDS):
        before, freedom = needed, max(spread.freedom * max(needed, least) / items, 1.0)
        shift = noncentral_t_quantile(POWER, spread.freedom, t_quantile(1 - level / 2, freedom))
        needed = spread.variance * items * (shift / margin) ** 2
        if abs(needed - before) < 0.1:
            break
    return math.ceil(max(needed, least))


# --- what is concluded -----------------------------------------------------------------------------------------


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values by Holm's method; those that could not be computed are no tests."""
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]


def _verdict(
    difference: float, p: float | None, p_same: float | None, better: Better, confidence: float
) -> ComparisonVerdict:
    level = 1 - confidence + 1e-12  # 1 - 0.95 is a little less than 0.05
    if p_same is not None and p_same <= level:
        return "same within the margin"
    if p is None or p > level or difference == 0:
        return "cannot be told apart"
    return "first better" if (difference > 0) == (better == "higher") else "second better"
