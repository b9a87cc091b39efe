"""Calibration: is a model right as often as it is sure?

    calibration(scores)                      # expected calibration error, and the bins that it is made of
    calibration_of(confidences, right)       # the same, of answers of any kind

For each token that is asked for, the probability of the model's first choice is its confidence. Tokens are put into
equal ranges of confidence, and the error is the mean over tokens of the distance between the accuracy and the mean
confidence of their range (Guo et al. 2017, "On Calibration of Modern Neural Networks", §2). Labels of texts and spans
that a model found are treated alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from desdecero.eval_suites.models.windows import BINS, DocumentScore
from desdecero.eval_suites.results import Calibration, CalibrationBin


def calibration(scores: Sequence[DocumentScore]) -> Calibration | None:
    """Return the calibration over all tokens of all documents; None for scores that tell nothing of it."""
    totals = np.zeros((BINS, 3))
    for score in scores:
        if score.bins:
            totals += score.bins
    return _of_totals(totals)


def calibration_of(confidences: ArrayLike, right: ArrayLike) -> Calibration | None:
    """Return the calibration of answers by their confidence, a probability, and whether they are right; None for
    none."""
    sure, hits = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=np.float64)
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    return _of_totals(np.stack([np.bincount(bins, part, BINS) for part in (np.ones(len(sure)), sure, hits)], axis=1))


def _of_totals(totals: NDArray[np.float64]) -> Calibration | None:
    """Return the calibration by the number of answers of each range, their summed confidence, and how many are
    right."""
    tokens = totals[:, 0]
    if not tokens.any():
        return None
    used = tokens > 0
    confidence, accuracy = totals[used, 1] / tokens[used], totals[used, 2] / tokens[used]
    error = float(np.sum(tokens[used] * np.abs(accuracy - confidence)) / tokens.sum())
    return Calibration(
        error=error,
        bins=[
            CalibrationBin(tokens=int(number), confidence=min(1.0, float(sure)), accuracy=float(right))
            for number, sure, right in zip(tokens[used], confidence, accuracy, strict=True)
        ],
    )
