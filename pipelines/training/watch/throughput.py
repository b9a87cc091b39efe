"""How fast a training is, and what share of its devices' best that is: MFU (Chowdhery et al. 2022, appendix B)."""

from __future__ import annotations

import time
from typing import Any

from desdecero.pipelines.training.devices.peak_flops import BUSY
from desdecero.pipelines.training.replica import Replica


class Throughput:
    """Of this start for what is written on the way, of all starts for the report.

    A run may go on on another device: so what its devices could have done adds up, and MFU is what was done of that.
    """

    def __init__(self, replica: Replica):
        self.replica = replica
        self.seconds = 0.0
        """Trained before this start."""
        self.possible: float | None = 0.0
        """Operations that the devices could have done before this start; None once that is not known."""
        self.begin(0)

    def begin(self, step: int) -> None:
        """From here on, and from this step, is counted."""
        self.first_step, self.began = step, time.perf_counter()
        self.ended: float | None = None

    def stop(self) -> None:
        """Count no further."""
        self.ended = time.perf_counter()

    @property
    def peak(self) -> float | None:
        """Operations a second that all devices together could do."""
        each = self.replica.peak.flops
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
        """For a line of metrics: this start's mean so far."""
        tokens, here = (step - self.first_step) * self.replica.task.tokens_per_step, self.here
        flops = tokens * self.replica.task.flops_per_token / here
        mfu = {"mfu": round(flops / self.peak, 4)} if self.peak else {}
        return {"tokens_per_second": round(tokens / here), "flops_per_second": round(flops), **mfu}

    def whole(self, step: int) -> dict[str, Any]:
        """For the report: the mean over all starts, each to its last checkpoint."""
        slowdown = self.replica.peak.slowdown
        state, tokens = self.state(), step * self.replica.task.tokens_per_step
        flops = tokens * self.replica.task.flops_per_token
        return {
            "seconds": state["seconds"],
            "tokens_per_second": round(tokens / state["seconds"]),
            "flops_per_second": flops / state["seconds"],
            "peak_flops_per_second": self.peak,
            "peak_from": self.replica.peak.source,
            "mfu": flops / state["possible"] if state["possible"] else None,
            "machine_slowdown": slowdown,
            "machine_busy": slowdown is not None and slowdown > BUSY,
        }

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        here = self.here
        possible = None if self.possible is None or self.peak is None else self.possible + self.peak * here
        return {"seconds": self.seconds + here, "possible": possible}

    def load(self, state: dict[str, Any]) -> None:
        self.seconds, self.possible = state["seconds"], state["possible"]
