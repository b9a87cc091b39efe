"""Judge a mitigation from a base and a treated model for each of some seeds.

    gap = change_over_seeds("gap", "", "lower", base=[1.2, 1.4, 1.1], treated=[0.2, 0.3, 0.1], confidence=0.95)
    receipt = judge("counterfactual", {}, [0, 1, 2], [gap, loss], {}, tolerance=0.02, confidence=0.95)

Both models of a seed have the same draws, so their difference is what counts, and the seed is the unit: an interval
over contexts or documents would say how sure one training's figure is, and nothing of the next training's. With n seeds
the mean difference has Student's t interval of n − 1 degrees of freedom: three seeds find what exceeds 2.5 times the
standard deviation between seeds.

- *mitigated*: the change is for the better, its p-value tells, and the upper end of the cost's interval is within the
  tolerance;
- *refused*: the mean cost is beyond the tolerance, whatever the change;
- *cost unknown*: the change is shown, and the cost is not shown to be within the tolerance;
- *no change shown*: no change for the better is;
- *not measured*: no audit could measure the target, as of a model that is not competent.

The verdict of the receipt is that of all groups together, one test that is known beforehand; those of single groups
take p-values that are adjusted over the groups (Holm 1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from desdecero.eval_suites.mitigation.results import Change, Measure, Method, MitigationReceipt, Verdict
from desdecero.eval_suites.results import Estimate
from desdecero.eval_suites.statistics import holm, t_quantile, t_tail

TARGETS: dict[Method, Measure] = {
    "counterfactual": "gap",
    "reweight": "gap",
    "goldfish": "extraction",
    "threshold": "equalized_odds",
    "reduction": "equalized_odds",
}
"""What each method is meant to change."""
COSTS: dict[Measure, Measure] = {"gap": "loss", "extraction": "loss", "equalized_odds": "accuracy"}
"""Target → the measure by which its cost is told."""
LEAST_SEEDS = 2


def change_over_seeds(
    measure: Measure,
    of: str,
    better: Literal["higher", "lower"],
    base: Sequence[float],
    treated: Sequence[float],
    confidence: float,
    share: bool = False,
    step: float = 0.0,
    overlap: float = 0.0,
) -> Change:
    """Return the change of a measure, paired by seed; it is not judged yet.

    step: the smallest difference that the measure can show, 1 / n for a share of n items. The standard deviation
    between seeds is not taken as smaller: seeds that agree to the item do so by chance
    overlap: of draws from the same data, the size of the test over that of the training data (Nadeau & Bengio 2003)

    Raises `ValueError` for fewer than two seeds, or numbers of values that differ.
    """
    if len(base) != len(treated) or len(base) < LEAST_SEEDS:
        raise ValueError(
            f"{len(base)} values of the base and {len(treated)} of the treated: give two seeds or more each"
        )
    differences = np.asarray(treated, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    mean, freedom = float(differences.mean()), len(differences) - 1
    error = max(float(differences.std(ddof=1)), step) * math.sqrt(1 / len(differences) + overlap)
    if error > 0:
        half = error * t_quantile((1 + confidence) / 2, freedom)
        change = Estimate(value=mean, low=mean - half, high=mean + half)
        p_value = min(1.0, 2 * t_tail(abs(mean) / error, freedom))
    else:  # the same in all seeds: no spread to judge by
        change, p_value = Estimate(value=mean, low=None, high=None), 1.0
    return Change(
        measure=measure, of=of, better=better, share=share, base=list(base), treated=list(treated), change=change,
        p_value=p_value, p_adjusted=None, verdict=None,
    )  # fmt: skip


def judge(
    method: Method,
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    changes: Sequence[Change],
    not_measured: Mapping[str, str],
    tolerance: float,
    confidence: float,
) -> MitigationReceipt:
    """Return the receipt: the changes with their verdicts.

    Raises `ValueError` where the cost was not measured.
    """
    target = TARGETS[method]
    cost = next((one for one in changes if one.measure == COSTS[target]), None)
    if cost is None:
        raise ValueError(f"{COSTS[target]} was not measured, by which the cost of {method} is told")
    groups = [one for one in changes if one.measure == target and one.of]
    adjusted = dict(zip((one.of for one in groups), holm([one.p_value for one in groups]), strict=True))

    def judged(one: Change) -> Change:
        if one.measure != target:
            return one
        p_adjusted = adjusted.get(one.of)
        p_value = one.p_value if p_adjusted is None else p_adjusted
        found = verdict_of(one, p_value, cost, tolerance, confidence)
        return one.model_copy(update={"p_adjusted": p_adjusted, "verdict": found})

    told = [judged(one) for one in changes]
    verdict = next((one.verdict for one in told if (one.measure, one.of) == (target, "")), None)
    return MitigationReceipt(
        method=method, settings=dict(settings), seeds=list(seeds), confidence=confidence, tolerance=tolerance,
        target=target, cost=cost.measure, verdict=verdict or "not measured", changes=told,
        not_measured=dict(not_measured),
    )  # fmt: skip


def verdict_of(change: Change, p_value: float, cost: Change, tolerance: float, confidence: float) -> Verdict:
    """Return the verdict on a change with this p-value, adjusted or not, and what it cost."""
    mean, most = worsening(cost)
    if mean > tolerance:
        return "refused"
    if p_value >= 1 - confidence or (change.change.value > 0) == (change.better == "lower"):
        return "no change shown"
    return "mitigated" if most < tolerance else "cost unknown"


def worsening(cost: Change) -> tuple[float, float]:
    """Return by how much a measure got worse: the mean, and the upper end of its interval if it has one."""
    estimate, sign = cost.change, 1 if cost.better == "lower" else -1
    end = estimate.high if sign > 0 else estimate.low
    return sign * estimate.value, sign * (estimate.value if end is None else end)
