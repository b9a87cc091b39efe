"""Recognize and explain out-of-memory errors, whatever library raised them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate.utils.memory import should_reduce_batch_size

from desdecero.pipelines.common.errors import UserError


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, of the device or of the host."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and should_reduce_batch_size(error)
    )


@contextmanager
def explain_out_of_memory(
    advice: str = "lower pretrain.micro_batch_size, and run the same command again to continue",
) -> Iterator[None]:
    """Turn an out-of-memory error that reaches the stage into a `UserError` with the advice."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        *_, what = (str(error).splitlines() or [""])[0].rpartition("DefaultCPUAllocator: ")
        raise UserError(
            f"memory ran out ({what.rstrip('.')}): {advice}; where that does not help, take a smaller "
            "model.hidden_size, model.layers or model.context_length, or a larger device"
        ) from error
