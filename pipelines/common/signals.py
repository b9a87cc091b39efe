"""Ending when asked to, and not in the middle of a step."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SAME_WISH = 2.0
"""Seconds within which signals are one wish: a scheduler tells all processes to end, and torchrun's agent tells those
that it started once more."""


@contextmanager
def stop_signals() -> Iterator[Any]:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP (of a terminal that was closed; unless `nohup` says to ignore it) into a
    question that the loop asks, so that it can save before it ends."""
    asked: list[float] = []

    def note(number: int, frame: object) -> None:
        asked.append(time.monotonic())
        if asked[-1] - asked[0] > SAME_WISH:
            raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
