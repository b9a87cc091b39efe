"""Pretraining: what it writes loads in plain transformers, and an interruption leaves no trace in the weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import forked
from safetensors.torch import load_file
from tiny_training import pretrain, report, weights
from training_processes import finish, kill, processes, said
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.pretrain import main
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir

Tiny = Callable[[str], Path]


@pytest.fixture(scope="module")
def trained(tiny_runs: dict[str, Path], once: Callable[[str, Callable[[Path], None]], Path]) -> Callable[[str], Path]:
    """`trained("bert")` → the home of a run of 80 steps, made once: read it only."""

    def make(folder: Path) -> None:
        home = shutil.copytree(tiny_runs[folder.name.removeprefix("shared_trained_")].parent, folder / "home")
        assert pretrain(home, "pretrain.budget={steps: 80}") == 0

    return lambda architecture: once(f"trained_{architecture}", make) / "home"


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
def test_what_is_trained_loads_in_plain_transformers(trained: Tiny, architecture: str) -> None:
    home = trained(architecture)
    auto = AutoModelForMaskedLM if architecture == "bert" else AutoModelForCausalLM
    model = auto.from_pretrained(home / "run" / "model")
    tokenizer = AutoTokenizer.from_pretrained(home / "run" / "model")
    assert (model.config.model_type, model.config.vocab_size) == (architecture, len(tokenizer))
    assert torch.isfinite(model(**tokenizer("Return the value", return_tensors="pt")).logits).all()
    assert report(home)["parameters"] == model.num_parameters()


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_the_loss_falls(trained: Tiny, architecture: str) -> None:
    home = trained(architecture)
    found = report(home)
    assert found["validation_loss"] < found["untrained_validation_loss"] - 0.5
    assert (home / "run" / "pretrain" / "loss.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["llama", "bert", "t5"])
def test_packed_documents_are_learnt_from(tiny: Tiny, model: str) -> None:
    home = tiny("bert" if model == "bert" else "llama")
    changes = ["tokens.packing=best_fit", "pretrain.budget={steps: 60}", f"model.architecture={model}"]
    words = [word for change in changes for word in ("--set", change)]
    done = forked("run", home / "tiny.yaml", "--run-dir", home / "run", "--until", "pretrain", *words, cwd=home)
    assert done.returncode == 0, done.stderr
    found = report(home)
    assert found["validation_loss"] < found["untrained_validation_loss"] - 0.4  # type: ignore[operator]


TIMID = "pretrain.stability={window: 8, deviations: 1.5, skips: 1, return_every: 10, roll_backs: 1000}"
"""Takes common noise for spikes, so that a short run refuses steps and goes back."""


STEADILY_SAVED = ["pretrain.budget={steps: 60}", "pretrain.checkpoint_minutes=0.001", TIMID]


@pytest.fixture(scope="module")
def rolled_back(tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a run that refused steps and went back: read it only."""
    home = Path(shutil.copytree(tiny_runs["llama"].parent, tmp_path_factory.mktemp("timid") / "llama"))
    assert pretrain(home, *STEADILY_SAVED) == 0
    return home


def test_refused_steps_and_roll_backs_are_on_record(rolled_back: Path) -> None:
    home = rolled_back
    found: Any = report(home)
    lines = [json.loads(line) for line in (home / "run" / "pretrain" / "metrics.jsonl").read_text().splitlines()]
    assert found["skipped_steps"] == sum("skipped" in line for line in lines) > 0
    assert found["roll_backs"] and all(
        back["to"] % 10 == 0 and back["to"] < back["step"] for back in found["roll_backs"]
    )
    assert [line["step"] for line in lines if "rolled_back_to" in line] == [b["step"] for b in found["roll_backs"]]
    steps = [line["step"] for line in lines if "loss" in line or "skipped" in line]
    assert steps == list(range(1, 61))  # the data of a step is used once, whatever happened


@pytest.mark.slow
def test_run_killed_after_a_roll_back_goes_on_to_the_same_bits(rolled_back: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(rolled_back, tmp_path / "home"))
    expected, undone = weights(home), report(home)["roll_backs"]
    kill(home, 1, STEADILY_SAVED, step=undone[0]["step"] + 1, delay=0)
    assert pretrain(home, *STEADILY_SAVED) == 0
    assert len(report(home)["resumed_at"]) == 1
    assert (weights(home), report(home)["roll_backs"]) == (expected, undone)


