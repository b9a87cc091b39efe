"""Turn interrupt signals into a request that a loop polls, so that no step is cut short."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
