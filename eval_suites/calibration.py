"""Calibration: is a model right as often as it is sure?

    calibration(scores)      # expected calibration error, and the bins that it is made of

For each token that is asked for, the probability of the model's first choice is its confidence. Tokens are put into
equal ranges of confidence, and the error is the mean over tokens of the distance between the accuracy and the mean
confidence of their range (Guo et al. 2017, "On Calibration of Modern Neural Networks", §2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from desdecero.eval_suites.models.windows import BINS, DocumentScore
from desdecero.eval_suites.results import Calibration, CalibrationBin


def calibration(scores: Sequence[DocumentScore]) -> Calibration | None:
    """Return the calibration over all tokens of all documents; None for scores that tell nothing of it."""
    totals = np.zeros((BINS, 3))
    for score in scores:
        if score.bins:
            totals += score.bins
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
