"""A model, its data and its devices: what a step of training needs, whoever drives it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.checkpoints import unique_tensors
from desdecero.pipelines.training.data.batches import Batches, Collator
from desdecero.pipelines.training.data.collators import build_collator, build_training_collator
from desdecero.pipelines.training.devices.peak_flops import Peak, device_name
from desdecero.pipelines.training.devices.sharding import let_go, shard, sharding_is_wanted, whole
from desdecero.pipelines.training.model.build import (
    build_config,
    build_model,
    has_dropout,
    product_shapes,
    set_generation,
    silence_layers,
    training_flops_per_token,
)
from desdecero.pipelines.training.model.optimizers import build_optimizers
from desdecero.pipelines.training.objective import Objective


def make_deterministic() -> None:
    """Same seed, same machine, same bits: compiled training on a CPU is not reproducible without this."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS, before it starts
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a costly debugging aid


class Training:
    """A model, its data and the devices: what one step of training needs."""

    def __init__(self, recipe: Recipe, run: RunDir, accelerator: Accelerator):
        self.recipe, self.accelerator = recipe, accelerator
        if recipe.pretrain.batch_size % accelerator.num_processes:
            raise UserError(
                f"pretrain.batch_size {recipe.pretrain.batch_size} cannot be shared by {accelerator.num_processes} "
                "processes: make it a multiple of them"
            )
        self.share = recipe.pretrain.batch_size // accelerator.num_processes
        self.sharded = sharding_is_wanted() and accelerator.num_processes > 1
        if self.sharded and recipe.pretrain.samples:
            raise UserError("a sharded training writes no samples on its way: leave pretrain.samples out")
        wanted = recipe.pretrain.micro_batch_size
        self.micro = self.share if wanted == "auto" else min(self.share, wanted)
        self.tokens_per_step = recipe.pretrain.batch_size * recipe.model.context_length
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
        dtype = run.report("tokens", recipe)["dtype"]
        self.train_data = self._batches(run, "train", dtype, build_training_collator(recipe, self.tokenizer))
        self.validation_data = self._batches(run, "validation", dtype, build_collator(recipe, self.tokenizer))
        set_seed(recipe.seed)
        self.model = build_model(build_config(recipe.model, self.tokenizer))
        targets = self.train_data.collator.target_length
        self.flops_per_token = training_flops_per_token(self.model, recipe.model.context_length, targets)

    def _batches(self, run: RunDir, split: Any, dtype: str, collator: Collator) -> Batches:
        size, vocabulary = self.recipe.pretrain.batch_size, len(self.tokenizer)
        return Batches(run.token_files(split), dtype, collator, size, self.recipe.seed, vocabulary)

    def prepare(self, precision: str) -> None:
        """Put the model on its device, with its loss."""
        self.half = precision == "bf16"
        self.peak = Peak(self.accelerator.device, precision, product_shapes(self.model))
        sentinels = self.tokenizer.convert_tokens_to_ids(list(self.recipe.tokenizer.sentinel_tokens))
        self.bare = Objective(
            self.model, self.recipe.pretrain, self.half, sentinels, self.recipe.model.context_length
        )  # fmt: skip
        silence_layers(self.model)  # not before: layers that say nothing would pass any trial of `Objective`
        self.bare.to(self.accelerator.device)

    def wrap(self, compiled: bool) -> None:
        """Compile the model, if so planned, and wrap it for several processes."""
        if compiled:
            self.bare.compile()
        self.objective = self.bare if self.sharded else self.accelerator.prepare(self.bare)
        if self.sharded:
            shard(self.bare, self.model._no_split_modules or (), self.accelerator.device)

    def new_optimizers(self) -> list[Any]:
        optimizers = build_optimizers(self.model, self.recipe.pretrain.optimizer, self.half)
        return [self.accelerator.prepare(optimizer) for optimizer in optimizers]

    def step(self, step: int, optimizers: list[Any]) -> tuple[float, float]:
        """One optimiser step; returns what `gradients` does."""
        found = self.gradients(step)
        self.update(optimizers)
        return found

    def gradients(self, step: int) -> tuple[float, float]:
        """Compute the gradients of a step's batch; returns (mean loss in nats per target, gradient norm), the same
        numbers in all processes.

        The loss of every micro-batch is a sum, divided by the targets of the whole batch: so the step is the
        same however the batch is cut, by accumulation or between processes.
        """
        rank = self.accelerator.process_index
        inputs, targets = self.train_data.batch(step)
        count = max(1, int((targets != IGNORED).sum()))
        mine = slice(rank * self.share, (rank + 1) * self.share)
        pieces = list(zip(inputs[mine].split(self.micro), targets[mine].split(self.micro), strict=True))
        torch.manual_seed(hash((self.recipe.seed, step, rank)))  # dropout, if any: the same after a resume
        total = torch.zeros((), device=self.accelerator.device)
        for number, (x, y) in enumerate(pieces, start=1):
            last = number == len(pieces)
            with self._synchronised(last):
                loss, measured = self.objective(x.to(self.accelerator.device), y.to(self.accelerator.device))
                # Wrapped for several processes, gradients are averaged; the factor turns that into a sum.
                self.accelerator.backward(loss * (self.accelerator.num_processes / count))
            total += measured.detach()
        norm = whole(self.accelerator.clip_grad_norm_(self.objective.parameters(), self.recipe.pretrain.clip_norm))
        both = torch.stack([total, norm.to(total) / self.accelerator.num_processes])
        summed, norm = self.accelerator.reduce(both).tolist()
        return summed / count, norm

    def _synchronised(self, last: bool) -> AbstractContextManager[Any]:
        """Gradients are exchanged at the last micro-batch; sharded ones at each, for nobody could keep all of them."""
        return nullcontext() if last or self.sharded else self.accelerator.no_sync(self.objective)

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
        processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        inputs, targets = self.validation_data.spread(sequences)
        missing = -len(inputs) % processes  # rows that ask nothing, so that all take part in every pass
        inputs = torch.cat([inputs, inputs[:1].expand(missing, -1)])[rank::processes]
        targets = torch.cat([targets, torch.full_like(targets[:1], IGNORED).expand(missing, -1)])[rank::processes]
        sums = torch.zeros(2, device=self.accelerator.device)
        as_in_training = self.bare.compiled and not has_dropout(self.model) and not self.sharded
        self.bare.train(as_in_training)
        with torch.set_grad_enabled(as_in_training):
            for x, y in zip(inputs.split(self.micro), targets.split(self.micro), strict=True):
                sums[0] += self.bare(x.to(sums.device), y.to(sums.device))[1].detach()
        self.bare.train()
        let_go(self.bare)
        sums[1] = (targets != IGNORED).sum()
        total, count = self.accelerator.reduce(sums).tolist()
        return total / count

    def whereabouts(self) -> dict[str, Any]:
        """What a training may be moved between: the data order stays, the last bits of the weights may not."""
        return {
            "processes": self.accelerator.num_processes,
            "micro_batch_size": self.micro,
            "device": device_name(self.accelerator.device),
            "torch": torch.__version__,
            "sharded": self.sharded,
        }

    def save_model(self, folder: Path) -> None:
        """What `from_pretrained` loads, for any transformers user; written by the first process, called by all."""
        model = gathered(self.model) if self.sharded else self.model
        if not self.accelerator.is_main_process:
            return
        set_generation(model, self.tokenizer, self.recipe.model.context_length)
        model.save_pretrained(folder)
        self.tokenizer.model_max_length = self.recipe.model.context_length
        self.tokenizer.save_pretrained(folder)


def gathered(model: PreTrainedModel) -> PreTrainedModel:
    """The same model in one piece, in the memory of the host; to be called in all processes."""
    copy, shares = build_model(model.config), model.state_dict()
    with torch.no_grad():
        for name, tensor in unique_tensors(copy).items():
            tensor.copy_(whole(shares[name]))
    return copy
