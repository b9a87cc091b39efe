"""An adapter's training, killed at any instant in one process or two, ends with the bits of one that was not."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_runs import DOMAIN
from training_processes import finish, kill, report_of_adapter, said

from desdecero.pipelines.finetune import main as finetune
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.watch.curve import read_metrics

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),  # in peft
]
Prepared = Callable[..., Path]

COMMON = [
    DOMAIN, "pretrain.budget={steps: 10}",
    "finetune={rank: 4, alpha: 8, steps: 30, batch_size: 16, learning_rate: 0.01, max_eval_bytes: 3000}",
    "pretrain.checkpoint_minutes=0",
]  # fmt: skip
PLAIN = ["pretrain.precision=fp32", "pretrain.compile=never"]
COMPILED = "bfloat16, compiled"
CASES = {
    "float32, accumulated": ("gpt2", 1, [*PLAIN, "pretrain.micro_batch_size=5"]),
    "dropout": ("bert", 1, [*PLAIN, "model.dropout=0.1"]),
    COMPILED: ("llama", 1, ["pretrain.precision=bf16", "pretrain.compile=always"]),
    "spans": ("t5", 1, PLAIN),
    "two processes": ("llama", 2, [*PLAIN, "pretrain.micro_batch_size=3"]),
}


@pytest.fixture
def prepared(domain_runs: dict[str, Path], tmp_path: Path) -> Prepared:
    """`prepared("bert", settings)` → the home of a run that has a model and waits for its adapter."""
    from desdecero.pipelines.recipe import load_recipe
    from desdecero.pipelines.run.chain import run_chain

    def make(architecture: str, settings: list[str]) -> Path:
        home = Path(shutil.copytree(domain_runs[architecture].parent, tmp_path / architecture))
        run_chain(load_recipe(home / "tiny.yaml", settings), RunDir(home / "run"), last="pretrain")
        return home

    return make


@pytest.mark.parametrize("case", CASES)
def test_killed_at_any_instant_it_ends_with_the_same_bits(prepared: Prepared, case: str) -> None:
    architecture, count, own = CASES[case]
    settings, chance = [*COMMON, *own], random.Random(case)
    home = prepared(architecture, settings)
    expected = finish(home, count, settings, stage="finetune")
    report = report_of_adapter(home)
    kills = [range(1, 10), range(15, 28)][case == COMPILED :]  # each start compiles for ten seconds
    for steps in kills:
        kill(home, count, settings, chance.choice(steps), delay=chance.uniform(0, 0.05), stage="finetune")
    assert finish(home, count, settings, stage="finetune") == expected
    assert said(home).count("finetune   going on from step") == len(kills)
    assert report_of_adapter(home) == report
    assert [line["step"] for line in read_metrics(home / "run" / "adapters" / "early" / "metrics.jsonl")] == [
        *range(1, 31)
    ]


def test_checkpoints_of_another_adapter_are_refused_in_a_sentence(
    prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*COMMON, *PLAIN]
    home = prepared("gpt2", settings)
    kill(home, 1, settings, step=3, delay=0, stage="finetune")
    capsys.readouterr()
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run")]
    for setting in [*settings, "finetune.rank=8"]:
        words += ["--set", setting]
    assert finetune(words) == 2
    refused = capsys.readouterr().err
    assert "belong to another training (finetune.rank was 4, is 8)" in refused
    shutil.rmtree(home / "run" / "unsealed" / "adapters" / "early" / "checkpoints")
    assert finetune(words) == 0


def test_what_changes_no_bits_may_change_before_it_goes_on(
    prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*COMMON, *PLAIN]
    home = prepared("gpt2", settings)
    kill(home, 1, settings, step=3, delay=0, stage="finetune")
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run")]
    for setting in [*settings, "finetune.max_eval_bytes=4000"]:
        words += ["--set", setting]
    assert finetune(words) == 0
    assert "finetune   going on from step" in capsys.readouterr().out
