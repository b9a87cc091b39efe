"""An ordered, memory-bounded parallel map that leaves no orphan processes.

Two engines run it: this machine's cores, or a Ray cluster. Results and their order are the same.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from importlib.abc import MetaPathFinder
from multiprocessing import connection
from typing import Any, Literal, TypeVar

import pyarrow

from desdecero.pipelines.common.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Items in flight for each process: one being computed and one waiting."""


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    processes: int | None = None,
    engine: Literal["processes", "ray"] = "processes",
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item, in order, computed in processes (one a core by default).

    `function` and items must be picklable. Items are consumed only as results are requested, so a stream of any length
    works. An exception in a worker is raised here; a worker that is killed raises `BrokenProcessPool`.

    engine: `ray` uses as many processes as the cluster has cores. Raises `UserError` if Ray is not installed.
    """
    return (_on_ray if engine == "ray" else _on_cores)(function, items, processes)


def _on_cores(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int | None
) -> Generator[Result, None, None]:
    processes = processes or os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads (torch, arrow) may hang
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_start_worker) as pool:
        yield from _in_order(
            lambda item: pool.submit(function, item), Future.result, Future.cancel, items, AHEAD * processes
        )


def _on_ray(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int | None
) -> Generator[Result, None, None]:
    """Run on the cluster that RAY_ADDRESS names, or on a cluster of this machine's cores that ends with the map."""
    try:
        import ray
    except ImportError:
        raise UserError("corpus.engine is ray, which is not installed: pip install 'desdecero[ray]'") from None
    ours = not ray.is_initialized()
    if ours:
        cores = None if os.environ.get("RAY_ADDRESS") else processes or os.cpu_count()
        ray.init(num_cpus=cores, logging_level=logging.WARNING, log_to_driver=False, include_dashboard=False)
    try:
        remote = ray.remote(function if hasattr(function, "__name__") else lambda item: function(item))
        resources: Callable[[], dict[str, Any]] = ray.cluster_resources  # not annotated by ray
        ahead = AHEAD * (processes or int(resources().get("CPU", 1)))
        yield from _in_order(remote.remote, ray.get, ray.cancel, items, ahead)
    finally:
        if ours:
            ray.shutdown()


def _in_order(
    submit: Callable[[Item], Any], result: Callable[[Any], Any], cancel: Callable[[Any], object],
    items: Iterable[Item], ahead: int,
) -> Generator[Any, None, None]:  # fmt: skip
    pending: deque[Any] = deque()
    try:
        for item in items:
            pending.append(submit(item))
            if len(pending) > ahead:
                yield result(pending.popleft())
        while pending:
            yield result(pending.popleft())
    finally:  # the caller may stop early, or be interrupted
        for left in pending:
            cancel(left)


def _start_worker() -> None:
    _follow_parent()
    _spare_pandas()


def _spare_pandas() -> None:
    """Keep Arrow from importing pandas, which it does to see whether a list is a pandas series: 0.3 s and 60 MB a
    worker. It tries once, and accepts a failed import."""

    class WithoutPandas(MetaPathFinder):
        def find_spec(self, name: str, _path: object, _target: object = None) -> None:
            if name == "pandas":
                raise ImportError("not needed here")

    finder = WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        pyarrow.array([])
    finally:
        sys.meta_path.remove(finder)


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end when the parent ends, even by `kill -9`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
