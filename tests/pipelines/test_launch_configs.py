"""The configurations for `accelerate launch` are such as accelerate reads, and the loop understands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType
from helpers import ROOT
from training_processes import launched, said

LAUNCH = Path(str(resources.files("desdecero.pipelines"))) / "launch"
EXPECTED = {
    "one_gpu": (DistributedType.NO, 1, 1),
    "eight_gpus": (DistributedType.MULTI_GPU, 1, 8),
    "eight_gpus_fsdp2": (DistributedType.FSDP, 1, 8),
    "two_nodes": (DistributedType.MULTI_GPU, 2, 16),
    "tpu": (DistributedType.XLA, 1, 8),
}


def test_every_one_is_known_here() -> None:
    assert {path.stem for path in LAUNCH.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_accelerate_reads_it(name: str) -> None:
    config = load_config_from_file(str(LAUNCH / f"{name}.yaml"))
    assert (config.distributed_type, config.num_machines, config.num_processes) == EXPECTED[name]
    assert config.mixed_precision == "no" and not config.use_cpu and not config.dynamo_config  # the recipe decides


def test_the_sharding_one_asks_for_fsdp2_without_what_is_refused() -> None:
    config = load_config_from_file(str(LAUNCH / "eight_gpus_fsdp2.yaml"))
    assert config.fsdp_config["fsdp_version"] == 2
    assert config.fsdp_config["fsdp_offload_params"] is False


def test_two_nodes_meet_at_an_address() -> None:
    config = load_config_from_file(str(LAUNCH / "two_nodes.yaml"))
    assert config.main_process_ip and config.main_process_port and config.machine_rank == 0


def launch(home: Path) -> subprocess.CompletedProcess[str]:
    """`accelerate launch` of the sharding configuration, with two processes on a CPU."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", LAUNCH / "eight_gpus_fsdp2.yaml"]
    command += ["--num_processes", "2", ROOT / "pipelines" / "pretrain.py", home / "tiny.yaml"]
    command += ["--run-dir", home / "run", "--set", "pretrain.micro_batch_size=1"]
    known = {**os.environ, "ACCELERATE_USE_CPU": "true", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=known, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_sharding_one_trains_with_two_processes_on_a_cpu(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    finished = launch(home)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    state = next((home / "run" / "pretrain" / "checkpoints").glob("step-*")) / "state.json"
    assert json.loads(state.read_text())["trained_on"]["sharded"] is True


@pytest.mark.slow
def test_what_is_not_sharded_here_is_refused_in_a_sentence(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    words = [home / "tiny.yaml", "--run-dir", home / "run"]
    with launched("pretrain", words, 2, home, sharded=True, FSDP_VERSION="1") as started:
        for process in started:
            process.join(300)
        assert 2 in [process.exitcode for process in started]
    assert "desdecero: accelerate is told to use FSDP 1" in said(home)
