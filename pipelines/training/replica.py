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
from desdecero.pipelines.training.model.compilation import attend_blockwise, layer_classes
from desdecero.pipelines.training.model.optimizers import build_optimizers
from desdecero.pipelines.training.task import TrainingTask


def make_deterministic() -> None:
    """Make torch deterministic: compiled training on a CPU is not reproducible without this."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS, before it starts
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a costly debugging aid


def divide_batch(task: TrainingTask, accelerator: Accelerator) -> int:
    """Return the sequences of a batch for each process. Raises `UserError` if the batch cannot be divided."""
    processes: int = accelerator.num_processes
    size = task.settings.batch_size
    if size % processes:
        raise UserError(
            f"{task.section}.batch_size {size} cannot be shared by {processes} processes: make it a multiple of them"
        )
    return size // processes


def is_sharded(task: TrainingTask, accelerator: Accelerator) -> bool:
    """Return whether the model is sharded. Raises `UserError` for samples, which a sharded training does not write."""
    sharded = task.may_be_sharded and sharding_is_wanted() and accelerator.num_processes > 1
    if sharded and task.settings.samples:
        raise UserError("a sharded training writes no samples during training: leave pretrain.samples out")
    return sharded


class Replica:
    """The model of a task, or a process' share of it, on its device; in one process of those that train together."""

    def __init__(self, task: TrainingTask, accelerator: Accelerator, precision: str, compiled: bool):
        self.task, self.accelerator, self.module = task, accelerator, task.module
        share, setting = divide_batch(task, accelerator), task.settings.micro_batch_size
        self.sequences_per_process = share
        """The share of each batch."""
        self.micro_batch_size = share if setting == "auto" else min(share, setting)
        """Sequences in one pass."""
        self.sharded = is_sharded(task, accelerator)
        self.peak_flops = PeakFlops(accelerator.device, precision, product_shapes(task.model))
        self.module.in_bfloat16 = precision == "bf16"
        self.module.to(accelerator.device)
        self.module.train()
        if compiled or self.module.in_bfloat16:
            attend_blockwise(task.model)
        if compiled:
            self.module.compile()
        if self.sharded:
            shard(self.module, layer_classes(task.model), accelerator.device)
        self.wrapped = self.module if self.sharded else accelerator.prepare(self.module)

    def new_optimizers(self) -> list[Any]:
        """Build the optimizers, wrapped by accelerate."""
        task = self.task
        optimizers = build_optimizers(
            task.model, task.settings.optimizer, self.module.in_bfloat16, task.head, task.head_rate
        )
        return [self.accelerator.prepare(optimizer) for optimizer in optimizers]

    def step(self, step: int, optimizers: list[Any]) -> tuple[float, float]:
        """Take one optimizer step; return the result of `gradients`."""
        measured = self.gradients(step)
        self.update(optimizers)
        return measured

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
        pieces = list(zip(torch.split(inputs[mine], size), torch.split(targets[mine], size), strict=True))
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
        """Exchange gradients at the last micro-batch only; sharded ones at each, because no process could hold all."""
        return nullcontext() if last or self.sharded else self.accelerator.no_sync(self.wrapped)

    def update(self, optimizers: list[Any], refused: bool = False) -> None:
        """Take the step that the gradients point to, unless it is refused; forget them."""
        for optimizer in optimizers:
            if not refused:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def validation_loss(self, sequences: int) -> float:
        """Return nats per target on the same validation sequences each time, divided among the processes.

        Without dropout, training and evaluation give the same numbers, so the compiled training program is used, with
        gradients: without them another program would be compiled for a few passes.
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
            for x, y in zip(torch.split(inputs, size), torch.split(targets, size), strict=True):
                sums[0] += self.module(x.to(sums.device), y.to(sums.device))[1].detach()
        self.module.train()
        reshard(self.module)
        sums[1] = (targets != IGNORED).sum()
        total, count = self.accelerator.reduce(sums).tolist()
        mean: float = total / count
        return mean

    def environment(self) -> dict[str, Any]:
        """Describe where training runs: a resume elsewhere keeps the data order, not the last bits of the weights."""
        return {
            "processes": self.accelerator.num_processes,
            "micro_batch_size": self.micro_batch_size,
            "device": device_name(self.accelerator.device),
            "torch": torch.__version__,
            "sharded": self.sharded,
        }

    def whole_model(self) -> PreTrainedModel:
        """Return the unsharded model; of a sharded one, a copy in host memory. To be called by all processes."""
        if not self.sharded:
            return self.task.model
        copy, shares = build_model(self.task.model.config), self.task.model.state_dict()
        with torch.no_grad():
            for name, tensor in unique_tensors(copy).items():
                tensor.copy_(whole(shares[name]))
        return copy
