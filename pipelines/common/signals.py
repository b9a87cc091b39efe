"""Interrupt signals: as a request that a loop polls, so that no step is cut short, or as the end of the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from desdecero.pipelines.common.errors import EXIT_INTERRUPTED, print_interrupted
from desdecero.pipelines.common.memory_limit import address_space

T = TypeVar("T")
SAME_REQUEST_SECONDS = 2.0
"""Signals within this time count as one request: a scheduler signals all processes, and torchrun's agent signals those
that it started once more."""


@contextmanager
def stop_signals() -> Iterator[Any]:
    """Yield a function that returns whether Ctrl-C, SIGTERM or SIGHUP has arrived, so that a loop can save and end.

    A later signal raises `KeyboardInterrupt`. SIGHUP (a terminal was closed) is left alone where `nohup` ignores it.
    """
    received: list[float] = []

    def handle(_number: int, _frame: object) -> None:
        received.append(time.monotonic())
        if received[-1] - received[0] > SAME_REQUEST_SECONDS:
            raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_ending_at_once(work: Callable[[], T], clean_up: Callable[[], object] | None = None) -> T:
    """Run `work` so that Ctrl-C ends the process within a moment, even while a library waits for the network.

    For work that may be cut at any instant: it runs in a thread, and at Ctrl-C the process ends without waiting for
    that thread, or for those that libraries started, which Python would join at exit. Exit code 130.
    """
    ended: Future[T] = Future()

    def run() -> None:
        try:
            ended.set_result(work())
        except BaseException as error:  # noqa: BLE001 (raised in the thread that waits)
            ended.set_exception(error)

    try:
        threading.Thread(target=run, daemon=True).start()
        while not ended.done():  # a signal may go to another thread, and wakes this one only if it looks up
            wait([ended], timeout=0.2)
        return ended.result()
    except KeyboardInterrupt:
        if address_space() is None:  # else the parent prints it
            print_interrupted()
        if clean_up is not None:
            clean_up()
        sys.stdout.flush()
        os._exit(EXIT_INTERRUPTED)
