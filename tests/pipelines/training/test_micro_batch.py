"""The micro-batch is found by trying, and what does not fit is said in a sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch._dynamo.utils import counters

from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.micro_batch import bytes_for_backward, choose_micro_batch, sequences_in_memory
from desdecero.pipelines.training.replica import Replica
from desdecero.pipelines.training.task import Pretraining

Tiny = Callable[[str], Path]


def replica(home: Path, *overrides: str, compiled: bool = False) -> Replica:
    task = Pretraining(load_recipe(home / "tiny.yaml", overrides), RunDir(home / "run"))
    return Replica(task, Accelerator(cpu=True, mixed_precision="no"), "fp32", compiled)


def test_all_sequences_go_through_at_once_where_they_fit(tiny: Tiny) -> None:
    made = replica(tiny("llama"), "pretrain.batch_size=12")
    assert choose_micro_batch(made, made.new_optimizers()) == 12


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_trials_compile_nothing(tiny: Tiny, architecture: str) -> None:
    """Each size would be a program more, and beyond eight torch goes on without compiling, training included."""
    made = replica(tiny(architecture), compiled=True)
    counters.clear()
    assert choose_micro_batch(made, made.new_optimizers()) == made.sequences_per_process
    assert counters["stats"]["unique_graphs"] == 0


def test_a_trial_that_runs_out_of_memory_is_repeated_with_half(tiny: Tiny) -> None:
    """In a process that may not take more memory: the allocator then raises, as a GPU's does."""
    code = f"""
import resource, sys
from test_micro_batch import replica
from pathlib import Path
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training import micro_batch
made = replica(Path({str(tiny("llama"))!r}), "pretrain.batch_size=4096", "model.hidden_size=64")
micro_batch.sequences_in_memory = lambda replica: replica.sequences_per_process  # leave it to the trial
optimizers = made.new_optimizers()
micro_batch._trial(made, 8, optimizers)
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[1]), resource.RLIM_INFINITY))
try:
    print(micro_batch.choose_micro_batch(made, optimizers))
except UserError as error:
    print(error)
"""
    found = []
    for room in (1200 << 20, 150 << 20):  # far apart: what an allocator holds on to differs by a factor of two or three
        command = [sys.executable, "-c", code, str(room)]
        finished = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
        assert finished.returncode == 0, finished.stderr
        found.append(int(finished.stdout))
    assert 4096 > found[0] > found[1] >= 1
    assert all(4096 % size == 0 for size in found)


def test_no_more_is_tried_than_there_is_time_for(tiny: Tiny) -> None:
    made = replica(tiny("llama"), "pretrain.batch_size=12")
    optimizers = made.new_optimizers()
    assert [choose_micro_batch(made, optimizers, most) for most in (100, 11, 5, 2, 0)] == [12, 6, 3, 2, 1]
    named = replica(tiny("gpt2"), "pretrain.batch_size=12", "pretrain.micro_batch_size=4")
    assert choose_micro_batch(named, named.new_optimizers(), 1) == 4


def test_memory_for_the_backward_pass_grows_with_the_sequence(tiny: Tiny) -> None:
    home = tiny("llama")
    short, long = (replica(home, f"model.context_length={length}") for length in (32, 64))
    per_sequence = [bytes_for_backward(one, 2) - bytes_for_backward(one, 1) for one in (short, long)]
    assert per_sequence[1] == pytest.approx(2 * per_sequence[0], rel=0.1)
    assert per_sequence[0] > 2 * 4 * 32 * 32  # two layers keep at least their inputs, in float32
    assert sequences_in_memory(short) > 1000


def test_a_number_in_the_recipe_is_taken_and_the_trial_leaves_no_gradients(tiny: Tiny) -> None:
    made = replica(tiny("llama"), "pretrain.batch_size=7", "pretrain.micro_batch_size=3")
    assert choose_micro_batch(made, made.new_optimizers()) == 3
    assert all(parameter.grad is None for parameter in made.task.model.parameters())
    assert torch.isfinite(torch.tensor(made.validation_loss(8)))
