"""Rates of predictions on two sides, by fairlearn's `MetricFrame`, with permutation tests of their differences.

    compare_groups(truth, predicted, [0, 1, 1, …], ("men", "women"), seed=0)       # other texts on each side
    compare_pairs(truth, with_men, with_women, ("men", "women"), seed=0)           # the same texts on both

Demographic parity: a label is given as often on one side as on the other. Equalized odds: as often to the texts that
have it, and as often to those that have not (Hardt, Price & Srebro 2016). The statistic is the largest difference over
all labels, for two labels the one that fairlearn's functions of these names return.

A largest difference has no interval that could tell it from 0: it is never below, and `MetricFrame.difference_ci` was
above 0.02 in each of 40 draws of five equal groups of 100. So the sides are drawn anew instead, as often as not against
the labels: of pairs within each pair; of groups among all texts for demographic parity, and among the texts of each
true label for equalized odds. The observed sides count as one of the draws (Phipson & Smyth 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from numpy.typing import NDArray

from desdecero.eval_suites.in_use.results import RateDifference, SideComparison, SideRates

LEAST_TEXTS = 30
"""Texts of a side below which it is named and not scored: with 5 groups of 30 that are equal, the expected largest
difference of a rate of one half is 0.17 (computed)."""
LEAST_OF_LABEL = 10
"""Texts with a label (or without it) on each side, below which the rate among them is left out: one text would move it
by over a tenth, and the largest difference would be that of the rarest label."""
PERMUTATIONS = 9_999
"""As many as other tests of the audit make."""
CHUNK = 4_000_000
"""Sides drawn at a time: 40 MB."""

Array = NDArray[np.float64]
Labels = NDArray[np.str_]


def compare_groups(
    truth: Sequence[str], predicted: Sequence[str], sides: Sequence[int], names: tuple[str, str], seed: int
) -> SideComparison:
    """Compare the predictions on texts of one side (0) with those on texts of the other (1)."""
    right, given, side = np.array(truth, np.str_), np.array(predicted, np.str_), np.array(sides, np.int8)
    labels = sorted({*truth, *predicted})
    if min(np.sum(side == 0), np.sum(side == 1)) < LEAST_TEXTS:
        return _too_few({name: int(np.sum(side == number)) for number, name in enumerate(names)})
    chosen, odds = _cells(labels, right, side)
    values = _values(given, labels)

    def tested(cells: Array, columns: Array, strata: Sequence[str]) -> RateDifference | None:
        second = side @ cells
        first = len(side) * cells.mean(axis=0) - second
        whole = np.einsum("ij,ij->j", columns, cells)

        def differences(drawn: NDArray[np.int8]) -> Array:
            """Return the differences of each row of sides, shape (rows, columns)."""
            found = drawn.astype(np.float64) @ (columns * cells)
            return np.asarray(found / second - (whole - found) / first)

        return _tested(differences, side, lambda rows, draw: _within(side, strata, rows, draw), seed)

    everyone = np.ones((len(right), len(labels)))
    return SideComparison(
        sides=_rates(right, given, np.array(names)[side], labels, chosen),
        demographic_parity=tested(everyone, values, [""] * len(right)),
        equalized_odds=tested(odds, np.hstack([values, values])[:, _kept(chosen)], truth) if odds.size else None,
    )


def compare_pairs(
    truth: Sequence[str], first: Sequence[str], second: Sequence[str], names: tuple[str, str], seed: int
) -> SideComparison:
    """Compare the predictions on texts with the words of one side with those on the same texts with the other's."""
    right, both = np.array(truth, np.str_), [np.array(given, np.str_) for given in (first, second)]
    if len(right) < LEAST_TEXTS:
        return _too_few(dict.fromkeys(names, len(right)))
    labels = sorted({*truth, *first, *second})
    twice = np.repeat(np.array([0, 1], np.int8), len(right))
    chosen, odds = _cells(labels, np.tile(right, 2), twice)
    change = _values(both[1], labels) - _values(both[0], labels)

    def tested(cells: Array, columns: Array) -> RateDifference | None:
        def differences(signs: NDArray[np.int8]) -> Array:
            return np.asarray(signs.astype(np.float64) @ (columns * cells) / cells.sum(axis=0))

        def drawn(rows: int, generator: np.random.Generator) -> NDArray[np.int8]:
            return generator.integers(0, 2, size=(rows, len(right)), dtype=np.int8) * np.int8(2) - np.int8(1)

        return _tested(differences, np.ones(len(right), np.int8), drawn, seed)

    return SideComparison(
        sides=_rates(np.tile(right, 2), np.concatenate(both), np.array(names)[twice], labels, chosen),
        demographic_parity=tested(np.ones((len(right), len(labels))), change),
        equalized_odds=(
            tested(odds[: len(right)], np.hstack([change, change])[:, _kept(chosen)]) if odds.size else None
        ),
    )


