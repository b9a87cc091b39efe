"""Several processes of one training on this machine: started together, stopped together, and mourned in one sentence.

`accelerate launch` starts the same script, and is the way to several machines (docs/devices.md). Its agent, though,
kills what has not ended half a minute after a Ctrl-C, and a large checkpoint takes longer; and whoever starts the
agent must wait for it, and not for its processes, which hold the run.

- Ctrl-C and SIGTERM come to this process alone, which hands them on, once. A second one kills.
- The processes inherit the lock of the run: it is held for as long as one of them lives, whatever ends this one.
- When this process dies, the system asks them to end (Linux); so it does where `accelerate launch` started them.
- When one of them dies, the others end too, by themselves or after `PATIENCE`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from desdecero.pipelines.common.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USER_ERROR, UserError, explain

PATIENCE = 30.0
"""Seconds between a process that failed and the end of those that did not notice, or still write a checkpoint."""
POLL = 0.05
VOICE = "DESDECERO_VOICE"
"""In a launched process' environment: the pipe to which it writes its sentence instead of printing it."""
LOST = "another process of this training"
"""How a sentence begins that only says that somebody else is gone."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_together(command: Sequence[str], processes: int, environment: dict[str, str], lock: int) -> None:
    """Run the command in so many processes, with the variables that torch's `env://` reads, until all have ended.

    `lock`: a file descriptor that they keep open. Raises `KeyboardInterrupt` where they were asked to end, and
    `UserError` with what the first one that failed had to say, or how it died.
    """
    from torch.distributed import TCPStore

    # Where the processes find each other; the port is taken for good, not found free and hoped for.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    listening, voice = os.pipe()
    shared = {
        **environment, "WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True", VOICE: str(voice),
    }  # fmt: skip
    with _signals() as asked:
        workers = [
            subprocess.Popen(
                command, env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stdin=subprocess.DEVNULL,
                pass_fds=(lock, voice), process_group=0,  # a group of its own: a terminal's Ctrl-C comes here only
            )
            for rank in range(processes)
        ]  # fmt: skip
        os.close(voice)
        try:
            given_up = _wait(workers, asked)
        finally:
            _kill(workers)
    codes = [worker.wait() for worker in workers]
    with os.fdopen(listening, encoding="utf-8") as pipe:
        told = list(dict.fromkeys(pipe.read().splitlines()))
    if any(codes):
        if asked and all(sentence.startswith(LOST) for sentence in told):
            raise KeyboardInterrupt
        raise UserError(_why([code if rank not in given_up else 0 for rank, code in enumerate(codes)], told))


def _wait(workers: list[subprocess.Popen[bytes]], asked: list[int]) -> list[int]:
    """Return when all have ended; hand on what is asked meanwhile. Returns the ranks that had to be killed."""
    handed_on, deadline = 0, float("inf")
    while running := [rank for rank, worker in enumerate(workers) if worker.poll() is None]:
        if len(asked) > handed_on:
            handed_on = len(asked)
            for rank in running:
                workers[rank].send_signal(signal.SIGTERM if handed_on == 1 else signal.SIGKILL)
        if any(worker.returncode for worker in workers):
            deadline = min(deadline, time.monotonic() + PATIENCE)
        if time.monotonic() > deadline:
            _kill(workers)
            return running
        time.sleep(POLL)
    return []


def _kill(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.kill()


def _why(codes: list[int], told: list[str]) -> str:
    """The sentence for processes that ended with these codes, and had this to say."""
    again = "type the same command to go on from the last checkpoint"
    for rank, code in enumerate(codes):
        one = f"process {rank} of {len(codes)}"
        if code < 0:
            memory = ", which is what the system does when memory runs out" if code == -signal.SIGKILL else ""
            return f"{one} was ended by {signal.Signals(-code).name}{memory}: {again}"
        if code not in (EXIT_OK, EXIT_USER_ERROR, EXIT_INTERRUPTED):
            return f"{one} failed, for the reason above: {again}"
    return "; ".join(told) or f"the processes ended with the codes {codes}: {again}"


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM as a list that grows."""
    asked: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: asked.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def one_of_several() -> Iterator[None]:
    """In each of several processes: end when their launcher does, and leave what there is to say to one."""
    if "RANK" not in os.environ:
        yield
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    voice = os.environ.get(VOICE)
    try:
        yield
    except KeyboardInterrupt:
        if voice or os.environ["RANK"] != "0":
            raise SystemExit(EXIT_INTERRUPTED) from None
        raise
    except Exception as error:
        sentence = explain(error)
        if sentence is None or not voice:
            raise
        try:
            os.write(int(voice), f"{sentence}\n".encode())
        except BrokenPipeError:  # the launcher is gone
            raise error from None
        raise SystemExit(EXIT_USER_ERROR) from None
