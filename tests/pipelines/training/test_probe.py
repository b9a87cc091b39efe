"""The probe turns minutes into steps, and chooses by measuring."""

from __future__ import annotations

import time

import pytest
import torch

from pipelines.recipe import Pretrain
from pipelines.training.probe import choose_compile, choose_precision, matmul_seconds, steps_in_budget


def test_steps_fill_what_the_probe_left_of_the_budget() -> None:
    started = time.perf_counter()
    steps, each = steps_in_budget(2.0, started, lambda step: time.sleep(0.02), lambda: time.sleep(0.05), repeats=4)
    spent = time.perf_counter() - started
    assert each == pytest.approx(0.02, rel=0.5)
    assert steps * each + 4 * 0.05 + spent == pytest.approx(2.0, abs=0.2)


def test_a_budget_shorter_than_the_probe_still_trains_one_step() -> None:
    steps, _ = steps_in_budget(0.01, time.perf_counter(), lambda step: time.sleep(0.01), lambda: None, repeats=1)
    assert steps == 1


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
