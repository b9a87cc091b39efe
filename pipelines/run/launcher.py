"""Start, stop and watch several training processes on this machine; report the first failure in one sentence.

`accelerate launch` starts the same script, and is the way to several machines (docs/devices.md). However, its agent
kills what has not ended 30 seconds after a Ctrl-C, and a large checkpoint takes longer; and whoever starts the agent
waits for the agent, and not for its processes, which hold the run.

- Ctrl-C and SIGTERM reach this process alone, which forwards them once. A second one kills.
- The processes inherit the lock of the run: it is held for as long as one of them lives, whatever ends this one.
- When this process dies, the system sends SIGTERM to them (Linux), also where `accelerate launch` started them.
- When one of them dies, the others end too, by themselves or after `GRACE_SECONDS`.
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

GRACE_SECONDS = 30.0
"""Time between the failure of one process and the end of those that did not notice, or still write a checkpoint."""
POLL_SECONDS = 0.05
ERROR_PIPE = "DESDECERO_ERROR_PIPE"
"""Environment variable of a launched process: the pipe to which it writes its error message instead of printing it."""
LOST = "another process of this training"
"""Beginning of a message that only says that another process is gone."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_processes(command: Sequence[str], processes: int, environment: dict[str, str], lock: int) -> None:
    """Run the command in several processes, with the variables that torch's `env://` reads, until all have ended.

    `lock`: a file descriptor that they keep open. Raises `KeyboardInterrupt` where they were asked to end, and
    `UserError` with the message of the first process that failed, or with how it died.
    """
    from torch.distributed import TCPStore

    # The processes find each other through this store; it holds its port, so no other program can take it.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    read_end, write_end = os.pipe()
    shared = {
        **environment,
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        ERROR_PIPE: str(write_end),
    }
    with _signals() as received:
        workers = [
            subprocess.Popen(
                command,
                env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdin=subprocess.DEVNULL,
                pass_fds=(lock, write_end),
                process_group=0,  # so that a terminal's Ctrl-C reaches this process only
            )
            for rank in range(processes)
        ]
        os.close(write_end)
        try:
            killed = _wait(workers, received)
        finally:
            _kill(workers)
    codes = [worker.wait() for worker in workers]
    with os.fdopen(read_end, encoding="utf-8") as pipe:
        messages = list(dict.fromkeys(pipe.read().splitlines()))
    if any(codes):
        if received and all(message.startswith(LOST) for message in messages):
            raise KeyboardInterrupt
        raise UserError(_describe_end([code if rank not in killed else 0 for rank, code in enumerate(codes)], messages))


def _wait(workers: list[subprocess.Popen[bytes]], received: list[int]) -> list[int]:
    """Wait until all have ended and forward the signals received meanwhile; return the ranks that had to be killed."""
    forwarded, deadline = 0, float("inf")
    while running := [rank for rank, worker in enumerate(workers) if worker.poll() is None]:
        if len(received) > forwarded:
            forwarded = len(received)
            for rank in running:
                workers[rank].send_signal(signal.SIGTERM if forwarded == 1 else signal.SIGKILL)
        if any(worker.returncode for worker in workers):
            deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
        if time.monotonic() > deadline:
            _kill(workers)
            return running
        time.sleep(POLL_SECONDS)
    return []


def _kill(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.kill()


def _describe_end(codes: list[int], messages: list[str]) -> str:
    """Return the sentence for processes that ended with these exit codes and messages."""
    again = "run the same command again to continue from the last checkpoint"
    for rank, code in enumerate(codes):
        one = f"process {rank} of {len(codes)}"
        if code < 0:
            memory = ", as the system does when memory runs out" if code == -signal.SIGKILL else ""
            return f"{one} was ended by {signal.Signals(-code).name}{memory}: {again}"
        if code not in (EXIT_OK, EXIT_USER_ERROR, EXIT_INTERRUPTED):
            return f"{one} failed, for the reason above: {again}"
    return "; ".join(messages) or f"the processes ended with the exit codes {codes}: {again}"


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect Ctrl-C and SIGTERM in the list that is yielded."""
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def launched_process() -> Iterator[None]:
    """Make a launched process end with its launcher, and send its error message there; do nothing in any other."""
    if "RANK" not in os.environ:
        yield
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    pipe = os.environ.get(ERROR_PIPE)
    try:
        yield
    except KeyboardInterrupt:
        if pipe or os.environ["RANK"] != "0":
            raise SystemExit(EXIT_INTERRUPTED) from None
        raise
    except Exception as error:
        sentence = explain(error)
        if sentence is None or not pipe:
            raise
        try:
            os.write(int(pipe), f"{sentence}\n".encode())
        except BrokenPipeError:  # the launcher is gone
            raise error from None
        raise SystemExit(EXIT_USER_ERROR) from None
