"""Atomic, hash-checked checkpoints of one training; old ones are deleted.

checkpoints/step-000500/
  config.json  model.safetensors   what transformers loads, to study a model on its way; of an adapter its tensors alone
  optimizers.pt                    the optimisers' states
  state.json                       step, seconds trained so far, what it was trained from, sha256 of the others

Training pauses only for a copy into host memory: a thread writes it, hashes it, syncs it to the disk and renames it
while training continues. The copies take as much memory as the weights and the optimisers' states; it is allocated at
the first checkpoint and used again for each.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import sha256_file, write_json, write_text
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.training.devices.sharding import like, local, state_like, whole

SAFE_TO_CHANGE_ON_RESUME: dict[str, set[str]] = {
    "pretrain": {
        "checkpoint_minutes",
        "keep_checkpoints",
        "keep_every_steps",
        "micro_batch_size",
        "samples",
        "trackers",
        "energy",
        "price_per_hour",
    },
    "finetune": {"max_eval_bytes"},
}
"""Keys that may change between a stop and the next start, by section. `micro_batch_size` moves roundings, no more."""


def identity(recipe: Recipe, run: RunDir, name: str) -> dict[str, Any]:
    """Identify the training of a stage by code version, inputs and those parts of the recipe that may not change."""
    stage = stages(recipe)[name]
    read = {"seed", "model", "pretrain"} & set(stage.reads)
    sections = recipe.model_dump(mode="json", include=read, exclude=SAFE_TO_CHANGE_ON_RESUME)
    if stage.adapter is not None:
        adapter = recipe.adapters[stage.adapter]
        sections["finetune"] = adapter.model_dump(mode="json", exclude=SAFE_TO_CHANGE_ON_RESUME["finetune"])
    return {"code_version": stage.version, **run.fingerprint(stage, recipe)[2], **sections}


class Checkpoints:
    """The checkpoints of one training; `made_from` must match at resume, see `identity`.

    Of several processes one `writes`. All call `save` if the model is sharded, to gather its shares.
    """

    def __init__(
        self,
        folder: Path,
        made_from: dict[str, Any],
        keep: int = 2,
        keep_every: int | None = None,
        return_every: int | None = None,
        writes: bool = True,
        title: str = "pretrain",
    ):
        self.title = title
        self.folder, self.made_from, self.keep, self.keep_every = folder, made_from, keep, keep_every
        self.return_every, self.writes = return_every, writes
        """Steps between checkpoints that a roll back may go to: the last two of them stay."""
        self.pinned: tuple[int, ...] = ()
        """Steps whose checkpoints stay until the end, however old."""
        self._copies: dict[str, torch.Tensor] = {}
        self._writer = ThreadPoolExecutor(1, "checkpoints")
        self._writing: Future[None] | None = None

    # --- writing ---------------------------------------------------------------------------------------------

    def save(
        self, step: int, model: PreTrainedModel, optimizers: Sequence[torch.optim.Optimizer], state: dict[str, Any]
    ) -> None:
        """Copy everything that a resume needs, and let the thread write it; wait for the checkpoint before first."""
        self.wait()
        weights = self._copy(trained_tensors(model), "model")
        states = self._copy([optimizer.state_dict() for optimizer in optimizers], "optimizers")
        if not self.writes:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # the copies are asynchronous
        content = {"step": step, **state, "made_from": self.made_from}
        self._writing = self._writer.submit(self._write, weights, model.config.to_json_string(), states, content)

    def due(self, step: int, seconds: float, minutes: float) -> bool:
        """Return whether to write one, `seconds` after the last, at one every `minutes`."""
        return seconds >= 60 * minutes or any(
            step % every == 0 for every in (self.keep_every, self.return_every) if every
        )

    def failed(self) -> bool:
        """Return whether the last write failed: `wait` then raises its error."""
        return bool(self._writing and self._writing.done() and self._writing.exception())

    def wait(self) -> None:
        """Wait until the last checkpoint is on the disk; raise the error of its write."""
        writing, self._writing = self._writing, None
        if writing:
            writing.result()

    def finish(self) -> None:
        """Delete all but the last checkpoint and those of `keep_every`."""
        self._close()
        self.return_every, self.pinned = None, ()
        self._prune(keep=1)

    def remove(self) -> None:
        """Delete all of them: the trained weights are written elsewhere."""
        self._close()
        shutil.rmtree(self.folder)

    def _close(self) -> None:
        self.wait()
        self._writer.shutdown()

    def _copy(self, tree: Any, place: str) -> Any:
        """Copy the tensors of a tree into host memory, which is used again for the same place."""
        if isinstance(tree, dict):
            return {key: self._copy(value, f"{place}/{key}") for key, value in tree.items()}
        if isinstance(tree, list | tuple):
            return [self._copy(value, f"{place}/{number}") for number, value in enumerate(tree)]
        if not isinstance(tree, torch.Tensor):
            return tree
        tree = whole(tree.detach())
        if not self.writes:
            return None
        copy = self._copies.get(place)
        if copy is None or (copy.shape, copy.dtype) != (tree.shape, tree.dtype):
            copy = torch.empty(tree.shape, dtype=tree.dtype, pin_memory=tree.is_cuda)
            self._copies[place] = copy
        return copy.copy_(tree, non_blocking=True)

    def _write(self, weights: dict[str, torch.Tensor], config: str, states: list[Any], content: dict[str, Any]) -> None:
        """Write to a temporary folder, and rename it when it is complete and on the disk."""
        target, partial = self.folder / f"step-{content['step']:06d}", self.folder / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            write_text(partial / "config.json", config)
            save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
            # Through Python's file: torch's own writer tells a full disk by an internal error.
            with (partial / "optimizers.pt").open("wb") as file:
                torch.save(states, file)
            hashes = {path.name: sha256_file(path) for path in sorted(partial.iterdir())}
            write_json(partial / "state.json", {**content, "sha256": hashes})
            for path in (*partial.iterdir(), partial):
                _sync(path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)  # useless, and it takes room on a full disk
            raise
        shutil.rmtree(target, ignore_errors=True)  # there only if it was damaged, and passed over
        os.rename(partial, target)
        _sync(self.folder)
        self._prune(self.keep)

    def _prune(self, keep: int) -> None:
        returns = [path for path in self._found() if self.return_every and _step(path) % self.return_every == 0]
        for old in self._found()[:-keep]:
            needed = old in returns[-2:] or _step(old) in self.pinned
            if not needed and (not self.keep_every or _step(old) % self.keep_every):
                shutil.rmtree(old)
        shutil.rmtree(self.folder / "partial", ignore_errors=True)

    # --- reading ---------------------------------------------------------------------------------------------

    def at(self, step: int) -> tuple[Path, dict[str, Any]]:
        """Return the checkpoint of a step, with its state. Raises `UserError` if it is damaged."""
        path = self.folder / f"step-{step:06d}"
        state = _whole_state(path)
        if not state:
            raise UserError(
                f"training must go back to {path}, which is not whole: delete {self.folder} to train from the beginning"
            )
        return path, state

    def newest(self) -> tuple[Path, dict[str, Any]] | None:
        """Return the newest undamaged checkpoint, with its state, or None before the first; damaged ones are skipped
        with a message.

        Raises `UserError` if one belongs to another training, or all are damaged.
        """
        paths = self._found()
        for path in reversed(paths):
            state = _whole_state(path)
            if state:
                self._refuse_another_training(state["made_from"])
                return path, state
            print(f"{self.title:<10} {path} is damaged: going back to the one before it", flush=True)
        if paths:
            raise UserError(
                f"no checkpoint in {self.folder} is whole: restore one from a backup, or delete that folder "
                "to train from the beginning"
            )
        return None

    def _refuse_another_training(self, made_from: dict[str, Any]) -> None:
        then, now = _flat(made_from), _flat(self.made_from)
        changed = sorted(key for key in {**then, **now} if then.get(key) != now.get(key))
        if changed:
            told = "; ".join(f"{key} was {_short(then.get(key))}, is {_short(now.get(key))}" for key in changed[:3])
            told += f"; and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise UserError(
                f"the checkpoints in {self.folder} belong to another training ({told}): undo the change to go on, "
                "or delete that folder to train from the beginning"
            )

    def _found(self) -> list[Path]:
        """List the checkpoints, oldest first. An unreadable folder raises; `glob` would find nothing in it."""
        if not self.folder.exists():
            return []
        names = [name for name in os.listdir(self.folder) if name.startswith("step-")]
        return sorted((self.folder / name for name in names), key=_step)


def load_checkpoint(path: Path, model: PreTrainedModel, optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """Load a checkpoint's weights and optimiser states in place, on their devices; of sharded ones each process its
    share."""
    weights, live = load_file(path / "model.safetensors"), trained_tensors(model)
    assert weights.keys() == live.keys(), "a checkpoint of this very training has the names of this very model"
    with torch.no_grad():
        for name, tensor in live.items():
            local(tensor).copy_(local(like(weights[name], tensor)))
    states = torch.load(path / "optimizers.pt", map_location="cpu", weights_only=True, mmap=True)
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict(state_like(state, optimizer))


def describe_environment_change(then: dict[str, Any], now: dict[str, Any]) -> str:
    """Return the end of a sentence that names the changes since the checkpoint was written; "" without any."""
    changed = [f"{name} {now[name]} (was {then.get(name)})" for name in now if then.get(name) != now[name]]
    return f", with {', '.join(changed)}: the same data in the same order, other roundings" if changed else ""


def trained_tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the tensors that training changes, by name: `unique_tensors` without frozen parameters."""
    return {
        name: tensor
        for name, tensor in unique_tensors(model).items()
        if tensor.requires_grad or not isinstance(tensor, torch.nn.Parameter)
    }


def unique_tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return a model's parameters and buffers, each once, under the first of its names: tied weights have several."""
    first: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        first.setdefault(id(tensor), (name, tensor))
    return dict(first.values())


def _whole_state(path: Path) -> dict[str, Any] | None:
    """Return a checkpoint's state if every file has the recorded hash, or None. Raises `PermissionError`."""
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        whole = all(sha256_file(path / name) == digest for name, digest in state["sha256"].items())
        return state if whole and state["step"] == _step(path) and state["made_from"] else None
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _flat(tree: Any, place: str = "") -> dict[str, Any]:
    """Flatten nested mappings into one, with dotted keys."""
    if not isinstance(tree, dict):
        return {place: tree}
    return {
        key: value
        for name, branch in tree.items()
        for key, value in _flat(branch, f"{place}.{name}".strip(".")).items()
    }


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) < 40 else text[:12] + "…"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
