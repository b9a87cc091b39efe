"""Order, little ahead, faults that arrive, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.parallel import AHEAD, ordered_map


def square(number: int) -> int:
    time.sleep(0.01 * (number % 3))
    return number * number


def fail(number: int) -> int:
    raise ZeroDivisionError(number)


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_order_and_items_are_taken_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    results = ordered_map(square, endless(), processes=2)
    assert [next(results) for _ in range(20)] == [n * n for n in range(20)]
    assert taken <= 20 + 2 * AHEAD + 1
    results.close()


def test_a_fault_and_a_killed_worker_arrive_at_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ordered_map(fail, [1], processes=1))
    with pytest.raises(RuntimeError, match="terminated abruptly"):  # BrokenProcessPool
        list(ordered_map(die, [1], processes=1))


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from desdecero.pipelines.corpus.parallel import ordered_map\n"
        "def work(n):\n    time.sleep(0.05); return os.getpid()\n"
        "if __name__ == '__main__':\n"
        "    for pid in ordered_map(work, range(10**6), processes=2): print(pid, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = {int(parent.stdout.readline()) for _ in range(12)}
        parent.kill()
    deadline = time.monotonic() + 60
    while (left := [pid for pid in workers if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
