"""Start, agreement and failure of several processes of one training, so that none waits for one that has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list, patch_environment
from torch.distributed import DistError

from desdecero.pipelines.common.errors import EXIT_USER_ERROR, UserError
from desdecero.pipelines.run.launcher import LOST

T = TypeVar("T")

PATIENCE = timedelta(minutes=10)
"""Time that a process waits for another that does not answer: NCCL's default; gloo's is 30 minutes. At most a
compilation, or a checkpoint's hash, lies between two exchanges."""


def join_processes() -> Accelerator:
    """Join the processes that were started together, or run as the only one. The recipe decides on precision, not
    accelerate: see `ModelWithLoss`. Accelerate does not shard either: see `sharding.py`."""
    with patch_environment(accelerate_use_fsdp="false"):
        return Accelerator(mixed_precision="no", kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)])


@contextmanager
def explain_lost_peer() -> Iterator[None]:
    """Turn the communication library's error about a lost process into a `UserError`."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, DistError) or "gloo" in str(error):
            raise UserError(
                f"{LOST} has ended, or has not answered for "
                f"{PATIENCE.total_seconds() / 60:.0f} minutes: see its message, then run the same command again "
                "to continue from the last checkpoint"
            ) from error
        raise


def agreed(accelerator: Accelerator, *flags: bool) -> list[bool]:
    """Reduce each flag to whether it is true in any process: one small reduction."""
    if accelerator.num_processes == 1:
        return list(flags)
    held = torch.tensor(flags, dtype=torch.float32, device=accelerator.device)
    return [value > 0 for value in accelerator.reduce(held).tolist()]


def from_first(accelerator: Accelerator, decide: Callable[[], T]) -> T:
    """Let the first process decide, and return its decision in all. If it raises an error, the others exit without
    repeating it."""
    told: list[Any] = [None, False]
    refused: Exception | None = None
    if accelerator.is_main_process:
        try:
            told = [decide(), False]
        except Exception as error:  # noqa: BLE001  # raised again below, once the other processes know
            refused, told = error, [None, True]
    value: T
    value, failed = broadcast_object_list(told)
    if refused:
        raise refused
    if failed:
        raise SystemExit(EXIT_USER_ERROR)
    return value
