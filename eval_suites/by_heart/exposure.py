"""Exposure: how far made-up texts that were trained on (canaries) stand out among others that were not (controls).

    found, lines = measure_exposure(model, {1: texts, 64: others}, controls, confidence=0.95, seed=0)

Exposure is log₂|R| − log₂ rank, where R are the controls and the canary, and the rank is that of the canary's loss
among theirs (Carlini et al. 2019, "The Secret Sharer", §4; there, R is the space of all canaries, approximated by a
sample). Of 1,000 controls it is at most 10 bits. A canary that was not learnt has any rank with the same chance, and
1.44 bits (1 / ln 2) on average.

Canaries and controls are draws of one generator, so in a model that learnt none of them they could have changed places:
a permutation test by repetition needs no more than that. Its statistic is the mean loss, and it is one-sided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.by_heart.results import Exposure, ExposureResult, NotMeasured
from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Estimate
from desdecero.eval_suites.statistics import CHUNK_ELEMENTS, jackknife_ratio

PERMUTATIONS = 9_999
"""p-values down to 0.0001, and Monte Carlo error of a p-value of 0.01 of 0.001."""
LEAST_CONTROLS = 100

Floats = NDArray[np.float64]


def measure_exposure(
    model: LanguageModel,
    canaries: Mapping[int, Sequence[str]],
    controls: Sequence[str],
    confidence: float = 0.95,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    progress: Progress = iter,
) -> tuple[ExposureResult, list[dict[str, Any]]]:
    """Return the exposure by repetitions, and a line for each canary.

    canaries: number of repetitions in the training text → texts that were trained on so often
    controls: texts of the same generator that were never trained on
    """
    reason: NotMeasured | None = None
    if model.objective != "causal":
        reason = "not_causal"
    elif len(controls) < LEAST_CONTROLS or not any(canaries.values()):
        reason = "too_few_canaries"
    if reason:
        return _result([], len(controls), confidence, reason), []
    planted = [(repetitions, text) for repetitions in sorted(canaries) for text in canaries[repetitions]]
    scores = model.score_documents([*(text for _, text in planted), *controls], seed, progress=progress)
    losses = np.array([score.nll for score in scores])
    own, others = losses[: len(planted)], losses[len(planted) :]
    ranks = ranks_among(own, others)
    bits = math.log2(len(others) + 1) - np.log2(ranks)
    owner = np.array([repetitions for repetitions, _ in planted])
    rows = [
        _exposure(int(repetitions), own[owner == repetitions], bits[owner == repetitions], ranks[owner == repetitions],
                  others, confidence, permutations, seed)
        for repetitions in np.unique(owner)
    ]  # fmt: skip
    lines = [
        {"repetitions": repetitions, "loss": float(loss), "rank": int(rank), "exposure": float(exposure)}
        for (repetitions, _), loss, rank, exposure in zip(planted, own, ranks, bits, strict=True)
    ]
    return _result(rows, len(controls), confidence, None), lines


def ranks_among(losses: Floats, controls: Floats) -> NDArray[np.int64]:
    """Return the rank of each loss among the controls' and itself, from 1; a tie counts against it."""
    return 1 + np.searchsorted(np.sort(controls), losses, side="right")


def _exposure(
    repetitions: int, losses: Floats, bits: Floats, ranks: NDArray[np.int64], controls: Floats,
    confidence: float, permutations: int, seed: int,
) -> Exposure:  # fmt: skip
    found = jackknife_ratio(bits, np.ones(len(bits)), confidence)
    low, high = (found.low, found.high) if found else (None, None)
    return Exposure(
        repetitions=repetitions,
        canaries=len(losses),
        exposure=Estimate(value=float(bits.mean()), low=low, high=high),
        first=int((ranks == 1).sum()),
        p_value=lower_by_chance(losses, controls, permutations, seed),
    )


def lower_by_chance(losses: Floats, controls: Floats, permutations: int, seed: int) -> float:
    """Return the one-sided p-value that canaries have so low a mean loss, by permutation of canaries and controls.

    The observed labels count as one of the permutations, so the test never rejects more often than it says (Phipson &
    Smyth 2010).
    """
    everything, generator = np.concatenate([losses, controls]), np.random.default_rng(seed)
    observed, extreme, size = losses.sum(), 1, len(losses)
    at_once = max(1, CHUNK_ELEMENTS // len(everything))
    for start in range(0, permutations, at_once):
        count = min(at_once, permutations - start)
        # The places of the smallest random keys are a random subset.
        keys = generator.random((count, len(everything)), dtype=np.float32)
        drawn = np.argpartition(keys, size, axis=1)[:, :size]
        # The tolerance counts permutations that equal the observed one but for the order of additions.
        extreme += int(np.sum(everything[drawn].sum(axis=1) <= observed + 1e-12 * abs(observed)))
    return extreme / (permutations + 1)


def _result(rows: Sequence[Exposure], controls: int, confidence: float, reason: NotMeasured | None) -> ExposureResult:
    return ExposureResult(
        controls=controls,
        largest=math.log2(controls + 1),
        confidence=confidence,
        repetitions=list(rows),
        not_measured=reason,
    )
