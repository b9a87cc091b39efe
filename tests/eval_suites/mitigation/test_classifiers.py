"""fairlearn's mitigations on features in which the side is mixed with the label."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from desdecero.eval_suites.mitigation.classifiers import classifier_changes
from desdecero.eval_suites.mitigation.receipts import judge


def drawn(texts: int, leaning: float) -> tuple[np.ndarray, list[str], list[str]]:
    """Features that tell the label, and the side by `leaning`; of one side more have the label, if it leans."""
    generator = np.random.default_rng(0)
    side = generator.integers(0, 2, texts)
    label = generator.random(texts) < 0.5 + 0.25 * leaning * (2 * side - 1)
    noise = generator.normal(size=(texts, 4))
    features = noise + np.outer(label, [1.5, 0, 0, 0]) + np.outer(side, [0, 2.5 * leaning, 0, 0])
    return features, ["yes" if one else "no" for one in label], ["women" if one else "men" for one in side]


@pytest.mark.parametrize("method", ["threshold", "reduction"])
def test_unequal_rates_are_made_equal_at_a_cost(method: Literal["threshold", "reduction"]) -> None:
    changes = classifier_changes(*drawn(3000, 1.0), method, range(5), 0.95)
    odds, parity, accuracy = changes
    assert np.mean(odds.base) > 0.3 and np.mean(odds.treated) < 0.15
    assert odds.change.high is not None and odds.change.high < 0 and parity.change.value < 0
    assert accuracy.change.value < 0
    receipt = judge(method, {}, range(5), changes, {}, tolerance=0.2, confidence=0.95)
    assert (receipt.target, receipt.cost, receipt.verdict) == ("equalized_odds", "accuracy", "mitigated")
    assert judge(method, {}, range(5), changes, {}, tolerance=1e-3, confidence=0.95).verdict == "refused"


def test_where_nothing_leans_no_change_is_shown() -> None:
    changes = classifier_changes(*drawn(900, 0.0), "threshold", range(5), 0.95)
    assert judge("threshold", {}, range(5), changes, {}, 1.0, 0.95).verdict == "no change shown"


def test_too_few_texts_or_labels_are_refused() -> None:
    features, labels, sides = drawn(100, 0.0)
    with pytest.raises(ValueError, match="30 are the least"):
        classifier_changes(features, labels, sides, "threshold", range(3), 0.95)
    with pytest.raises(ValueError, match="1 labels and 2 sides"):
        classifier_changes(features, ["yes"] * 100, sides, "threshold", range(3), 0.95)
