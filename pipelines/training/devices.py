"""What a training runs on: its name, and what it could do at best."""

from __future__ import annotations

import os
import re

import torch

from pipelines.training.probe import seconds_of

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

PROBED_SIZE, PROBED_TIMES = 1024, 8
"""Rows and columns of the matrices that a CPU multiplies, and how often: the best time is its peak."""


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def peak_flops(device: torch.device, precision: str) -> tuple[float | None, str]:
    """(operations a second that one device could do in this precision, how that is known: `probed`, by multiplying
    matrices, or `data sheet`); None where it is not, and why."""
    if device.type == "cpu":
        return _probed(torch.bfloat16 if precision == "bf16" else torch.float32), "probed"
    if precision != "bf16":
        return None, f"not known in {precision}"
    peak, name = _of_tpu() if device.type == "xla" else _of_gpu(device_name(device))
    return peak, "data sheet" if peak else f"not known of {name}"


def _of_gpu(name: str) -> tuple[float | None, str]:
    words = f" {re.sub('[^a-z0-9]+', ' ', name.lower())} "
    found = [peak for part, peak in PEAKS.items() if f" {part} " in words]
    whole = not any(f" {part} " in words for part in NOT_WHOLE)
    return (found[0] if found and whole else None), name


def _of_tpu() -> tuple[float | None, str]:
    name = os.environ.get("TPU_ACCELERATOR_TYPE", "this TPU")
    return TPU_PEAKS.get(name.split("-")[0]), name


def _probed(dtype: torch.dtype) -> float:
    drawn = torch.Generator().manual_seed(0)
    left, right = (torch.randn(PROBED_SIZE, PROBED_SIZE, generator=drawn).to(dtype) for _ in range(2))
    best = min(seconds_of(lambda: left @ right) for _ in range(PROBED_TIMES))
    return 2 * PROBED_SIZE**3 / best