UNSTEADY = [
    "pretrain.budget={steps: 200}", "pretrain.validate_every=0.02", "pretrain.early_stop={patience: 3}",
    "pretrain.optimizer={name: adamw, learning_rate: 0.1}", "pretrain.schedule={name: constant}",
    "pretrain.checkpoint_minutes=0", "pretrain.keep_every_steps=4",
]  # fmt: skip
"""Learns so fast that the held-out loss soon rises and falls as it likes."""


@pytest.fixture(scope="module")
def stopped(tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a run that stopped early: read it only."""
    home = Path(shutil.copytree(tiny_runs["llama"].parent, tmp_path_factory.mktemp("stopped") / "llama"))
    assert pretrain(home, *UNSTEADY) == 0
    return home


def test_early_stop_keeps_the_weights_with_the_lowest_held_out_loss(stopped: Path) -> None:
    home = stopped
    found: Any = report(home)
    stop = found["early_stop"]
    lines = [json.loads(line) for line in (home / "run" / "pretrain" / "metrics.jsonl").read_text().splitlines()]
    validations = {line["step"]: line["validation_loss"] for line in lines[1:] if "validation_loss" in line}
    assert stop["stopped"] and "3 validations in a row" in stop["because"]
    assert (
        stop["at_step"] == found["steps"] == max(validations) == stop["kept_step"] + 12 < stop["planned_steps"] == 200
    )
    assert found["validation_loss"] == min(validations.values()) == validations[stop["kept_step"]]
    assert found["tokens"] == found["steps"] * 4 * 32
    then = home / "run" / "pretrain" / "checkpoints" / f"step-{stop['kept_step']:06d}" / "model.safetensors"
    kept, finished = load_file(then), load_file(home / "run" / "model" / "model.safetensors")
    assert all(torch.equal(kept[name], finished[name]) for name in finished)


@pytest.mark.slow
def test_run_killed_on_its_way_stops_early_at_the_same_step_with_the_same_bits(stopped: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(stopped, tmp_path / "home"))
    expected, stop = weights(home), report(home)["early_stop"]
    kill(home, 1, UNSTEADY, step=stop["kept_step"] + 1, delay=0)
    assert pretrain(home, *UNSTEADY) == 0
    assert len(report(home)["resumed_at"]) == 1
    assert (weights(home), report(home)["early_stop"]) == (expected, stop)


@pytest.mark.slow
def test_terminated_run_saves_before_it_ends(tiny: Tiny) -> None:
    home = tiny("llama")
    metrics = home / "run" / "unsealed" / "pretrain" / "metrics.jsonl"
    with processes(home, 1, ["pretrain.budget={steps: 100000}"]) as (process,):
        deadline = time.monotonic() + 300
        while not (metrics.is_file() and len(metrics.read_text().splitlines()) > 1):
            assert process.is_alive() and time.monotonic() < deadline, said(home)
            time.sleep(0.02)
        process.terminate()
        process.join(300)
        assert process.exitcode == 130, said(home)
    assert "run the same command again to continue" in said(home)
    saved = (home / "run" / "unsealed" / "pretrain" / "checkpoints").glob("step-*")
    assert max(int(path.name[5:]) for path in saved) > 0


@pytest.mark.slow
@pytest.mark.parametrize("settings", [[], ["pretrain.budget={steps: 40}", TIMID]], ids=["calm", "with roll backs"])
def test_two_processes_follow_the_same_loss_curve_as_one(tiny: Tiny, settings: list[str]) -> None:
    home = tiny("llama")
    settings = ["pretrain.precision=fp32", *settings]  # bf16 rounds each product, and differs by more
    assert pretrain(home, *settings) == 0
    alone, undone = losses(home), report(home)["roll_backs"]
    finish(home, 2, settings)
    assert report(home)["processes"] == 2
    assert losses(home) == pytest.approx(alone, abs=1e-4)
    places = [[(back["step"], back["to"]) for back in backs] for backs in (report(home)["roll_backs"], undone)]
    assert places[0] == places[1] and bool(undone) == (TIMID in settings)


def test_accumulated_micro_batches_make_the_same_step_as_a_whole_batch(tiny: Tiny) -> None:
    home = tiny("bert")  # masked: every micro-batch has another number of targets
    assert pretrain(home, "pretrain.precision=fp32") == 0
    whole = losses(home)
    assert pretrain(home, "pretrain.precision=fp32", "pretrain.micro_batch_size=1") == 0
    assert losses(home) == pytest.approx(whole, abs=1e-4)


def losses(home: Path) -> list[float]:
    lines = (home / "run" / "pretrain" / "metrics.jsonl").read_text().splitlines()
    return [line["loss"] for line in map(json.loads, lines) if "loss" in line]


@pytest.mark.slow
def test_a_budget_in_minutes_is_probed_once_and_kept(tiny: Tiny) -> None:
    home = tiny("gpt2")
    started = time.process_time()  # of this process alone, however busy the machine is
    assert pretrain(home, "pretrain.budget={minutes: 0.15}", "--anyway") == 0
    assert time.process_time() - started < 30
    plan = json.loads((home / "run" / "pretrain" / "plan.json").read_text())
    assert plan["steps"] == report(home)["steps"] > 1
    assert plan["seconds_per_step"] > 0
    left = plan["steps"] - plan["revisions"][-1]["step"]
    # A machine that slows down may have spent the budget when it is revised for the last time: one step is left then.
    assert plan["seconds"] == pytest.approx(9, rel=0.1) if left > 1 else plan["seconds"] > 8


def test_a_budget_of_operations_takes_the_steps_that_reach_it(trained: Tiny, tiny: Tiny) -> None:
    home = tiny("llama")
    spent = report(trained("llama"))["flops"] / 80 * 12
    assert pretrain(home, f"pretrain.budget={{flops: {spent:e}}}") == 0
    assert report(home)["steps"] == pytest.approx(12, abs=1)  # :e rounds


@pytest.mark.slow
def test_compiled_training_gives_nearly_the_same_model_under_the_same_names(tiny: Tiny) -> None:
    home = tiny("gpt2")
    settings = ["pretrain.budget={steps: 3}", "pretrain.optimizer.name=adamw", "pretrain.precision=fp32"]
    assert pretrain(home, *settings) == 0
    eager = load_file(home / "run" / "model" / "model.safetensors")
    assert pretrain(home, *settings, "pretrain.compile=always") == 0
    assert report(home)["compiled"] is True
    compiled = load_file(home / "run" / "model" / "model.safetensors")
    assert eager.keys() == compiled.keys()
    assert all(torch.allclose(eager[name], compiled[name], atol=1e-3) for name in eager)


def test_metrics_count_steps_tokens_and_time(trained: Tiny) -> None:
    home = trained("llama")
    lines = [json.loads(line) for line in (home / "run" / "pretrain" / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 81))
    assert steps[-1]["tokens"] == 80 * 4 * 32
    assert all(np.diff([line["seconds"] for line in steps]) > 0)
    assert lines[0]["step"] == 0 and "validation_loss" in lines[0]


def test_bare_training_node_needs_only_the_tokens_and_few_libraries(tiny: Tiny) -> None:
    home = tiny("llama")
    shutil.rmtree(home / "run" / "corpus")
    code = f"""
import sys
for name in ("datasets", "peft", "evaluate", "fairlearn", "gradio", "ftfy", "rensa",
             "license_expression", "desdecero.eval_suites.language_modeling", "desdecero.model_cards.card",
             "desdecero.model_cards.policy.judge", "desdecero.model_cards.pages"):  # of which words and formats suffice
    sys.modules[name] = None  # Python's own way to say: there is no such module
from desdecero.pipelines.pretrain import main
sys.exit(main([{str(home / "tiny.yaml")!r}, "--run-dir", {str(home / "run")!r}]))
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (home / "run" / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize("steps", [12, 40])
def test_diverging_training_is_stopped_with_advice(tiny: Tiny, capsys: pytest.CaptureFixture[str], steps: int) -> None:
    settings = ["pretrain.optimizer={name: sgd, learning_rate: 1e30}", "pretrain.clip_norm=1e30"]
    settings.append(f"pretrain.budget={{steps: {steps}}}")
    assert pretrain(tiny("gpt2"), *settings) == 2
    assert "lower pretrain.optimizer.learning_rate" in capsys.readouterr().err


def test_sequence_longer_than_the_held_out_text_is_refused(tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain(tiny("gpt2"), "model.context_length=100000") == 2
    assert "do not fill one sequence" in capsys.readouterr().err


def test_batch_that_processes_cannot_share_is_refused(tiny_runs: dict[str, Path]) -> None:
    from desdecero.pipelines.training.task import Pretraining
    from desdecero.pipelines.training.trainer import Trainer

    class ThreeProcesses:  # stands for accelerate's object on a machine that no test has
        num_processes = 3
        is_main_process = True

    recipe_file = tiny_runs["llama"]
    with pytest.raises(UserError, match="cannot be shared by 3 processes"):
        Trainer(Pretraining(load_recipe(recipe_file), RunDir(recipe_file.parent / "run")), ThreeProcesses())  # type: ignore[arg-type]


def test_missing_tokens_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smoke", "--run-dir", str(tmp_path / "run")]) == 2
    assert "pretrain needs tokenizer, which is missing" in capsys.readouterr().err
