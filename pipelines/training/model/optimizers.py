"""Optimisers and learning-rate schedules, by the recipe's names."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.training.devices.sharding import like, local, share_of, whole
from desdecero.pipelines.training.model.build import table_ids


def build_optimizers(
    model: PreTrainedModel,
    settings: recipes.Optimizer,
    in_bfloat16: bool,
    head: Collection[torch.nn.Parameter] = (),
    head_rate: float = 0.0,
) -> list[torch.optim.Optimizer]:
    """Build one optimiser, or two for Muon. `in_bfloat16`: Muon multiplies in bfloat16.

    head: parameters with a peak learning rate of their own, for AdamW. Each parameter group holds its peak learning
    rate as `peak`, which `set_learning_rate` scales. Weight decay falls on matrices only, never on norms, biases and
    embeddings.
    """
    tables = table_ids(model)
    named = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in named if p.ndim >= 2 and id(p) not in tables]
    others = [p for p in named if p.ndim < 2 or id(p) in tables]
    decayed = {"params": matrices, "weight_decay": settings.weight_decay}
    plain = {"params": others, "weight_decay": 0.0}
    optimizers: list[torch.optim.Optimizer]
    if settings.name == "muon":
        optimizers = [
            Muon(matrices, settings.matrix_learning_rate, settings.momentum, settings.weight_decay, in_bfloat16),
            torch.optim.AdamW([plain], lr=settings.learning_rate, betas=settings.betas, fused=True),
        ]
    elif settings.name == "adamw":
        groups = _with_rate_of_head([decayed, plain], head, head_rate)
        optimizers = [torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)]
    else:
        optimizers = [
            torch.optim.SGD([decayed, plain], lr=settings.learning_rate, momentum=settings.momentum, nesterov=True)
        ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def _with_rate_of_head(
    groups: list[dict[str, Any]], head: Collection[torch.nn.Parameter], rate: float
) -> list[dict[str, Any]]:
    """Return the parameter groups, and for what of each belongs to the head a group with that learning rate."""
    of_head = {id(parameter) for parameter in head}
    body = [{**group, "params": [p for p in group["params"] if id(p) not in of_head]} for group in groups]
    heads = [{**group, "params": [p for p in group["params"] if id(p) in of_head], "lr": rate} for group in groups]
    return [*body, *(group for group in heads if group["params"])]


def set_learning_rate(optimizers: Iterable[Any], factor: float) -> None:
    """Set every group's learning rate to `factor` of its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


def learning_rate_factor(schedule: recipes.Schedule, steps: int) -> Callable[[float], float]:
    """Return the schedule: step from 0, or a place between steps → share of the peak rate, never 0 at first."""
    warmup = math.ceil(schedule.warmup * steps)
    falling = {"warmup_stable_decay": math.ceil(schedule.decay * steps), "constant": 0}
    length = falling.get(schedule.name, steps - warmup)  # cosine and linear

    def factor(step: float) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        left = min(1.0, (steps - step) / length) if length else 1.0
        shape = 0.5 * (1 - math.cos(math.pi * left)) if schedule.name == "cosine" else left
        return schedule.final + (1 - schedule.final) * shape

    return factor


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal, for matrices inside the layers (Jordan et al. 2024).

    The update is U·Vᵀ of the momentum's singular value decomposition, by five Newton–Schulz iterations with the
    coefficients of that work, times sqrt(max(1, rows/columns)). `torch.optim.Muon` always multiplies in
    bfloat16, which processors without it run a hundred times slower (0.0008 against 0.12 TFLOP/s on two AVX2
    cores): here the precision is chosen, and matrices of one shape go through together.
    """

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float, momentum: float, weight_decay: float, in_bfloat16: bool
    ):
        self.dtype = torch.bfloat16 if in_bfloat16 else torch.float32
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002  # torch's signature
        """Update all parameters that have a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for parameters in by_shape.values():
                self._step_together(parameters, group)

    def _step_together(self, parameters: list[torch.Tensor], group: dict[str, Any]) -> None:
        gradients = [local(p.grad) for p in parameters if p.grad is not None]  # `step` chose those that have one
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        buffers = [local(self.state[parameter]["momentum"]) for parameter in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        # Nesterov's momentum
        updates = torch._foreach_lerp(gradients, buffers, group["momentum"])  # noqa: SLF001  # no public foreach
        steps = orthogonalize_together([u.to(self.dtype) for u in updates], parameters)
        rows, columns = parameters[0].shape[-2:]
        rate = group["lr"] * max(1.0, rows / columns) ** 0.5
        weights = [local(parameter) for parameter in parameters]
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(weights, steps, alpha=-rate)


def orthogonalize_together(updates: list[torch.Tensor], parameters: list[torch.Tensor]) -> list[torch.Tensor]:
    """Make the updates of matrices of one shape orthogonal, in the parameters' precision.

    Updates of sharded parameters are shares: each process gathers all, computes a part of the matrices, and keeps its
    shares of the result.
    """
    sharded = [parameter for parameter in parameters if isinstance(parameter, DTensor)]
    if not sharded:
        return list(orthogonalize(torch.stack(updates)).to(parameters[0].dtype))
    here = torch.stack([whole(share_of(u, p)) for u, p in zip(updates, sharded, strict=True)])
    rank, processes = torch.distributed.get_rank(), torch.distributed.get_world_size()
    part = -(-len(here) // processes)
    mine = here.new_zeros(part, *here.shape[1:])
    own = here[rank * part : (rank + 1) * part]
    if len(own):
        mine[: len(own)] = orthogonalize(own)
    done = [torch.empty_like(mine) for _ in range(processes)]
    torch.distributed.all_gather(done, mine)
    steps = torch.cat(done).to(parameters[0].dtype)
    return [local(like(step, parameter)) for step, parameter in zip(steps, parameters, strict=False)]


def orthogonalize(matrices: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """Push the singular values of (…, rows, columns) matrices toward 1, roughly into [0.7, 1.2]."""
    a, b, c = 3.4445, -4.7750, 2.0315  # Jordan et al. 2024: chosen for the steepest slope at zero
    tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.reshape(-1, *x.shape[-2:])
    for _ in range(iterations):  # a·X + (b·G + c·G²)·X, where G = X·Xᵀ
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).reshape(matrices.shape)
