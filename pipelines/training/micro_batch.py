"""Find the number of sequences that a process can hold at once, by trial."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import psutil  # accelerate needs it
import torch
from accelerate.utils.memory import clear_device_cache

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.devices.out_of_memory import is_out_of_memory
from desdecero.pipelines.training.devices.processes import agreed
from desdecero.pipelines.training.replica import Replica

SAFE_SHARE = 0.5
"""Share of the free memory that is used on a CPU: no error is raised there, the system kills a process that takes too
much."""
STATES = 4
"""Copies of the weights that training adds to them, at most: gradients, two moments, room to compute in."""
CGROUP = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


def choose_micro_batch(replica: Replica, optimizers: list[Any], most: int | None = None) -> int:
    """Choose the process' share of the batch, or the first of its half, quarter … with which a trial succeeds in every
    process.

    `most`: sequences that there is time to try, if the recipe says `auto`.

    Larger is not slower on a CPU either, where smaller pieces might have stayed in a cache: a batch of 8 × 256
    tokens took 0.30 s in pieces of 8, 4 or 2, and 0.38 s one by one (2.6 M parameters, two AVX-512 cores, bf16).
    All trials are without compilation: each size would be a program of its own, to wait for and to use once, and beyond
    eight of them torch would run even the training without one.
    Raises `UserError` if not even one sequence fits, or not the number that the recipe gives.
    """
    setting = replica.task.settings.micro_batch_size
    size = replica.sequences_per_process if setting == "auto" else min(replica.sequences_per_process, setting)
    if replica.sharded:  # a trial of one process would wait for the shares of another that ran out
        if setting == "auto":
            raise UserError("a sharded training does not try micro-batches: name one in pretrain.micro_batch_size")
        return size
    with torch.compiler.set_stance("force_eager"):
        if setting == "auto" and replica.accelerator.device.type == "cpu":
            size = min(size, sequences_in_memory(replica))
        while setting == "auto" and most is not None and size > max(1, most):
            size = -(-size // 2)
        while not _fits(replica, size, optimizers):
            if setting != "auto" or size == 1:
                raise UserError(out_of_memory(replica, size))
            size = -(-size // 2)
    return size


def sequences_in_memory(replica: Replica) -> int:
    """Estimate how many sequences' activations fit beside weights and optimiser states; at least 1."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    weights = sum(p.numel() * p.element_size() for p in replica.task.model.parameters())
    room = SAFE_SHARE * available_memory() / here - STATES * weights
    each = bytes_for_backward(replica, 2) - bytes_for_backward(replica, 1)
    return max(1, int(room // max(1, each)))


def bytes_for_backward(replica: Replica, sequences: int) -> int:
    """Count the bytes that the forward pass keeps for the backward pass: activations and the loss's, no weights."""
    known = {p.untyped_storage().data_ptr() for p in replica.task.model.parameters()}
    kept: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    inputs, targets = (tensor[:1].repeat(sequences, 1) for tensor in replica.task.train_data.largest())
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        replica.module(inputs, targets)
    return sum(kept.values())


def available_memory() -> int:
    """Return the bytes that this machine, or the container around the process, has free."""
    free: int = psutil.virtual_memory().available
    limit, used = (file.read_text().strip() if file.is_file() else "max" for file in CGROUP)
    return free if "max" in (limit, used) else min(free, int(limit) - int(used))


def peak_memory(device: torch.device) -> int:
    """Return the most bytes held so far: on the device, or by the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def out_of_memory(replica: Replica, size: int) -> str:
    """Return the message of the error."""
    device, length = replica.accelerator.device.type, replica.task.context_length
    if size == 1:
        return (
            f"one sequence of {length:,} tokens does not fit into the memory of this {device}, with this model and "
            "optimiser: lower model.context_length, model.layers or model.hidden_size, or take a larger device"
        )
    return (
        f"{size} sequences of {length:,} tokens do not fit into the memory of this {device}: lower "
        "pretrain.micro_batch_size, or set it to auto in a new run (the batch stays as it is)"
    )


def _fits(replica: Replica, size: int, optimizers: list[Any]) -> bool:
    """Return whether a step, and then a pass beside gradients and optimiser states, succeed in all processes.

    Runs without the wrapper for several processes, which would wait for one that ran out.
    """
    failed = False
    try:
        _trial(replica, size, optimizers)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        failed = True
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    clear_device_cache(garbage_collection=failed)  # half a second, where nothing ran out
    return not any(agreed(replica.accelerator, failed))


def _trial(replica: Replica, size: int, optimizers: list[Any]) -> None:
    device = replica.accelerator.device
    inputs, targets = (tensor[:size].to(device) for tensor in replica.task.train_data.largest())
    replica.module(inputs[:1], targets[:1])[0].backward()
    for optimizer in optimizers:
        optimizer.step()
    replica.module(inputs, targets)[0].backward()
