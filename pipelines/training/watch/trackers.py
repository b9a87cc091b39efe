"""TensorBoard, trackio and Weights & Biases, through Accelerate and without a network, beside `metrics.jsonl`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import LoggerType, ProjectConfiguration

from desdecero.pipelines.recipe import Recipe


@contextmanager
def trackers(accelerator: Accelerator, recipe: Recipe, folder: Path) -> Iterator[None]:
    """Let `accelerator.log` reach the trackers that the recipe names, which write below `folder`; however it ends, all
    is seen onto the disk."""
    wanted = recipe.pretrain.trackers
    if wanted:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["TRACKIO_DIR"] = str(folder / "trackio")  # it has no option for this, and reads it when imported
        accelerator.project_configuration = ProjectConfiguration(logging_dir=str(folder))
        accelerator.log_with = [LoggerType(name) for name in wanted]
        settings = _flat(recipe.model_dump(mode="json", include={"seed", "model", "pretrain"}))
        options = {"wandb": {"dir": str(folder)}, "trackio": {"auto_log_cpu": False, "auto_log_gpu": False}}
        accelerator.init_trackers(recipe.name, settings, options)
    try:
        yield
    finally:
        for tracker in accelerator.trackers:  # not by `end_training`, which parts the processes too
            tracker.finish()


def _flat(tree: dict[str, Any], place: str = "") -> dict[str, Any]:
    """Nested values under dotted names, as the trackers' tables want them; lists as text."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{place}{name}.")
        elif value is not None:
            found[place + name] = value if isinstance(value, bool | int | float | str) else str(value)
    return found
