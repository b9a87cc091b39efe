"""A budget in minutes binds all of the stage, and one that has no room for training is refused before it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import forked
from tiny_training import pretrain, report
from training_processes import finish, processes, said

from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages

Tiny = Callable[[str], Path]
TOO_LARGE = ["pretrain.budget={minutes: 0.1}", "model.hidden_size=256", "model.layers=4", "pretrain.batch_size=256"]


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
def test_two_processes_decide_together(tiny: Tiny) -> None:
    home = tiny("llama")
    settings = ["pretrain.budget={minutes: 0.02}"]
    with processes(home, 2, settings) as started:
        for process in started:
            process.join(300)
        assert [process.exitcode for process in started] == [2, 2]
    assert said(home).count("desdecero: ") == said(home).count("desdecero: pretrain.budget.minutes 0.02 has room") == 1
    finish(home, 2, settings, flags=["--anyway"])
    assert report(home)["processes"] == 2 and report(home)["few_steps"] is True


@pytest.mark.slow
def test_run_starts_several_processes_when_asked_to_and_passes_anyway_on_to_them(tiny: Tiny) -> None:
    home = tiny("llama")
    command = ["run", home / "tiny.yaml", "--run-dir", home / "run", "--until", "pretrain", "--processes", "2"]
    command += ["--set", "pretrain.budget={minutes: 0.02}"]
    refused = forked(*command, cwd=home)
    assert refused.returncode == 2, refused.stderr
    assert refused.stderr.count("has room for") == 1
    finished = forked(*command, "--anyway", cwd=home)
    assert finished.returncode == 0, finished.stderr
    plan = json.loads((home / "run" / "pretrain" / "plan.json").read_text())
    assert plan["steps"] == report(home)["steps"] and report(home)["processes"] == 2
