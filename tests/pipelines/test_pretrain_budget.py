"""A budget in minutes binds all of the stage, and one that has no room for training is refused before it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import DESDECERO, ROOT
from tiny_training import pretrain, report

from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages

Tiny = Callable[[str], Path]
TOO_LARGE = ["pretrain.budget={minutes: 0.1}", "model.hidden_size=256", "model.layers=4", "pretrain.batch_size=256"]


def words(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_a_budget_without_room_for_training_is_refused_and_nothing_is_written(
    tiny: Tiny, architecture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tiny(architecture)
    started = time.process_time()  # of this process alone, however busy the machine is
    assert pretrain(home, *TOO_LARGE) == 2
    assert time.process_time() - started < 60  # a single step takes seconds
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("desdecero: pretrain.budget.minutes 0.1 has room for at most ")
    for advice in ("minutes or more", "pretrain.batch_size", "model.context_length", "model.size", "--anyway"):
        assert advice in sentence
    unsealed = home / "run" / "unsealed" / "pretrain"
    assert not (unsealed / "plan.json").exists() and not (unsealed / "checkpoints").exists()
    assert not (home / "run" / "model").exists()


def test_anyway_trains_warns_and_is_no_part_of_the_fingerprint(tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    home = tiny("llama")
    settings = ["pretrain.budget={minutes: 0.02}", "pretrain.keep_every_steps=1"]
    assert pretrain(home, *settings) == 2
    assert pretrain(home, *settings, "--anyway") == 0
    assert "steps are few: below 1,000" in capsys.readouterr().out
    assert report(home)["few_steps"] is True and report(home)["steps"] >= 1
    recipe, run = load_recipe(home / "tiny.yaml", settings), RunDir(home / "run")
    assert run.state(stages(recipe)["pretrain"], recipe).name == "sealed"

    # What was begun so is finished without being asked again.
    shutil.copytree(run.pretrain, run.unsealed.pretrain)
    (run.unsealed.pretrain / "done.json").unlink()
    for checkpoint in run.unsealed.checkpoints.iterdir():
        if checkpoint.name != "step-000000":
            shutil.rmtree(checkpoint)
    assert pretrain(home, *settings) == 0


def test_few_steps_that_the_recipe_asks_for_are_trained_with_a_warning(
    tiny: Tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tiny("gpt2")
    for budget in ("{steps: 3}", "{tokens: 300}"):
        assert pretrain(home, f"pretrain.budget={budget}") == 0
        assert "3 steps are few" in capsys.readouterr().out
        assert report(home)["few_steps"] is True


@pytest.mark.slow
@pytest.mark.parametrize("anyway", [[], ["--anyway"]], ids=["refused", "anyway"])
def test_two_processes_that_accelerate_starts_decide_together(tiny: Tiny, anyway: list[str]) -> None:
    home = tiny("llama")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1"]
    launch += ["--num_processes", "2", "--mixed_precision", "no", "--dynamo_backend", "no"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    command = [*launch, ROOT / "pipelines" / "pretrain.py", home / "tiny.yaml", "--run-dir", home / "run", *anyway]
    command += words("pretrain.budget={minutes: 0.02}")
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    if anyway:
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert report(home)["processes"] == 2 and report(home)["few_steps"] is True
    else:
        assert finished.returncode != 0
        assert finished.stderr.count("desdecero: pretrain.budget.minutes 0.02 has room for") == 1


@pytest.mark.slow
def test_run_passes_anyway_on_to_the_processes_that_it_starts(tiny: Tiny) -> None:
    home = tiny("llama")
    command = [DESDECERO, "run", home / "tiny.yaml", "--run-dir", home / "run", "--until", "pretrain"]
    command += ["--processes", "2", *words("pretrain.budget={minutes: 0.02}")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert refused.returncode == 2, refused.stderr
    assert refused.stderr.count("has room for") == 1
    finished = subprocess.run([*command, "--anyway"], env=environment, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    plan = json.loads((home / "run" / "pretrain" / "plan.json").read_text())
    assert plan["steps"] == report(home)["steps"]
