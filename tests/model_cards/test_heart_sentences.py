"""What a model knows by heart, in words."""

from __future__ import annotations

from typing import Any

import pytest

from desdecero.model_cards.heart_sentences import memorization_told


def extracted(count: float, low: float, high: float) -> dict[str, Any]:
    return {"count": count, "of": 200, "value": count / 200, "low": low, "high": high}


def told(sampled: dict[str, Any]) -> str:
    train = {"split": "train", "by": "all", "prefix": 16, "greedy": extracted(4, 0.008, 0.05), "sampled": sampled}
    held_out = {**train, "split": "held_out", "greedy": extracted(0, 0.0, 0.037)}
    extraction = {"not_measured": None, "cells": [train, held_out], "continuation": 32, "draws": 10}
    unasked = {"not_measured": "no_samples"}
    memorization = {"extraction": extraction, "ordinary": unasked, "exposure": None}
    return next(memorization_told("en", {"suites": {"memorization": memorization}})).text


@pytest.mark.parametrize(
    ("sampled", "said"),
    [
        (extracted(5.02, 0.011, 0.056), "; 5.0 of 200, 2.5% (1.1% to 5.6%) among 10 answers"),
        (extracted(4.4e-8, 5e-11, 9.3e-10), "; less than 0.02 of 200, less than 0.010% among 10 answers"),
        (extracted(0, 0.0, 0.0), "; 0 of 200, "),
        ({**extracted(3, 0.0, 0.0), "low": None, "high": None}, "; 3 of 200, 1.5% (no interval) among"),
    ],
)
def test_the_digits_of_a_chance_that_is_next_to_none_are_not_written(sampled: dict[str, Any], said: str) -> None:
    assert said in told(sampled)
    assert "in 4 of 200, 2.0% (0.8% to 5.0%)" in told(sampled)
