"""Choose settings on validation data: a training with each combination, and the one with the lowest loss is taken.

Trials are as long as the training itself, in float32, and keep nothing but their losses (`trials.json`): one that was
interrupted begins again, finished ones are not repeated. Test examples have no part in it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from desdecero.pipelines.common.files import write_json
from desdecero.pipelines.recipe import Finetune
from desdecero.pipelines.recipe.finetune import RATE, RATES
from desdecero.pipelines.run.reports.finetune import Trial
from desdecero.pipelines.training.adapter import VALIDATION_ROWS, AdapterTask
from desdecero.pipelines.training.devices.processes import from_first
from desdecero.pipelines.training.trainer import Trainer

AUTO = (1 / 3, 1.0, 3.0)
"""Learning rates that `auto` tries, as factors of the method's default: the best of a method for models of like sizes
lies within a factor of three of it in most published sweeps."""


def choose(
    settings: Finetune, new_task: Callable[[Finetune], AdapterTask], accelerator: Accelerator, file: Path
) -> tuple[Finetune, list[Trial]]:
    """Return the best settings, and what was tried; nothing is, where the recipe names all of them.

    new_task: the training with given settings. file: where finished trials are kept.
    """
    candidates = list(combinations(settings))
    if not settings.tries:
        return settings, []
    done: list[dict[str, Any]] = from_first(
        accelerator, lambda: json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    )
    trials = {_key(one["settings"]): Trial(**one) for one in done}
    for number, values in enumerate(candidates, start=1):
        if _key(values) in trials:
            continue
        task = new_task(with_values(settings, values))
        task.title = f"finetune: trial {number} of {len(candidates)}"
        trials[_key(values)] = Trial(settings=values, validation_loss=_loss_after(task, accelerator))
        if accelerator.is_main_process:
            write_json(file, [trial.model_dump() for trial in trials.values()])
    tried = [trials[_key(values)] for values in candidates]
    best = min(tried, key=lambda trial: trial.validation_loss)
    return with_values(settings, best.settings), tried


def combinations(settings: Finetune) -> Iterator[dict[str, float]]:
    """Yield the values of each trial, by key of the section."""
    choices = {name: values for name, values in settings.sweep.model_dump().items() if values}
    if settings.learning_rate == "auto" and "learning_rate" not in choices:
        default = RATES.get(settings.method, RATE)
        choices["learning_rate"] = tuple(float(f"{factor * default:.2g}") for factor in AUTO)
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def _key(values: dict[str, float]) -> str:
    """Return the values as they are kept and compared: as the report holds them, a rank of 4 is 4.0."""
    return json.dumps({name: float(value) for name, value in values.items()})


def with_values(settings: Finetune, values: dict[str, float]) -> Finetune:
    """Return settings with the values of a trial."""
    whole = {key: int(value) if key in ("rank", "batch_size") else value for key, value in values.items()}
    return settings.model_copy(update=whole)


def _loss_after(task: AdapterTask, accelerator: Accelerator) -> float:
    """Train, and return the validation loss."""
    validation, task.validation_data = task.validation_data, None  # nothing is validated on the way
    trainer = Trainer(task, accelerator)
    trainer.run()
    task.validation_data = validation
    return trainer.replica.validation_loss(VALIDATION_ROWS)
