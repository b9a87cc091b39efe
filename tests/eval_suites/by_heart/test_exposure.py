"""Canaries that a small model was trained on, among controls of the same generator that it never saw."""

from __future__ import annotations

import math

import numpy as np
import pytest
from memorised import memorised
from small_models import language_model

from desdecero.eval_suites.by_heart.exposure import lower_by_chance, measure_exposure, ranks_among


def texts(count: int, seed: int) -> list[str]:
    """Made-up sentences of one form: five words and six digits, each a token."""
    generator = np.random.default_rng(seed)
    names = ["Ana", "Luis", "Rosa", "Hugo", "Inés", "Iván", "Nuria", "Mateo", "Elena", "Diego"]
    return [
        f"the number of {generator.choice(names)} is " + " ".join(map(str, generator.integers(0, 10, 6)))
        for _ in range(count)
    ]


def test_what_was_repeated_is_exposed_and_what_was_not_is_as_any_control() -> None:
    known, unknown, controls = texts(12, 1), texts(12, 2), texts(200, 3)
    # Every token is known to the model, and so is the form.
    model = memorised([*known, *texts(4, 4)], steps=60)
    found, lines = measure_exposure(model, {64: known, 1: unknown}, controls, seed=0)
    never, often = found.repetitions
    assert (never.repetitions, often.repetitions, found.controls) == (1, 64, 200)
    assert often.p_value < 0.01 < 0.05 < never.p_value
    assert often.exposure.value > never.exposure.value + 2
    assert often.exposure.low is not None and often.exposure.low > 3 and often.first >= 6
    assert found.largest == math.log2(201) >= max(line["exposure"] for line in lines)
    assert [line["repetitions"] for line in lines] == [1] * 12 + [64] * 12
    assert set(lines[0]) == {"repetitions", "loss", "rank", "exposure"}  # and no text


def test_a_rank_counts_those_that_are_as_likely() -> None:
    controls = np.array([3.0, 1.0, 2.0, 2.0])
    assert ranks_among(np.array([0.5, 1.0, 2.0, 9.0]), controls).tolist() == [1, 2, 4, 5]


def test_exposure_of_what_was_never_trained_on_is_1_44_bits() -> None:
    generator = np.random.default_rng(0)
    bits = [math.log2(1001) - np.log2(ranks_among(*np.split(generator.random(1008), [8]))).mean() for _ in range(400)]
    assert np.mean(bits) == pytest.approx(1 / math.log(2), abs=0.1)


def test_the_permutation_test_accuses_as_often_as_it_says_and_finds_what_is_there() -> None:
    generator = np.random.default_rng(0)
    skewed = [generator.exponential(size=208) for _ in range(600)]
    p_values = np.array([lower_by_chance(each[:8], each[8:], 199, seed=number) for number, each in enumerate(skewed)])
    assert 0.03 <= (p_values <= 0.05).mean() <= 0.07
    assert lower_by_chance(np.full(8, 0.5), np.arange(1.0, 1001.0), 999, seed=0) == 1 / 1000
    assert lower_by_chance(np.ones(8), np.ones(100), 999, seed=0) == 1


@pytest.mark.parametrize(
    ("kind", "canaries", "controls", "reason"),
    [("bert", 8, 100, "not_causal"), ("llama", 0, 100, "too_few_canaries"), ("llama", 8, 99, "too_few_canaries")],
)
def test_what_cannot_be_measured_has_a_reason(kind: str, canaries: int, controls: int, reason: str) -> None:
    found, lines = measure_exposure(language_model(kind), {4: texts(canaries, 0)}, texts(controls, 1))
    assert (found.not_measured, found.repetitions, lines) == (reason, [], [])
