"""What a mitigation changed over seeds, and the verdicts, on numbers given; the interval by simulation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import ttest_rel

from desdecero.eval_suites.mitigation.receipts import change_over_seeds, judge, worsening
from desdecero.eval_suites.mitigation.results import Change, MitigationReceipt

SEEDS = [0, 1, 2]
LOWER, SAME = [0.2, 0.1, 0.3], [1.3, 1.1, 1.4]
BASE = [1.2, 1.0, 1.5]


def gap(treated: Sequence[float], of: str = "") -> Change:
    return change_over_seeds("gap", of, "lower", BASE, treated, 0.95)


def loss(*worse: float) -> Change:
    return change_over_seeds("loss", "", "lower", [4.0, 4.1, 4.2], [4 + i / 10 + w for i, w in enumerate(worse)], 0.95)


def receipt(*changes: Change) -> MitigationReceipt:
    return judge("counterfactual", {"share": 0.5}, SEEDS, changes, {}, tolerance=0.02, confidence=0.95)


def test_a_change_is_a_paired_t_test_over_seeds() -> None:
    change, peer = gap(LOWER), ttest_rel(LOWER, BASE)
    assert change.p_value == pytest.approx(peer.pvalue)
    interval = peer.confidence_interval(0.95)
    assert (change.change.low, change.change.high) == pytest.approx((interval.low, interval.high))
    assert change.change.value == pytest.approx(np.mean(LOWER) - np.mean(BASE))


def test_the_interval_over_seeds_holds_the_truth() -> None:
    """As often as it says, at 3 and 5 seeds: 2,000 draws, whose share has a standard error of 0.5 points."""
    generator = np.random.default_rng(0)
    for seeds in (3, 5):
        common = generator.normal(0, 2, (2000, seeds))  # what a seed does to both
        base, treated = (common + generator.normal(mean, 0.3, (2000, seeds)) for mean in (0, -0.4))
        found = [change_over_seeds("gap", "", "lower", b, t, 0.95) for b, t in zip(base, treated, strict=True)]
        held = np.mean([one.change.low <= -0.4 <= one.change.high for one in found])  # type: ignore[operator]
        assert 0.935 <= held <= 0.965


@pytest.mark.parametrize(
    ("treated", "cost", "verdict"),
    [
        (LOWER, (0.001, 0.002, -0.001), "mitigated"),
        (LOWER, (0.05, 0.06, 0.04), "refused"),
        (SAME, (0.05, 0.06, 0.04), "refused"),
        (LOWER, (0.03, -0.02, 0.01), "cost unknown"),
        (SAME, (0.001, 0.002, -0.001), "no change shown"),
        ([2.2, 2.0, 2.6], (0.001, 0.002, -0.001), "no change shown"),  # shown, and for the worse
        (BASE, (0, 0, 0), "no change shown"),
    ],
)
def test_a_verdict_takes_account_of_change_and_cost(
    treated: Sequence[float], cost: tuple[float, ...], verdict: str
) -> None:
    assert receipt(gap(treated), loss(*cost)).verdict == verdict


def test_groups_are_adjusted_and_other_measures_have_no_verdict() -> None:
    cheap = loss(0.001, 0.002, -0.001)
    once = receipt(gap(LOWER), gap(LOWER, "en/gender"), cheap)
    many = receipt(gap(LOWER), gap(LOWER, "en/gender"), *(gap(SAME, f"en/{n}") for n in range(7)), cheap)
    assert once.changes[1].verdict == "mitigated" and once.changes[1].p_adjusted == once.changes[1].p_value
    assert many.changes[1].p_adjusted == pytest.approx(8 * once.changes[1].p_value)
    assert many.changes[1].verdict == "no change shown" and many.verdict == "mitigated"
    assert once.changes[-1].verdict is None


def test_what_falls_and_should_not_is_a_cost() -> None:
    accuracy = change_over_seeds("accuracy", "", "higher", [0.8, 0.8, 0.81], [0.7, 0.72, 0.71], 0.95, share=True)
    odds = change_over_seeds("equalized_odds", "", "lower", [0.3, 0.31, 0.3], [0.1, 0.1, 0.12], 0.95, share=True)
    assert worsening(accuracy)[0] == pytest.approx(0.28 / 3)
    assert judge("threshold", {}, SEEDS, [odds, accuracy], {}, 0.02, 0.95).verdict == "refused"


def test_seeds_that_agree_to_the_item_are_not_taken_as_certain() -> None:
    one, all_of_them = ([0.1, 0.1, 0.1], [0.095, 0.095, 0.095]), ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    by_one, by_all = (
        change_over_seeds("extraction", "", "lower", *both, 0.95, True, 0.005) for both in (one, all_of_them)
    )
    assert by_one.p_value > 0.2 and by_all.p_value < 1e-4
    exact = change_over_seeds("extraction", "", "lower", *one, 0.95)
    assert exact.change.low is None and exact.p_value == 1


def test_one_seed_tells_nothing() -> None:
    with pytest.raises(ValueError, match="two seeds"):
        change_over_seeds("gap", "", "lower", [1.0], [0.0], 0.95)


def test_a_receipt_needs_a_cost_and_says_where_its_target_was_not_measured() -> None:
    with pytest.raises(ValueError, match="loss was not measured"):
        receipt(gap(LOWER))
    assert receipt(loss(0.1, 0.1, 0.2)).verdict == "not measured"
