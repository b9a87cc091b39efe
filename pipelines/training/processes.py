"""What several processes of one training must agree on, so that none waits for another that has left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from pipelines.errors import EXIT_USER_ERROR


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
