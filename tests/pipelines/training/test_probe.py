"""The probe turns minutes into steps, and chooses by measuring."""

from __future__ import annotations

import time

import pytest
import torch

from desdecero.pipelines.recipe import Pretrain
from desdecero.pipelines.training.probe import (
    MAX_PROBE_STEPS,
    WARMUP_STEPS,
    choose_compile,
    choose_precision,
    matmul_seconds,
    seconds_of_pass,
    time_steps,
)


def test_the_time_of_a_step_is_not_that_of_a_neighbours_burst() -> None:
    bursts = {0: 0.3, 1: 0.2, 4: 0.6}  # the first compiles; later something else has the processor
    asked: list[int] = []

    def step(number: int) -> None:
        asked.append(number)
        time.sleep(bursts.get(number, 0.04))

    assert time_steps(step, budget_seconds=0) == pytest.approx(0.04, rel=0.7)
    assert asked == list(range(7))


def test_long_budgets_are_probed_longer_and_never_without_end() -> None:
    asked: list[int] = []
    time_steps(lambda step: asked.append(step) or time.sleep(0.02), budget_seconds=80.0)  # type: ignore[func-returns-value]
    assert 2 + 5 < len(asked) <= 2 + 80.0 * 0.01 / 0.02
    asked.clear()
    time_steps(asked.append, budget_seconds=1e6)
    assert len(asked) == WARMUP_STEPS + MAX_PROBE_STEPS


@pytest.mark.parametrize(("steps", "timed"), [(10, 1), (60, 3), (1000, 5)])
def test_of_few_steps_a_twentieth_is_timed(steps: int, timed: int) -> None:
    asked: list[int] = []
    time_steps(asked.append, budget_seconds=0, steps=steps)
    assert len(asked) == WARMUP_STEPS + timed


def test_a_step_that_is_long_for_its_budget_is_timed_once() -> None:
    asked: list[int] = []
    assert time_steps(lambda step: asked.append(step) or time.sleep(0.05), budget_seconds=1.0) >= 0.05  # type: ignore[func-returns-value]
    assert asked == [0, 1]


@pytest.mark.parametrize(
    ("each", "once", "budget", "tried", "expected"),
    [
        (0.001, 0.05, 1e3, [1, 1, 2, 4, 8, 12], 0.062),  # all of them
        (0.1, 0.0, 60.0, [1, 1, 2, 4], 1.2),  # 8 would take 0.8 s, and a hundredth of the budget is 0.6
        (0.16, 0.04, 54.0, [1, 1, 2], 1.96),  # what all have in common is counted once
        (0.05, 0.0, 1.0, [1], 0.6),
    ],
)
def test_a_pass_is_timed_with_more_and_more_sequences_and_no_longer_than_a_share_of_the_budget(
    each: float, once: float, budget: float, tried: list[int], expected: float
) -> None:
    asked: list[int] = []

    def one_pass(rows: int) -> None:
        asked.append(rows)
        time.sleep(once + rows * each)

    found = seconds_of_pass(one_pass, 12, budget)
    assert asked == tried
    assert found == pytest.approx(expected, rel=0.6)


def test_what_is_left_of_the_minutes_decides_on_compilation() -> None:
    wanted = Pretrain(budget={"minutes": 2})  # type: ignore[arg-type]
    compiled, why = choose_compile(wanted, torch.device("cpu"), "bf16", 1e6, 1000, spent=90.0)
    assert (compiled, why) == (False, "a training of some 30 s would not earn the compilation back")


def test_precision_is_the_faster_one_on_this_processor() -> None:
    chosen = choose_precision("auto", torch.device("cpu"))
    other = {"fp32": "bf16", "bf16": "fp32"}[chosen]
    types = {"fp32": torch.float32, "bf16": torch.bfloat16}
    assert matmul_seconds(types[chosen]) < 1.5 * matmul_seconds(types[other])


def test_a_named_precision_is_taken_at_its_word() -> None:
    assert choose_precision("bf16", torch.device("cpu")) == "bf16"


def test_short_training_is_not_compiled() -> None:
    compiled, why = choose_compile(Pretrain(budget={"steps": 10}), torch.device("cpu"), "fp32", 1e6, 1000)  # type: ignore[arg-type]
    assert not compiled
    assert "would not earn" in why


def test_compilation_that_the_recipe_forbids_is_not_tried() -> None:
    wanted = Pretrain(budget={"minutes": 600}, compile="never")  # type: ignore[arg-type]
    assert choose_compile(wanted, torch.device("cpu"), "fp32", 1e6, 1000) == (False, "the recipe says never")
