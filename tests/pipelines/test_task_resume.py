"""Adapters of labels and of conversations: killed at any instant they end with the same bits, and two processes share
the work of one."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_adapters import conversations, jsonl, labelled, overrides
from training_processes import FOLDERS, WEIGHTS, finish, processes, report_of_adapter, said

from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.training.watch.curve import read_metrics

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),  # in peft
]
STEPS = 12
CASES = {
    "bert": {"task": "classification", "learning_rate": "auto", "seeds": 2, "early_stop": True},
    "llama": {"task": "chat", "replay": 0.25},
}
"""Base → its adapter's section, but for the data."""
KILLS: dict[str, list[Callable[[Path], bool]]] = {
    "bert": [
        lambda folder: len(_trials(folder)) == 1,
        lambda folder: _step(folder) >= 2,
        lambda folder: _step(folder) >= 7,
        lambda folder: (folder / "merged").is_dir(),
        lambda folder: _step(folder / "seeds" / "1") >= 4,
    ],
    "llama": [lambda folder, step=step: _step(folder) >= step for step in (1, 3, 6, 8, 11)],  # type: ignore[misc]
}
"""Base → what is there when it is killed: trials, steps, weights that wait for their measures, another seed's steps."""


def _step(folder: Path) -> int:
    return max((int(path.name[5:]) for path in (folder / "checkpoints").glob("step-*")), default=0)


def _trials(folder: Path) -> list[object]:
    file = folder / "trials.json"
    return json.loads(file.read_text()) if file.is_file() else []


@pytest.fixture(scope="module", params=CASES)
def alone(request: pytest.FixtureRequest, tried: Path) -> tuple[Path, list[str]]:
    """The home of a run with an adapter that one process trained, undisturbed, and the settings."""
    home = tried / str(request.param)
    rows = labelled() if home.name == "bert" else conversations()
    section = {**CASES[home.name], "steps": STEPS, "data": {"train": str(jsonl(home / "data.jsonl", rows))}}
    settings = overrides(home, "early", section)
    finish(home, 1, settings, stage="finetune")
    return home, settings


def test_killed_at_any_instant_it_ends_with_the_same_bits(alone: tuple[Path, list[str]], tmp_path: Path) -> None:
    first, settings = alone
    home = tmp_path / first.name
    shutil.copytree(first, home)
    shutil.rmtree(home / "run" / "adapters")
    folder = home / "run" / "unsealed" / FOLDERS["finetune"]
    for reached in KILLS[home.name]:
        with processes(home, 1, settings, stage="finetune") as (process,):
            deadline = time.monotonic() + 200
            while not reached(folder):
                assert process.is_alive() and time.monotonic() < deadline, said(home)
                time.sleep(0.001)
            process.kill()
    kept = [(file, file.stat().st_mtime_ns) for file in folder.glob("trials.json")]
    digest = finish(home, 1, settings, stage="finetune")
    assert digest == sha256_file(first / "run" / WEIGHTS["finetune"])
    folders = [one / "run" / "adapters" / "early" for one in (first, home)]
    assert report_of_adapter(home) == report_of_adapter(first)
    lines, others = (
        [(line["step"], line.get("loss"), line.get("validation_loss")) for line in read_metrics(one / "metrics.jsonl")]
        for one in folders
    )
    assert lines == others
    if home.name == "bert":
        ((trials, made),) = kept
        assert (folders[1] / trials.name).stat().st_mtime_ns == made, "finished trials are not repeated"


def test_two_processes_train_the_adapter_of_one(alone: tuple[Path, list[str]], tmp_path: Path) -> None:
    first, settings = alone
    home = tmp_path / first.name
    shutil.copytree(first, home)
    shutil.rmtree(home / "run" / "adapters")
    finish(home, 2, settings, stage="finetune")
    folders = [one / "run" / "adapters" / "early" for one in (first, home)]
    reports = [json.loads((one / "report.json").read_text()) for one in folders]
    assert reports[1]["processes"] == 2 and reports[0]["learning_rate"] == reports[1]["learning_rate"]
    for key in ("loss", "validation_loss"):
        one, shared = ([line[key] for line in read_metrics(part / "metrics.jsonl") if key in line] for part in folders)
        assert shared == pytest.approx(one, abs=1e-3)
    assert [seed["score"]["value"] for seed in reports[1]["seeds"]] == pytest.approx(
        [seed["score"]["value"] for seed in reports[0]["seeds"]], abs=1e-3
    )
