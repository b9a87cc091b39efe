"""Sharding with FSDP2: each process holds a share of every weight, gradient and optimiser state.

    accelerate launch --config_file eight_gpus_fsdp2.yaml pipelines/pretrain.py RECIPE

Requested by accelerate's variables (`ACCELERATE_USE_FSDP`, `FSDP_VERSION=2`), and done with torch's `fully_shard`:
accelerate itself shards on accelerators only (on a CPU it trains whole copies and does not say so), and makes the
output layer a separate group, whose weight is then not gathered when the loss multiplies by it.

Each layer is a group, gathered when it is reached; the rest (embeddings, last norm, output layer) is the root's.
Weights are gathered in float32 and autocast makes bfloat16 of them afterwards: the numbers are those of a training
that is not sharded. Gradients are reduced after every micro-batch: kept whole until the last, they would take the
memory that was to be saved.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import torch
from accelerate.utils import parse_flag_from_env
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from desdecero.pipelines.common.errors import UserError


def sharding_is_wanted() -> bool:
    """Return whether accelerate was told to shard. Raises `UserError` for FSDP 1 and for offloading."""
    if not parse_flag_from_env("ACCELERATE_USE_FSDP"):
        return False
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise UserError("accelerate is told to use FSDP 1, and desdecero knows FSDP2: set fsdp_version to 2")
    if parse_flag_from_env("FSDP_OFFLOAD_PARAMS"):
        raise UserError(
            "fsdp_offload_params is not supported: set it to false, and use more devices or a smaller model"
        )
    return True


def shard(model: nn.Module, layers: Iterable[str], device: torch.device) -> None:
    """Shard a module over the processes, in place. `layers`: names of the classes of its layers."""
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    stacks = [module for module in model.to(device).modules() if isinstance(module, nn.ModuleList)]
    for layer in (layer for stack in stacks for layer in stack):
        if type(layer).__name__ in layers:  # which may also name BERT's embeddings: those the output layer shares
            fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)


def reshard(model: nn.Module) -> None:
    """Free the gathered weights after a forward pass without a backward one."""
    if isinstance(model, FSDPModule):
        model.reshard()


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return the share that this process holds, or a tensor that is not sharded as it is."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Gather a sharded tensor in every process. To be called by all of them."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """Shard a whole tensor as `model`, a tensor of its shape, is sharded; another one is returned as it is."""
    if not isinstance(model, DTensor) or tensor.shape != model.shape:
        return tensor
    here = tensor.to(model.device, model.dtype)
    return distribute_tensor(here, model.device_mesh, model.placements, src_data_rank=None)


def share_of(share: torch.Tensor, model: DTensor) -> DTensor:
    """Wrap a process' share of a tensor that is sharded as `model` is, as a `DTensor` of the whole."""
    return DTensor.from_local(
        share, model.device_mesh, model.placements, run_check=False, shape=model.shape, stride=model.stride()
    )


def state_like(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Shard an optimiser's state of whole tensors as its parameters are sharded."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    cut = {
        number: {
            name: like(value, parameters[number]) if isinstance(value, torch.Tensor) else value
            for name, value in values.items()
        }
        for number, values in state["state"].items()
    }
    return {**state, "state": cut}
