"""Checkpoints: whole or absent, checked by hash when they are read, and few.

checkpoints/step-000500/
  weights.safetensors    the model's parameters
  optimizers.pt          the optimisers' states
  state.json             step, seconds trained so far, and the sha256 of the other two
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model

from pipelines.run_dir import sha256_file, write_json

KEPT = 2  # the newest, and one before it in case the newest cannot be read


def save_checkpoint(
    folder: Path, step: int, model: torch.nn.Module, optimizers: list[Any], state: dict[str, Any]
) -> None:
    """Write `folder/step-…` beside its place and rename it when it is whole and on the disk."""
    target = folder / f"step-{step:06d}"
    partial = folder / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_model(model, str(partial / "weights.safetensors"))
    # Through Python's file: torch's own writer tells a full disk by an internal error.
    with (partial / "optimizers.pt").open("wb") as file:
        torch.save([optimizer.state_dict() for optimizer in optimizers], file)
    hashes = {name: sha256_file(partial / name) for name in ("weights.safetensors", "optimizers.pt")}
    write_json(partial / "state.json", {"step": step, **state, "sha256": hashes})
    for path in (*partial.iterdir(), partial):
        _sync(path)
    shutil.rmtree(target, ignore_errors=True)
    os.rename(partial, target)
    for old in sorted(folder.glob("step-*"))[:-KEPT]:
        shutil.rmtree(old)


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that hashes to what it claims, with its state; damaged ones are passed over aloud."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        try:
            state = json.loads((path / "state.json").read_text(encoding="utf-8"))
            if all(sha256_file(path / name) == digest for name, digest in state["sha256"].items()):
                return path, state
        except (OSError, ValueError, KeyError):
            pass
        print(f"pretrain   {path} is damaged: going back to the one before it", flush=True)
    return None


def load_checkpoint(path: Path, model: torch.nn.Module, optimizers: list[Any]) -> None:
    """Put a checkpoint's weights and optimiser states into live objects, on their own devices."""
    load_model(model, str(path / "weights.safetensors"))
    states = torch.load(path / "optimizers.pt", map_location="cpu", weights_only=True)
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict(state)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
