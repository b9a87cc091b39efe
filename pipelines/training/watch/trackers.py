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
    """Connect `accelerator.log` to the trackers that the recipe names, which write below `folder`; flush them at the
    end, also after an error."""
    names = recipe.pretrain.trackers
    if names:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["TRACKIO_DIR"] = str(folder / "trackio")  # it has no option for this, and reads it when imported
        accelerator.project_configuration = ProjectConfiguration(logging_dir=str(folder))
        accelerator.log_with = [LoggerType(name) for name in names]
        settings = _flat(recipe.model_dump(mode="json", include={"seed", "model", "pretrain"}))
        options = {"wandb": {"dir": str(folder)}, "trackio": {"auto_log_cpu": False, "auto_log_gpu": False}}
        accelerator.init_trackers(recipe.name, settings, options)
    try:
        yield
    finally:
        for tracker in accelerator.trackers:  # not by `end_training`, which parts the processes too
            tracker.finish()


def _flat(tree: dict[str, Any], place: str = "") -> dict[str, Any]:
    """Flatten nested values under dotted names, for the trackers' tables; lists become text."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{place}{name}.")
        elif value is not None:
            flat[place + name] = value if isinstance(value, bool | int | float | str) else str(value)
    return flat
