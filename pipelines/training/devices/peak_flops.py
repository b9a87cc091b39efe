"""The name of a device, and the floating-point operations a second that it can do at best."""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Mapping

import torch
import torch.nn.functional as F

from desdecero.pipelines.training.probe import one_thread, seconds_of

PEAKS = {
    "h200 nvl": 836e12, "h200": 989e12, "h100 nvl": 835e12, "h100 pcie": 756e12, "h100": 989e12, "b200": 2250e12,
    "a100": 312e12, "a40": 149.7e12, "a30": 165e12, "l40s": 362e12, "l40": 181e12, "l4": 121e12,
    "rtx 4090": 165.2e12, "rtx 3090": 71e12, "t4": 65e12, "mi300x": 1307.4e12,
}  # fmt: skip
"""Dense bf16 operations a second by words in the device's name, the longer first: the vendors' data sheets, halved
where they count zeros that are skipped, and with sums in fp32. Of a T4, which has no bf16, fp16."""

NOT_WHOLE = ("mig", "laptop", "max q")
"""Words in the name of a device that is a part of its namesake, or a slower variant."""

TPU_PEAKS = {"v6e": 918e12, "v5p": 459e12, "v5litepod": 197e12, "v4": 275e12}
"""bf16 operations a second of a chip, by the type in TPU_ACCELERATOR_TYPE, from Google's page on each. Not run on
one."""

PRODUCT_FLOPS, LONGEST_SIDE = 1e8, 1024
"""Size of a product that is timed on a CPU: half a millisecond of a core with AMX, one of a core with AVX-512. Most end
before the system gives the core to another process, so the best time is that of an idle machine."""

START_SECONDS, LATER_SECONDS = 0.2, 0.05
"""Seconds spent on timing them at the start, and later at a validation."""

LATER_SHARE = 0.01
"""Largest share of the time since they were last timed that timing them again may take."""

BUSY = 1.5
"""Median time of a product over the best one, above which the machine is called busy. On two cores of a shared host
the median took 7 to 12 times as long under a load average of 10."""


def device_name(device: torch.device) -> str:
    """Return the model of a GPU, or the type of another device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


class PeakFlops:
    """Operations a second that one device can do at best, in a training's precision: the denominator of MFU.

    For a GPU or TPU it is the data sheet's. For a CPU, matrix products of the model's own shapes are timed on one
    thread, and the best time of each shape counts, times the threads: with several threads a product waits for the
    slowest of them, and on a busy machine they never all find a free core. `sample` may be called again during the
    run.
    """

    def __init__(self, device: torch.device, precision: str, shapes: Mapping[tuple[int, int], int]):
        """Look the device up, or time it. `shapes`: (inputs, outputs) of the model's matrices, with their counts."""
        self.per_second: float | None = None
        """None if unknown."""
        self.source = "probed"
        """`probed`, `data sheet`, or why the peak is unknown."""
        self.rounds: list[float] = []
        self.last = 0.0
        self.products: list[_Product] = []
        if device.type == "cpu":
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            self.products = [_Product(inputs, outputs, count, dtype) for (inputs, outputs), count in shapes.items()]
            self.sample(START_SECONDS)
        elif precision != "bf16":
            self.source = f"not known in {precision}"
        else:
            self.per_second, name = _of_tpu() if device.type == "xla" else _of_gpu(device_name(device))
            self.source = "data sheet" if self.per_second else f"not known of {name}"

    def sample(self, seconds: float) -> None:
        """Time the products repeatedly for `seconds`, each at least once. Does nothing for other devices than a CPU."""
        if not self.products:
            return
        ends, work = time.perf_counter() + seconds, sum(product.flops for product in self.products)
        with one_thread():
            self.rounds.append(sum(product.time() for product in self.products))
            while time.perf_counter() < ends:
                self.rounds.append(sum(product.time() for product in self.products))
        self.per_second = torch.get_num_threads() * work / sum(product.best for product in self.products)
        self.last = time.perf_counter()

    def sample_again(self) -> None:
        """Time the products again, where enough time has gone by since they were timed that it costs next to none."""
        if LATER_SHARE * (time.perf_counter() - self.last) >= LATER_SECONDS:
            self.sample(LATER_SECONDS)

    @property
    def slowdown(self) -> float | None:
        """Median time of the products over their best, for the whole run: 1 on an idle machine; None if not timed."""
        best = sum(product.best for product in self.products)
        return statistics.median(self.rounds) / best if self.rounds else None


class _Product:
    """A product of inputs and one of the model's matrices, cut to a millisecond's work, that stands for `count`."""

    def __init__(self, inputs: int, outputs: int, count: int, dtype: torch.dtype):
        work = count * inputs * outputs
        inputs, outputs = min(inputs, LONGEST_SIDE), min(outputs, LONGEST_SIDE)
        rows, drawn = max(32, int(PRODUCT_FLOPS / (2 * inputs * outputs))), torch.Generator().manual_seed(0)
        self.left, self.right = (
            torch.randn(*shape, generator=drawn).to(dtype) for shape in ((rows, inputs), (outputs, inputs))
        )
        # One timed product weighs as much as all matrices of the shape do for a token.
        self.weight = work / (rows * inputs * outputs)
        self.flops = 2.0 * work
        self.best = float("inf")

    def time(self) -> float:
        """Time the product once; return its weighted seconds and remember the best."""
        seconds = self.weight * seconds_of(lambda: F.linear(self.left, self.right))
        self.best = min(self.best, seconds)
        return seconds


def _of_gpu(name: str) -> tuple[float | None, str]:
    words = f" {re.sub('[^a-z0-9]+', ' ', name.lower())} "
    peaks = [peak for part, peak in PEAKS.items() if f" {part} " in words]
    whole = not any(f" {part} " in words for part in NOT_WHOLE)
    return (peaks[0] if peaks and whole else None), name


def _of_tpu() -> tuple[float | None, str]:
    name = os.environ.get("TPU_ACCELERATOR_TYPE", "this TPU")
    return TPU_PEAKS.get(name.split("-")[0]), name
