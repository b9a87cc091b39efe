"""What several processes of one training must agree on, so that none waits for another that has left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list, patch_environment
from torch.distributed import DistError

from desdecero.pipelines.common.errors import EXIT_USER_ERROR, UserError
from desdecero.pipelines.run.launcher import LOST

PATIENCE = timedelta(minutes=10)
"""That a process waits for another one which neither answers nor hangs up: NCCL's default, where gloo's is 30 minutes.
Between two exchanges lies a compilation, or a checkpoint's hash, at most."""


def join_processes() -> Accelerator:
    """One of the processes that were started together, or a process alone. The recipe decides on precision, not
    accelerate: see `ModelWithLoss`. Nor does accelerate shard: see `sharding.py`."""
    with patch_environment(accelerate_use_fsdp="false"):
        return Accelerator(mixed_precision="no", kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)])


@contextmanager
def explain_lost_peer() -> Iterator[None]:
    """Turn the communication library's error, when another process is gone, into a sentence."""
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
    """Each flag, true where any process holds it for true: one small reduction."""
    if accelerator.num_processes == 1:
        return list(flags)
    held = torch.tensor(flags, dtype=torch.float32, device=accelerator.device)
    return [value > 0 for value in accelerator.reduce(held).tolist()]


def from_first(accelerator: Accelerator, decide: Callable[[], Any]) -> Any:
    """What the first process decides, told to all. Where it raises an error, the others end without repeating it."""
    told: list[Any] = [None, False]
    refused: Exception | None = None
    if accelerator.is_main_process:
        try:
            told = [decide(), False]
        except Exception as error:
            refused, told = error, [None, True]
    value, failed = broadcast_object_list(told)
    if refused:
        raise refused
    if failed:
        raise SystemExit(EXIT_USER_ERROR)
    return value