# --- rates -------------------------------------------------------------------------------------------------------


def _values(given: Labels, labels: Sequence[str]) -> Array:
    """Return 1 where a text is given a label, shape (texts, labels)."""
    return np.asarray(given[:, None] == np.array(labels, np.str_), dtype=np.float64)


def _cells(labels: Sequence[str], truth: Labels, side: NDArray[np.int8]) -> tuple[list[list[str]], Array]:
    """Return the labels whose true and false positive rates are scored, and the texts that each of these is among.

    The texts have shape (texts, rates): 1 where a text has the label of a true positive rate, then where it has not.
    """
    having = _values(truth, labels)
    chosen, columns = [], []
    for among in (having, 1 - having):
        enough = np.minimum(side @ among, (1 - side) @ among) >= LEAST_OF_LABEL
        chosen.append([label for label, kept in zip(labels, enough, strict=True) if kept])
        columns.append(among[:, enough])
    return [list(labels), *chosen], np.hstack(columns)


def _kept(chosen: Sequence[Sequence[str]]) -> list[int]:
    """Return the places of the scored labels among all labels, twice over."""
    place = {label: number for number, label in enumerate(chosen[0])}
    return [place[label] for label in chosen[1]] + [len(place) + place[label] for label in chosen[2]]


def _rates(
    truth: Labels, given: Labels, sides: NDArray[np.str_], labels: Sequence[str], chosen: Sequence[Sequence[str]]
) -> dict[str, SideRates]:
    metrics = {
        "selection": selection_rate,
        "true": true_positive_rate,
        "false": false_positive_rate,
        "texts": lambda right, _: len(right),
    }
    frames = {
        label: MetricFrame(
            metrics=metrics, y_true=(truth == label).astype(int), y_pred=(given == label).astype(int),
            sensitive_features=sides,
        ).by_group
        for label in labels
    }  # fmt: skip
    accuracy = MetricFrame(
        metrics=lambda right, said: float(np.mean(np.asarray(right) == np.asarray(said))),
        y_true=truth, y_pred=given, sensitive_features=sides,
    ).by_group  # fmt: skip
    kinds = ("selection", "true", "false")
    found = {}
    for name in sorted(set(sides.tolist())):
        selection, true, false = (
            {label: float(frames[label].loc[name, kind]) for label in of}
            for kind, of in zip(kinds, chosen, strict=True)
        )
        found[name] = SideRates(
            texts=int(frames[labels[0]].loc[name, "texts"]),
            accuracy=float(accuracy[name]),
            selection_rate=selection,
            true_positive_rate=true,
            false_positive_rate=false,
        )
    return found


def _too_few(texts: dict[str, int]) -> SideComparison:
    sides = {
        name: SideRates(texts=count, accuracy=None, selection_rate={}, true_positive_rate={}, false_positive_rate={})
        for name, count in texts.items()
    }
    return SideComparison(sides=sides, demographic_parity=None, equalized_odds=None)


# --- permutations ------------------------------------------------------------------------------------------------


def _within(
    side: NDArray[np.int8], strata: Sequence[str], rows: int, generator: np.random.Generator
) -> NDArray[np.int8]:
    """Return `rows` permutations of the sides among the texts of each stratum, shape (rows, texts)."""
    drawn, stratum = np.tile(side, (rows, 1)), np.array(strata)
    for name in sorted(set(strata)):
        among = np.flatnonzero(stratum == name)
        drawn[:, among] = generator.permuted(drawn[:, among], axis=1)
    return drawn


def _tested(
    differences: Callable[[NDArray[np.int8]], Array],
    observed: NDArray[np.int8],
    draw: Callable[[int, np.random.Generator], NDArray[np.int8]],
    seed: int,
) -> RateDifference:
    """Return the largest observed difference beside those of drawn sides."""

    def largest(rows: NDArray[np.int8]) -> Array:
        return np.asarray(np.abs(differences(rows)).max(axis=1))

    value, generator = float(largest(observed[None])[0]), np.random.default_rng(seed)
    size, found = max(1, CHUNK // len(observed)), list[Array]()
    for start in range(0, PERMUTATIONS, size):
        found.append(largest(draw(min(size, PERMUTATIONS - start), generator)))
    drawn = np.concatenate(found)
    # The tolerance counts permutations that equal the observed one but for the order of additions.
    extreme = 1 + int(np.sum(drawn >= value - 1e-9))
    return RateDifference(
        value=min(1.0, value), by_chance=min(1.0, float(drawn.mean())), p_value=extreme / (PERMUTATIONS + 1)
    )
