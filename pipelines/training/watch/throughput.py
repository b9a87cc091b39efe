"""Measure the speed of a training, and its share of the devices' peak: MFU (Chowdhery et al. 2022, appendix B)."""

from __future__ import annotations

import time
from typing import Any

from desdecero.pipelines.training.devices.peak_flops import BUSY
from desdecero.pipelines.training.replica import Replica


class Throughput:
    """The speed of this start, for metrics, and of all starts, for the report.

    A run may continue on another device: the operations that its devices could have done add up, and MFU is the share
    of them that was done.
    """

    def __init__(self, replica: Replica):
        self.replica = replica
        self.seconds = 0.0
        """Seconds trained before this start."""
        self.possible: float | None = 0.0
        """Operations that the devices could have done before this start; None if the peak of one is unknown."""
        self.begin(0)

    def begin(self, step: int) -> None:
        """Start counting, from this moment and this step."""
        self.first_step, self.began = step, time.perf_counter()
        self.ended: float | None = None

    def stop(self) -> None:
        """Stop counting."""
        self.ended = time.perf_counter()

    @property
    def peak_flops(self) -> float | None:
        """Operations a second that all devices together can do at best; None if unknown."""
        each = self.replica.peak_flops.per_second
        return each and each * self.replica.accelerator.num_processes

    @property
    def here(self) -> float:
        """Seconds of this start."""
        return (self.ended or time.perf_counter()) - self.began

    @property
    def elapsed(self) -> float:
        """Seconds of all starts."""
        return self.seconds + self.here

    def now(self, step: int) -> dict[str, Any]:
        """Return this start's mean speed so far, for a line of metrics."""
        tokens, here = (step - self.first_step) * self.replica.task.tokens_per_step, self.here
        flops = tokens * self.replica.task.flops_per_token / here
        mfu = {"mfu": round(flops / self.peak_flops, 4)} if self.peak_flops else {}
        return {"tokens_per_second": round(tokens / here), "flops_per_second": round(flops), **mfu}

    def whole(self, step: int) -> dict[str, Any]:
        """Return the mean speed over all starts, each to its last checkpoint, for the report."""
        slowdown = self.replica.peak_flops.slowdown
        state, tokens = self.state(), step * self.replica.task.tokens_per_step
        flops = tokens * self.replica.task.flops_per_token
        return {
            "seconds": state["seconds"],
            "tokens_per_second": round(tokens / state["seconds"]),
            "flops_per_second": flops / state["seconds"],
            "peak_flops_per_second": self.peak_flops,
            "peak_from": self.replica.peak_flops.source,
            "mfu": flops / state["possible"] if state["possible"] else None,
            "machine_slowdown": slowdown,
            "machine_busy": slowdown is not None and slowdown > BUSY,
        }

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        here, peak = self.here, self.peak_flops
        possible = None if self.possible is None or peak is None else self.possible + peak * here
        return {"seconds": self.seconds + here, "possible": possible}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.seconds, self.possible = state["seconds"], state["possible"]
