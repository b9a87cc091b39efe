"""A map over processes that keeps the order, holds little in memory, and leaves nobody behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import connection
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Items under way for each process: one at work and one at hand."""


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int | None = None
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item, in order, computed in processes (one a core by default).

    `function` and items must be picklable. Items are taken only as results are asked for, so a stream of any
    length passes. An exception in a worker is raised here; a worker that is killed raises `BrokenProcessPool`.
    """
    processes = processes or os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads (torch, arrow) may hang
    pending: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_follow_parent) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > AHEAD * processes:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:  # the caller may stop early, or be interrupted
            for future in pending:
                future.cancel()


def _follow_parent() -> None:
    """In a worker: let the parent answer Ctrl-C, and end when the parent ends, even by `kill -9`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
