"""A command where the shell limits memory (`ulimit -v`): watched by its parent, because libraries end it unasked.

Rust's allocator aborts, OpenMP exits, and OpenBLAS raises SIGINT at itself, all without an exception that Python could
catch. So the command runs in a child process, and the parent, which imports nothing, tells such an end from others:
the child says its exit code through a pipe when it ends by its own decision.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn


def address_space() -> int | None:
    """Bytes that a process may map, by the shell's limits; None where there is no limit."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


def run_watched(command: Callable[[], int]) -> int | None:
    """Run the command in a child process and return its exit code; None where a library ended it unasked.

    The child never returns. Signals that this process gets are handed to it.
    """
    listening, telling = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        os.close(listening)
        _run_and_tell(command, telling, parent)
    os.close(telling)
    asked: list[int] = []

    def hand_on(number: int, frame: object) -> None:
        asked.append(number)
        os.kill(child, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hand_on)
    os.waitpid(child, 0)
    told = os.read(listening, 1)
    if told and not (told[0] == 128 + signal.SIGINT and not asked):
        return told[0]
    return 128 + asked[0] if asked else None


def _run_and_tell(command: Callable[[], int], telling: int, parent: int) -> NoReturn:
    """In the child: end with the command's exit code, after its parent was told of it."""
    os.setpgid(0, 0)  # a terminal's Ctrl-C comes to the parent alone, which hands it on
    _end_with(parent)
    _reserve_little()
    code = 1  # an exception that is not explained: Python prints it
    try:
        code = command()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    finally:
        os.write(telling, bytes([code]))
    sys.exit(code)


def _reserve_little() -> None:
    """Keep allocators from reserving address space that they do not use: 64 MB a thread, and a gigabyte for Arrow's.

    Besides what that saves, Arrow waits for ever where it cannot start a thread.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")  # of the processes that this one starts
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
