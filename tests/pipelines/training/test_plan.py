"""The plan: a budget in minutes is revised once, by how long steps really take, and stays one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from pipelines.recipe import load_recipe
from pipelines.run_dir import RunDir
from pipelines.training.plan import Plan, revise
from pipelines.training.processes import join_processes
from pipelines.training.trainer import Training

PROBED = Plan(
    steps=100, probed_steps=100, revise_at=40, revised=False, micro_batch_size=4, precision="fp32", compiled=False,
    compiled_because="", validate_every=10, validation_sequences=4, seconds_per_step=0.5, seconds=60.0,
    flops_per_second=1e9, mfu=0.1, cost=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("elapsed", "steps"),
    [
        (20.0, 100),  # half a second each, as probed: 30 of the minute are left
        (16.0, 125),
        (30.0, 66),
        (70.0, 41),  # the minute is over: one more
    ],
)
def test_what_is_left_of_the_budget_is_spent_at_the_pace_so_far(
    tiny: Callable[[str], Path], tmp_path: Path, elapsed: float, steps: int
) -> None:
    home, out = tiny("gpt2"), RunDir(tmp_path / "out")
    out.pretrain.mkdir(parents=True)
    words = ["pretrain.budget={minutes: 1}", "pretrain.price_per_hour={amount: 36, currency: EUR}"]
    training = Training(load_recipe(home / "tiny.yaml", words), RunDir(home / "run"), join_processes())
    training.prepare("fp32", compiled=False)
    found = revise(PROBED, training, out, spent=10.0, elapsed=elapsed)
    assert (found.steps, found.revised, found.probed_steps) == (steps, True, 100)
    assert found.seconds == pytest.approx(10 + steps * elapsed / 40)
    assert found.cost == pytest.approx(0.01 * found.seconds)
    assert json.loads(out.plan.read_text()) == asdict(found)
    assert [found.steps_at(step) for step in (0, 39, 40, 65)] == [100, 100, steps, steps]
