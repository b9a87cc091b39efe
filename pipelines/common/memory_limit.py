"""Run a command in a watched child process where the shell limits memory (`ulimit -v`).

When memory runs out, Rust's allocator aborts, OpenMP exits, and OpenBLAS raises SIGINT at itself, all without an
exception that Python could catch. So the command runs in a child process, and the parent, which imports nothing,
distinguishes such an end from others: the child reports its exit code through a pipe when it ends regularly.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn


def address_space() -> int | None:
    """Return the bytes that a process may map under the shell's limits; None where there is no limit."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


def run_watched(command: Callable[[], int]) -> int | None:
    """Run the command in a child process and return its exit code; None where a library ended the process.

    The child never returns. Signals that this process receives are forwarded to it.
    """
    read_end, write_end = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        os.close(read_end)
        _run_and_report(command, write_end, parent)
    os.close(write_end)
    received: list[int] = []

    def forward(number: int, _frame: object) -> None:
        received.append(number)
        os.kill(child, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    os.waitpid(child, 0)
    code = os.read(read_end, 1)
    if code and not (code[0] == 128 + signal.SIGINT and not received):
        return code[0]
    return 128 + received[0] if received else None


def _run_and_report(command: Callable[[], int], write_end: int, parent: int) -> NoReturn:
    """Run in the child: report the command's exit code to the parent, and end with it."""
    os.setpgid(0, 0)  # a terminal's Ctrl-C reaches the parent alone, which forwards it
    _end_with(parent)
    _limit_reservations()
    code = 1  # an exception that is not explained: Python prints it
    try:
        code = command()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    finally:
        os.write(write_end, bytes([code]))
    sys.exit(code)


def _limit_reservations() -> None:
    """Keep allocators from reserving address space that they do not use: 64 MB a thread, and 1 GB for Arrow's.

    It also avoids a deadlock: Arrow waits for ever where it cannot start a thread.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")  # for the processes that this one starts
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX, malloc.h


def _end_with(parent: int) -> None:
    """Ask the system to end this process when its parent ends (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, linux/prctl.h
        if os.getppid() != parent:
            sys.exit(128 + signal.SIGTERM)
