"""What a training runs on: its name, and what it could do at best."""

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
"""Words in the name of a device that is a part, or a slower kin, of its namesake."""

TPU_PEAKS = {"v6e": 918e12, "v5p": 459e12, "v5litepod": 197e12, "v4": 275e12}
"""Of a chip in bf16, by the type in TPU_ACCELERATOR_TYPE, from Google's page on each. Not run on one."""

PRODUCT_FLOPS, LONGEST_SIDE = 1e8, 1024
"""Of a product that is timed on a CPU: half a millisecond of a core with AMX, one of a core with AVX-512. So most end
before the system gives the core to another process, and the best is that of an idle machine."""

START_SECONDS, LATER_SECONDS = 0.2, 0.05
"""Time for them at the start, and at each validation."""

BUSY = 1.5
"""Times the best time that the median product took, from where on the machine is called busy. On two cores of a shared
host the median took 7 to 12 times as long under a load average of 10."""


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


class Peak:
    """What one device could do at best, in the precision of a training: the denominator of MFU.

    Of a GPU or TPU its data sheet says it. Of a CPU matrix products of the model's own shapes are timed, on one
    thread, and the best time of each shape counts, times the threads: with several threads a product waits for the
    slowest of them, and on a busy machine none ever finds all cores free. `sample` may be called again, as the run
    goes on.
    """

    def __init__(self, device: torch.device, precision: str, shapes: Mapping[tuple[int, int], int]):
        """`shapes`: (inputs, outputs) of the model's matrices, and how many there are of each."""
        self.flops: float | None = None
        """Operations a second; None where that is not known."""
        self.source = "probed"
        """How it is known: `probed`, or `data sheet`; or why it is not."""
        self.rounds: list[float] = []
        self.products: list[_Product] = []
        if device.type == "cpu":
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            self.products = [_Product(inputs, outputs, count, dtype) for (inputs, outputs), count in shapes.items()]
            self.sample(START_SECONDS)
        elif precision != "bf16":
            self.source = f"not known in {precision}"
        else:
            self.flops, name = _of_tpu() if device.type == "xla" else _of_gpu(device_name(device))
            self.source = "data sheet" if self.flops else f"not known of {name}"

    def sample(self, seconds: float = LATER_SECONDS) -> None:
        """Time the products again and again for so long, each once at least. Nothing to do but on a CPU."""
        if not self.products:
            return
        ends, work = time.perf_counter() + seconds, sum(product.flops for product in self.products)
        with one_thread():
            self.rounds.append(sum(product.time() for product in self.products))
            while time.perf_counter() < ends:
                self.rounds.append(sum(product.time() for product in self.products))
        self.flops = torch.get_num_threads() * work / sum(product.best for product in self.products)

    @property
    def slowdown(self) -> float | None:
        """Times the best time that the products took in the median, over the whole run: 1 on an idle machine."""
        best = sum(product.best for product in self.products)
        return statistics.median(self.rounds) / best if self.rounds else None


class _Product:
    """A batch of inputs times one of the model's matrices, both cut to a millisecond's work, `count` times."""

    def __init__(self, inputs: int, outputs: int, count: int, dtype: torch.dtype):
        work = count * inputs * outputs
        inputs, outputs = min(inputs, LONGEST_SIDE), min(outputs, LONGEST_SIDE)
        rows, drawn = max(32, int(PRODUCT_FLOPS / (2 * inputs * outputs))), torch.Generator().manual_seed(0)
        self.left, self.right = (
            torch.randn(*shape, generator=drawn).to(dtype) for shape in ((rows, inputs), (outputs, inputs))
        )
        # What is timed once weighs as much as all matrices of the shape do for a token.
        self.weight = work / (rows * inputs * outputs)
        self.flops = 2.0 * work
        self.best = float("inf")

    def time(self) -> float:
        """Seconds that the product took now, weighted; remembers the best."""
        seconds = self.weight * seconds_of(lambda: F.linear(self.left, self.right))
        self.best = min(self.best, seconds)
        return seconds


def _of_gpu(name: str) -> tuple[float | None, str]:
    words = f" {re.sub('[^a-z0-9]+', ' ', name.lower())} "
    found = [peak for part, peak in PEAKS.items() if f" {part} " in words]
    whole = not any(f" {part} " in words for part in NOT_WHOLE)
    return (found[0] if found and whole else None), name


def _of_tpu() -> tuple[float | None, str]:
    name = os.environ.get("TPU_ACCELERATOR_TYPE", "this TPU")
    return TPU_PEAKS.get(name.split("-")[0]), name
