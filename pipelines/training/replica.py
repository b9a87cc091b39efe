"""A training's model on the device of one process: gradients, updates, validation."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.training.checkpoints import unique_tensors
from desdecero.pipelines.training.devices.peak_flops import PeakFlops, device_name
from desdecero.pipelines.training.devices.sharding import reshard, shard, sharding_is_wanted, whole
from desdecero.pipelines.training.model.build import build_model, has_dropout, product_shapes
from desdecero.pipelines.training.model.optimizers import build_optimizers
from desdecero.pipelines.training.task import TrainingTask


def make_deterministic() -> None:
    """Same seed, same machine, same bits: compiled training on a CPU is not reproducible without this."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS, before it starts
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a costly debugging aid


def divide_batch(task: TrainingTask, accelerator: Accelerator) -> int:
    """Sequences of a batch that fall to each process. Raises `UserError` for a batch that they cannot share."""
    size, processes = task.settings.batch_size, accelerator.num_processes
    if size % processes:
        raise UserError(
            f"{task.section}.batch_size {size} cannot be shared by {processes} processes: make it a multiple of them"
        )
    return size // processes


def is_sharded(task: TrainingTask, accelerator: Accelerator) -> bool:
    """Whether each process holds a share of the model. Raises `UserError` for what is not done with one."""
    sharded = task.may_be_sharded and sharding_is_wanted() and accelerator.num_processes > 1
    if sharded and task.settings.samples:
        raise UserError("a sharded training writes no samples on its way: leave pretrain.samples out")
    return sharded


class Replica:
    """The model of a task, or a process' share of it, on its device; in one process of those that train together."""

    def __init__(self, task: TrainingTask, accelerator: Accelerator, precision: str, compiled: bool):
        self.task, self.accelerator, self.module = task, accelerator, task.module
        share, wanted = divide_batch(task, accelerator), task.settings.micro_batch_size
        self.sequences_per_process = share
        """Of each batch."""
        self.micro_batch_size = share if wanted == "auto" else min(share, wanted)
        """Sequences in one pass."""
        self.sharded = is_sharded(task, accelerator)
        self.peak_flops = PeakFlops(accelerator.device, precision, product_shapes(task.model))
        self.module.in_bfloat16 = precision == "bf16"
        self.module.to(accelerator.device)
        self.module.train()
        if compiled:
            self.module.compile()
        if self.sharded:
            shard(self.module, task.model._no_split_modules or (), accelerator.device)
        self.wrapped = self.module if self.sharded else accelerator.prepare(self.module)

    def new_optimizers(self) -> list[Any]:
        optimizers = build_optimizers(self.task.model, self.task.settings.optimizer, self.module.in_bfloat16)
        return [self.accelerator.prepare(optimizer) for optimizer in optimizers]

    def step(self, step: int, optimizers: list[Any]) -> tuple[float, float]:
        """One optimizer step; returns what `gradients` does."""
        found = self.gradients(step)
        self.update(optimizers)
        return found

    def gradients(self, step: int) -> tuple[float, float]:
        """Compute the gradients of a step's batch; returns (mean loss in nats per target, gradient norm), the same
        numbers in all processes.

        The loss of every micro-batch is a sum, divided by the targets of the whole batch: so the step is the
        same however the batch is cut, by accumulation or between processes.
        """
        rank, device = self.accelerator.process_index, self.accelerator.device
        inputs, targets = self.task.train_data.batch(step)
        count = max(1, int((targets != IGNORED).sum()))
        share, size = self.sequences_per_process, self.micro_batch_size
        mine = slice(rank * share, (rank + 1) * share)
        pieces = list(zip(inputs[mine].split(size), targets[mine].split(size), strict=True))
        torch.manual_seed(hash((self.task.seed, step, rank)))  # dropout, if any: the same after a resume
        total = torch.zeros((), device=device)
        for number, (x, y) in enumerate(pieces, start=1):
            with self._synchronized(last=number == len(pieces)):
                loss, measured = self.wrapped(x.to(device), y.to(device))
                # Wrapped for several processes, gradients are averaged; the factor turns that into a sum.
                self.accelerator.backward(loss * (self.accelerator.num_processes / count))
            total += measured.detach()
        norm = whole(self.accelerator.clip_grad_norm_(self.wrapped.parameters(), self.task.settings.clip_norm))
        both = torch.stack([total, norm.to(total) / self.accelerator.num_processes])
        summed, norm = self.accelerator.reduce(both).tolist()
        return summed / count, norm

    def _synchronized(self, last: bool) -> AbstractContextManager[Any]:
        """Gradients are exchanged at the last micro-batch; sharded ones at each, for nobody could keep all of them."""
        return nullcontext() if last or self.sharded else self.accelerator.no_sync(self.wrapped)

    def update(self, optimizers: list[Any], refused: bool = False) -> None:
        """Take the step that the gradients point to, unless it is refused; forget them."""
        for optimizer in optimizers:
            if not refused:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def validation_loss(self, sequences: int) -> float:
        """Nats per target on the same held-out sequences each time, shared by the processes.

        Where no dropout tells training from evaluation, by the program that trains, gradients and all: without them
        it would be another to compile, for a few passes.
        """
        assert self.task.validation_data
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        inputs, targets = self.task.validation_data.spread(sequences)
        missing = -len(inputs) % processes  # rows that ask nothing, so that all take part in every pass
        inputs = torch.cat([inputs, inputs[:1].expand(missing, -1)])[rank::processes]
        targets = torch.cat([targets, torch.full_like(targets[:1], IGNORED).expand(missing, -1)])[rank::processes]
        sums = torch.zeros(2, device=self.accelerator.device)
        as_in_training = self.module.compiled and not has_dropout(self.task.model) and not self.sharded
        self.module.train(as_in_training)
        size = self.micro_batch_size
        with torch.set_grad_enabled(as_in_training):
            for x, y in zip(inputs.split(size), targets.split(size), strict=True):
                sums[0] += self.module(x.to(sums.device), y.to(sums.device))[1].detach()
        self.module.train()
        reshard(self.module)
        sums[1] = (targets != IGNORED).sum()
        total, count = self.accelerator.reduce(sums).tolist()
        return total / count

    def environment(self) -> dict[str, Any]:
        """What a training may be moved between: the data order stays, the last bits of the weights may not."""
        return {
            "processes": self.accelerator.num_processes,
            "micro_batch_size": self.micro_batch_size,
            "device": device_name(self.accelerator.device),
            "torch": torch.__version__,
            "sharded": self.sharded,
        }

    def whole_model(self) -> PreTrainedModel:
        """The model in one piece; of a sharded one, a copy in the host's memory. To be called by all processes."""
        if not self.sharded:
            return self.task.model
        copy, shares = build_model(self.task.model.config), self.task.model.state_dict()
        with torch.no_grad():
            for name, tensor in unique_tensors(copy).items():
                tensor.copy_(whole(shares[name]))
        return copy
