"""What is decided before the first step, and kept: a resumed run does not decide again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from accelerate.utils import broadcast_object_list

from pipelines.recipe import Recipe
from pipelines.run_dir import RunDir, write_json
from pipelines.training.optimizers import set_learning_rate
from pipelines.training.probe import choose_compile, choose_precision, steps_in_budget
from pipelines.training.trainer import Training


@dataclass(frozen=True)
class Plan:
    """What was decided before the first step. Kept in the run, so that a resumed run does not decide again."""

    steps: int
    precision: str
    compiled: bool
    compiled_because: str
    seconds_per_step: float | None
    """As probed; None where the recipe's budget is not in minutes."""


def agree_on_plan(training: Training, recipe: Recipe, out: RunDir, started: float) -> Plan:
    """The plan of the first start, or a new one, made by the first process and told to the others."""
    path, accelerator = out.pretrain / "plan.json", training.accelerator
    decided: list[Any] = [None]
    if accelerator.is_main_process:
        if path.is_file():
            decided = [Plan(**json.loads(path.read_text(encoding="utf-8")))]
        else:
            device, wanted = accelerator.device, recipe.pretrain
            precision = choose_precision(wanted.precision, device)
            compiled, why = choose_compile(
                wanted, device, precision, training.flops_per_token, training.tokens_per_step
            )
            steps = wanted.budget.steps or -(-(wanted.budget.tokens or 0) // training.tokens_per_step)
            decided = [Plan(steps, precision, compiled, why, None)]
    plan: Plan = broadcast_object_list(decided)[0]
    if not plan.steps:  # a budget in minutes
        plan = probe_steps(training, plan, recipe, started)
    if accelerator.is_main_process:
        write_json(path, asdict(plan))
    return plan


def probe_steps(training: Training, plan: Plan, recipe: Recipe, started: float) -> Plan:
    """Time real steps on the real model, then forget them: the run starts from the weights that the seed drew."""
    initial = {name: tensor.clone() for name, tensor in training.model.state_dict().items()}
    training.prepare(plan.precision, plan.compiled)
    optimizers = training.new_optimizers()
    set_learning_rate(optimizers, 0.1)
    steps, each = steps_in_budget(
        seconds=60 * (recipe.pretrain.budget.minutes or 0),
        started=started,
        train_step=lambda step: training.step(step, optimizers),
        overhead=training.validation_loss,
        repeats=1 + round(1 / recipe.pretrain.validate_every),
    )
    training.model.load_state_dict(initial)
    agreed = broadcast_object_list([steps, each])
    if training.accelerator.is_main_process:
        minutes = recipe.pretrain.budget.minutes
        print(f"pretrain   {minutes:g} minutes are {agreed[0]:,} steps of {agreed[1]:.3f} s here", flush=True)
    return Plan(agreed[0], plan.precision, plan.compiled, plan.compiled_because, agreed[1])
