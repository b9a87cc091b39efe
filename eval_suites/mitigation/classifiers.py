"""Mitigate a classifier on a model's features, by fairlearn, and compare it with the classifier as it is.

    changes = classifier_changes(features, labels, sides, "threshold", seeds=[0, 1, 2], confidence=0.95)

threshold   a threshold for each side, chosen so that the rates are equal (Hardt, Price & Srebro 2016: fairlearn's
            `ThresholdOptimizer`). It needs the side of each text that is classified
reduction   classifiers trained with weights that punish unequal rates, of which one is drawn for each text (Agarwal et
            al. 2018: `ExponentiatedGradient`). It needs the side in training alone

Both are asked for equalized odds. A seed draws three parts of the texts: one trains the classifier, one chooses the
thresholds, and the last tests both. The draws share texts, so their differences vary less than those of new texts
would: the variance has the correction of Nadeau & Bengio 2003 (Machine Learning 52).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.mitigation.receipts import change_over_seeds
from desdecero.eval_suites.mitigation.results import Change

LEAST_TEXTS = 30
"""Texts of each label on each side: ten in each part, as many as a rate needs (`in_use/rates.py`)."""
TEST_TO_TRAINING = 0.5
"""Size of the part to test on, divided by that of the other two."""
ITERATIONS = 1000
"""Of the optimizer at most, as for probes (`tasks/labels.py`)."""


def classifier_changes(
    features: NDArray[Any],
    labels: Sequence[str],
    sides: Sequence[str],
    method: Literal["threshold", "reduction"],
    seeds: Sequence[int],
    confidence: float,
) -> list[Change]:
    """Return the changes of equalized odds, demographic parity and accuracy.

    features: (texts, dimensions); labels, sides: of each text

    Raises `ValueError` for labels or sides that are not two, and for too few texts of a label on a side.
    """
    names, both = sorted(set(labels)), sorted(set(sides))
    if len(names) != 2 or len(both) != 2:
        raise ValueError(f"{len(names)} labels and {len(both)} sides: a classifier is mitigated for two of each")
    counts = Counter(zip(labels, sides, strict=True))
    for cell in ((label, side) for label in names for side in both):
        if counts[cell] < LEAST_TEXTS:
            raise ValueError(
                f"{counts[cell]} texts with the label {cell[0]!r} are about {cell[1]} alone: {LEAST_TEXTS} are the "
                "least"
            )
    truth, side = np.array([label == names[1] for label in labels], dtype=np.int64), np.array(sides)
    found = [_measured(features, truth, side, method, seed) for seed in seeds]
    overlap, smallest, tested = TEST_TO_TRAINING, min(counts.values()) // 3, len(labels) // 3

    def change(place: int, measure: Any, better: Any, step: float) -> Change:
        base, treated = ([one[number][place] for one in found] for number in (0, 1))
        return change_over_seeds(measure, "", better, base, treated, confidence, True, step, overlap)

    return [
        change(0, "equalized_odds", "lower", 1 / smallest),
        change(1, "demographic_parity", "lower", 1 / tested),
        change(2, "accuracy", "higher", 1 / tested),
    ]


Figures = tuple[float, float, float]
"""Equalized odds difference, demographic parity difference, accuracy."""


def _measured(
    features: NDArray[Any], truth: NDArray[Any], side: NDArray[Any], method: str, seed: int
) -> tuple[Figures, Figures]:
    """Return the figures of the classifier as it is, and of the mitigated one, on the same texts."""
    from fairlearn.postprocessing import ThresholdOptimizer
    from fairlearn.reductions import EqualizedOdds, ExponentiatedGradient
    from sklearn.linear_model import LogisticRegression

    fit, choose, test = _parts(truth, side, np.random.default_rng(seed))
    center, spread = features[fit].mean(axis=0), features[fit].std(axis=0) + 1e-6
    rows = (features - center) / spread
    base = LogisticRegression(max_iter=ITERATIONS).fit(rows[fit], truth[fit])
    if method == "threshold":
        optimizer = ThresholdOptimizer(
            estimator=base, constraints="equalized_odds", prefit=True, predict_method="predict_proba"
        )
        optimizer.fit(rows[choose], truth[choose], sensitive_features=side[choose])
        treated = optimizer.predict(rows[test], sensitive_features=side[test], random_state=seed)
    else:
        reduction = ExponentiatedGradient(LogisticRegression(max_iter=ITERATIONS), EqualizedOdds())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fairlearn 0.15 calls pandas 3 in ways that pandas will drop
            reduction.fit(rows[fit], truth[fit], sensitive_features=side[fit])
        treated = reduction.predict(rows[test], random_state=seed)
    return _figures(truth[test], base.predict(rows[test]), side[test]), _figures(truth[test], treated, side[test])


def _parts(truth: NDArray[Any], side: NDArray[Any], generator: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return three parts of the texts, each with a third of each label on each side."""
    parts = list[list[int]]([[], [], []])
    for cell in sorted({*zip(truth.tolist(), side.tolist(), strict=True)}):
        among = generator.permutation(np.flatnonzero((truth == cell[0]) & (side == cell[1])))
        for part, drawn in zip(parts, np.array_split(among, 3), strict=True):
            part += drawn.tolist()
    return [np.sort(np.array(part, dtype=np.int64)) for part in parts]


def _figures(truth: NDArray[Any], predicted: NDArray[Any], side: NDArray[Any]) -> Figures:
    from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference

    odds = equalized_odds_difference(truth, predicted, sensitive_features=side)
    parity = demographic_parity_difference(truth, predicted, sensitive_features=side)
    return float(odds), float(parity), float(np.mean(truth == predicted))
