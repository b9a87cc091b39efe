"""Whatever ends a training, at whatever instant, in one process or two: the finished weights do not tell."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tiny_runs import make_tiny_runs, recipes
from tiny_training import report
from training_processes import finish, kill, processes, said
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

pytestmark = pytest.mark.slow
Tiny = Callable[[str], Path]

# Of a corpus of some five hundred sequences, an epoch is 15 to 17 steps of 32.
BATCH = 32
EPOCHS = [f"pretrain.batch_size={BATCH}", "pretrain.budget={steps: 56}"]
FIRST_EPOCH, THIRD_EPOCH = range(1, 11), range(36, 40)
STEADY = ["pretrain.precision=fp32", "pretrain.compile=never", "pretrain.checkpoint_minutes=0"]


@pytest.fixture(scope="module")
def short_runs(prose: list[str], once: Callable[[str, Callable[[Path], None]], Path]) -> dict[str, Path]:
    """As `tiny_runs`, on a ninth of the texts."""
    return recipes(once("short", lambda folder: make_tiny_runs(folder, prose[::9])))


@pytest.fixture
def tiny(short_runs: dict[str, Path], tmp_path: Path) -> Tiny:
    return lambda architecture: Path(shutil.copytree(short_runs[architecture].parent, tmp_path / architecture))


def losses(home: Path) -> list[float]:
    lines = (home / "run" / "pretrain" / "metrics.jsonl").read_text().splitlines()
    return [line["loss"] for line in map(json.loads, lines) if "loss" in line]


def read(home: Path) -> bytes:
    """What the weights read of each document."""
    return (home / "run" / "pretrain" / "exposure.parquet").read_bytes()


SGD = "pretrain.optimizer={name: sgd, learning_rate: 0.1}"
DROPOUT = "model.dropout=0.1"
SHARED = "pretrain.micro_batch_size=12"  # 32 and 16 are cut into pieces that are not alike
COMPILED = "muon, compiled"
CASES = {
    "muon": ("llama", 1, ["pretrain.optimizer.name=muon"]),
    "adamw, dropout, accumulated": ("bert", 1, ["pretrain.optimizer.name=adamw", DROPOUT, SHARED]),
    "sgd": ("gpt2", 1, [SGD]),
    "muon, bfloat16": ("llama", 1, ["pretrain.optimizer.name=muon", "pretrain.precision=bf16"]),
    COMPILED: ("llama", 1, ["pretrain.optimizer.name=muon", "pretrain.compile=always"]),
    "two: muon, accumulated": ("llama", 2, ["pretrain.optimizer.name=muon", SHARED]),
    "two: adamw, dropout": ("bert", 2, ["pretrain.optimizer.name=adamw", DROPOUT]),
    "two: sgd": ("gpt2", 2, [SGD]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_killed_at_any_instant_it_ends_with_the_same_bits(tiny: Tiny, case: str) -> None:
    architecture, count, overrides = CASES[case]
    home, settings = tiny(architecture), [*EPOCHS, *STEADY, *overrides]
    expected = finish(home, count, settings), read(home)
    chance = random.Random(case)
    places = [FIRST_EPOCH, THIRD_EPOCH][case == COMPILED :]  # each start compiles for ten seconds
    for place in places:
        kill(home, count, settings, chance.choice(place), delay=chance.uniform(0, 0.05))
    assert (finish(home, count, settings), read(home)) == expected
    found = report(home)
    assert said(home).count("going on from step") == len(found["resumed_at"]) == len(places)
    epochs = [resumed["step"] * BATCH / (found["tokens"] / found["epochs"] / 32) for resumed in found["resumed_at"]]
    assert epochs[-1] > 2 and (case == COMPILED or epochs[0] < 1)


TIMID = "pretrain.stability={window: 8, deviations: 1.5, skips: 1, return_every: 10, roll_backs: 1000}"


def test_killed_after_steps_were_refused_and_taken_back_it_still_knows_what_was_read(tiny: Tiny) -> None:
    home, settings = tiny("llama"), [*EPOCHS, *STEADY, TIMID]
    expected = finish(home, 1, settings), read(home)
    backs = report(home)["roll_backs"]
    assert backs
    kill(home, 1, settings, step=backs[0]["step"] + 1, delay=0)
    assert (finish(home, 1, settings), read(home)) == expected
    assert report(home)["resumed_at"] and report(home)["roll_backs"] == backs


def test_resumed_by_another_number_of_processes_it_goes_on_and_says_so(tiny: Tiny) -> None:
    home = tiny("llama")
    settings = [*EPOCHS, *STEADY, "pretrain.optimizer.name=adamw"]
    finish(home, 1, settings)
    expected, documents = losses(home), read(home)
    kill(home, 1, settings, step=10, delay=0.01)
    finish(home, 2, settings)
    assert losses(home) == pytest.approx(expected, abs=1e-4)
    assert [resumed["processes"] for resumed in report(home)["resumed_at"]] == [2]
    assert "with processes 2 (was 1)" in said(home)
    assert read(home) == documents


def test_a_batch_that_they_cannot_share_is_refused_on_resume_in_a_sentence(tiny: Tiny) -> None:
    home = tiny("llama")
    settings = [*EPOCHS, *STEADY]
    kill(home, 1, settings, step=1, delay=0)
    with processes(home, 3, settings) as started:
        for process in started:
            process.join(300)
        assert [process.exitcode for process in started] == [2, 2, 2]
    assert f"desdecero: pretrain.batch_size {BATCH} cannot be shared by 3 processes" in said(home)
    assert "Traceback" not in said(home)
    finish(home, 1, settings)  # nothing was lost
    assert report(home)["resumed_at"]


@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_a_damaged_checkpoint_is_passed_over_aloud_and_the_bits_are_the_same(tiny: Tiny, damage: str) -> None:
    home, settings = tiny("llama"), [*EPOCHS, *STEADY]
    expected = finish(home, 1, settings)
    kill(home, 1, settings, step=10, delay=0)
    newest = max((home / "run" / "unsealed" / "pretrain" / "checkpoints").glob("step-*"))
    file = newest / ("model.safetensors" if damage == "flipped" else "optimizers.pt")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content if damage == "flipped" else content[:-100])
    assert finish(home, 1, settings) == expected
    assert f"{newest} is damaged: going back to the one before it" in said(home)
    assert report(home)["resumed_at"][0]["step"] == int(newest.name[5:]) - 1


@pytest.mark.parametrize("architecture", ["bert", "t5"])
def test_two_processes_follow_the_curve_of_one_where_targets_are_uneven(tiny: Tiny, architecture: str) -> None:
    home = tiny(architecture)
    settings = ["pretrain.budget={steps: 20}", "pretrain.precision=fp32", "pretrain.compile=never"]
    settings.append("pretrain.micro_batch_size=1")  # with fewer held-out sequences than processes in the first trial
    finish(home, 1, settings)
    alone, held_out, documents = losses(home), report(home)["validation_loss"], read(home)
    finish(home, 2, settings)
    assert read(home) == documents
    assert report(home)["processes"] == 2
    assert losses(home) == pytest.approx(alone, abs=1e-4)
    assert report(home)["validation_loss"] == pytest.approx(held_out, abs=1e-4)


SHORT = ["pretrain.budget={steps: 16}", "pretrain.batch_size=16", "pretrain.micro_batch_size=3"]
SHARDED = {
    "muon": ("llama", ["pretrain.optimizer.name=muon"]),
    "adamw, dropout": ("bert", ["pretrain.optimizer.name=adamw", DROPOUT]),
    "sgd": ("gpt2", [SGD]),
}


@pytest.mark.parametrize("case", SHARDED)
def test_sharded_training_follows_the_curve_of_one_process_and_loads_in_plain_transformers(
    tiny: Tiny, case: str
) -> None:
    architecture, overrides = SHARDED[case]
    home, settings = tiny(architecture), [*STEADY, *SHORT]
    settings += [setting for setting in overrides if setting != DROPOUT]  # it differs by process
    finish(home, 1, settings)
    alone, held_out = losses(home), report(home)["validation_loss"]
    shapes = {name: tensor.shape for name, tensor in load_file(home / "run" / "model" / "model.safetensors").items()}
    finish(home, 2, settings, sharded=True)
    assert losses(home) == pytest.approx(alone, abs=1e-4)
    assert report(home)["validation_loss"] == pytest.approx(held_out, abs=1e-4)
    auto = AutoModelForMaskedLM if architecture == "bert" else AutoModelForCausalLM
    model, loading = auto.from_pretrained(home / "run" / "model", output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    assert model.num_parameters() == report(home)["parameters"]
    saved = load_file(home / "run" / "model" / "model.safetensors")
    assert {name: tensor.shape for name, tensor in saved.items()} == shapes


@pytest.mark.parametrize("case", SHARDED)
def test_sharded_training_killed_at_any_instant_ends_with_the_same_bits(tiny: Tiny, case: str) -> None:
    architecture, overrides = SHARDED[case]
    home, settings = tiny(architecture), [*STEADY, *overrides, *SHORT]
    expected = finish(home, 2, settings, sharded=True)
    chance = random.Random(case)
    kill(home, 2, settings, chance.randrange(2, 12), delay=chance.uniform(0, 0.05), sharded=True)
    assert finish(home, 2, settings, sharded=True) == expected
    assert len(report(home)["resumed_at"]) == 1
