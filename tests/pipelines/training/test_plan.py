"""The plan: a budget in minutes is revised by how long steps really take, and stays one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest

from desdecero.pipelines.recipe import Schedule, load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.devices.processes import join_processes
from desdecero.pipelines.training.model.optimizers import learning_rate_factor
from desdecero.pipelines.training.plan import Plan, revise
from desdecero.pipelines.training.replica import Replica
from desdecero.pipelines.training.task import Pretraining

PROBED = Plan(
    steps=100, probed_steps=100, revise_at=40, revisions=[], micro_batch_size=4, precision="fp32", compiled=False,
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
    replica, file = minute(tiny, tmp_path)
    found = revise(PROBED, replica, file, spent=10.0, elapsed=elapsed)
    assert (found.steps, found.probed_steps) == (steps, 100)
    assert found.revisions == [{"step": 40, "steps": steps, "elapsed": elapsed}]
    assert found.seconds == pytest.approx(10 + steps * elapsed / 40)
    assert found.cost == pytest.approx(0.01 * found.seconds)
    assert json.loads(file.read_text()) == asdict(found)


def test_a_machine_that_gets_slower_late_still_ends_near_its_budget(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    """Half as fast from the 75th step on: one revision would have ended at 75 s of the minute."""
    replica, file = minute(tiny, tmp_path)
    plan, step, elapsed = PROBED, 0, 0.0
    while step < plan.steps:
        if step == plan.revise_at:
            plan = revise(plan, replica, file, spent=10.0, elapsed=elapsed)
        elapsed += 0.5 if step < 75 else 1.0
        step += 1
    assert 10 + elapsed == pytest.approx(60, rel=0.1)
    assert [revision["step"] for revision in plan.revisions] == [40, 70, 90]


def test_each_share_of_the_steps_is_looked_at_once(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """Also where the steps become a few more each time, so that the same share of them lies ahead again."""
    replica, file = minute(tiny, tmp_path)
    plan = replace(PROBED, steps=1000, probed_steps=1000, revise_at=400)
    for elapsed in (19.0, 33.0, 42.0):
        plan = revise(plan, replica, file, spent=10.0, elapsed=elapsed)
    assert [revision["step"] for revision in plan.revisions] == [400, 736, 1030] and plan.revise_at is None


@pytest.mark.parametrize("name", ["warmup_stable_decay", "cosine", "linear"])
def test_the_learning_rate_ends_as_it_would_have_and_makes_no_leap(name: str) -> None:
    revisions = [{"step": 40, "steps": 60, "elapsed": 1.0}, {"step": 50, "steps": 130, "elapsed": 2.0}]
    plan = replace(PROBED, steps=130, revisions=revisions)
    assert [PROBED.place(step) for step in range(101)] == list(range(101))
    places = [plan.place(step) for step in range(131)]
    assert places[:41] == list(range(41)) and places[50] == 70 and places[130] == pytest.approx(100)
    factor = learning_rate_factor(Schedule(name=name), plan.probed_steps)  # type: ignore[arg-type]
    rates = [factor(place) for place in places]
    assert max(abs(after - before) for before, after in pairwise(rates[5:])) < 3.01 * 0.02  # 3 of 100 steps in one
    assert rates[129] == pytest.approx(0.0, abs=0.02)


def minute(tiny: Callable[[str], Path], tmp_path: Path) -> tuple[Replica, Path]:
    """A training of one minute, and where it writes its plan."""
    home = tiny("gpt2")
    words = ["pretrain.budget={minutes: 1}", "pretrain.price_per_hour={amount: 36, currency: EUR}"]
    task = Pretraining(load_recipe(home / "tiny.yaml", words), RunDir(home / "run"))
    return Replica(task, join_processes(), "fp32", compiled=False), tmp_path / "plan.json"
