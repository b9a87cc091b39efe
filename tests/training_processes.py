"""Trainings of a tiny run in processes of their own, to be ended at any instant."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from helpers import start_forked

from desdecero.pipelines.common.files import sha256_file

FOLDERS = {"pretrain": "pretrain", "finetune": "adapters/early"}
WEIGHTS = {"pretrain": "model/model.safetensors", "finetune": "adapters/early/adapter/adapter_model.safetensors"}


@contextmanager
def launched(
    stage: str, words: Sequence[str | Path], count: int, folder: Path, sharded: bool = False, **more: str
) -> Iterator[list[ForkServerProcess]]:
    """So many processes of one training, as `accelerate launch` starts them; each says what it says to a file.

    more: of the environment
    """
    environment = {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    if sharded:
        environment |= {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
    if count > 1:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        environment |= {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = []
    for rank in range(count):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank)} if count > 1 else {}
        output, module, all_of_it = (
            folder / f"output-{rank}.txt",
            f"desdecero.pipelines.{stage}",
            environment | own | more,
        )
        started.append(start_forked(module, words, Path.cwd(), output, output, **all_of_it))
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


def processes(
    home: Path, count: int, settings: Sequence[str], sharded: bool = False, stage: str = "pretrain",
    flags: Sequence[str] = (),
) -> AbstractContextManager[list[ForkServerProcess]]:  # fmt: skip
    """So many processes of one training of a tiny run."""
    words = [home / "tiny.yaml", "--run-dir", home / "run", *(word for one in settings for word in ("--set", one))]
    return launched(stage, [*words, *flags], count, home, sharded)


def wait(started: Sequence[ForkServerProcess], folder: Path) -> None:
    """Until all have ended, and well."""
    for process in started:
        process.join(300)
    assert [process.exitcode for process in started] == [0] * len(started), said(folder)


def finish(
    home: Path, count: int, settings: Sequence[str], sharded: bool = False, stage: str = "pretrain",
    flags: Sequence[str] = (),
) -> str:  # fmt: skip
    """Train to the end; returns the weights' hash."""
    with processes(home, count, settings, sharded, stage, flags) as started:
        wait(started, home)
    return sha256_file(home / "run" / WEIGHTS[stage])


def report_of_adapter(home: Path) -> dict[str, Any]:
    """The report of the adapter `early`, without what the machine did meanwhile."""
    report: dict[str, Any] = json.loads((home / "run" / "adapters" / "early" / "report.json").read_text())
    assert report.pop("peak_memory_bytes") > 0
    return report


def kill(
    home: Path, count: int, settings: Sequence[str], step: int, delay: float, sharded: bool = False,
    stage: str = "pretrain",
) -> None:  # fmt: skip
    """Train until some time after a step's checkpoint, and kill all processes, the last one first."""
    checkpoints = home / "run" / "unsealed" / FOLDERS[stage] / "checkpoints"
    with processes(home, count, settings, sharded, stage) as started:
        deadline = time.monotonic() + 300
        while not any(int(path.name[5:]) >= step for path in checkpoints.glob("step-*")):
            assert all(process.is_alive() for process in started) and time.monotonic() < deadline, said(home)
            time.sleep(0.001)
        time.sleep(delay)
        for process in reversed(started):
            process.kill()


def said(home: Path) -> str:
    return "\n".join(file.read_text() for file in sorted(home.glob("output-*.txt")))
