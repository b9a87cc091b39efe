"""The plan of a training: decided before the first step, and kept for resumed runs.

A budget in minutes becomes a number of steps here, by timing real steps on the real model; the weights that they
change are put back. A probe of seconds cannot know how fast a machine is for minutes, so the number is decided again on
the way, from how long the last steps took with all that lies between them. The learning rate follows without a leap,
and a run that has to repeat some steps repeats them as they were.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_json
from desdecero.pipelines.training.checkpoints import trained_tensors
from desdecero.pipelines.training.devices.processes import from_first
from desdecero.pipelines.training.devices.sharding import local
from desdecero.pipelines.training.micro_batch import choose_micro_batch
from desdecero.pipelines.training.model.build import has_dropout
from desdecero.pipelines.training.model.optimizers import set_learning_rate
from desdecero.pipelines.training.probe import (
    COMPILED_GAIN,
    choose_compile,
    choose_precision,
    seconds_of,
    seconds_of_pass,
    time_steps,
)
from desdecero.pipelines.training.replica import Replica, divide_batch, is_sharded
from desdecero.pipelines.training.task import TrainingTask

VALIDATION_SHARE = 0.02  # of a budget in minutes: a short one scores fewer sequences
MICRO_BATCH_SHARE = 0.05  # of such a budget, for a trial of a micro-batch
MIN_STEPS = 50
"""Under so many steps a budget in minutes is refused: warm-up is then one step, and validation comes every fifth."""
REVISED_AFTER = (0.4, 0.7, 0.9)
"""Shares of the steps after which a budget in minutes is revised: so a machine that other work slows down to half for
good costs a tenth of the budget at most, whenever that happens before the last revision."""


@dataclass(frozen=True)
class Plan:
    """Steps, precision, compilation and sizes of a training, with the expected time and cost."""

    steps: int
    """The current number: for a budget in minutes, `probed_steps` until they are revised."""
    probed_steps: int
    revise_at: int | None
    """The step from which on another number of steps may hold; None for other budgets than minutes, and at last."""
    revisions: list[dict[str, Any]]
    """The `step` from which on another number of `steps` holds, and the seconds `elapsed` until then, in order."""
    micro_batch_size: int
    """Sequences in one pass of one process. Another number would add up the same gradients in another order."""
    precision: str
    compiled: bool
    compiled_because: str
    validate_every: int
    """Steps."""
    validation_sequences: int
    seconds_per_step: float
    """Probed; after a revision it includes validations, checkpoints and all else between steps."""
    seconds: float
    """Expected for the whole, with what was spent before the first step and what validation takes."""
    flops_per_second: float
    """Expected, of all processes."""
    mfu: float | None
    """Expected share of the devices' peak; None if that is unknown."""
    cost: float | None
    """Expected, in the currency of `pretrain.price_per_hour`; None without one."""

    def place(self, step: int) -> float:
        """Map a step to its position on the schedule of `probed_steps`; after a revision the remaining schedule is
        stretched over the remaining steps."""
        place, begun, steps = 0.0, 0, self.probed_steps
        for revision in self.revisions:
            if step < revision["step"]:
                break
            place += (revision["step"] - begun) * (self.probed_steps - place) / (steps - begun)
            begun, steps = revision["step"], revision["steps"]
        return place + (step - begun) * (self.probed_steps - place) / (steps - begun)


def agree_on_plan(
    task: TrainingTask, accelerator: Accelerator, file: Path, started: float, resumed: bool, anyway: bool = False
) -> tuple[Plan, Replica]:
    """Return the plan of the first start, or a new one if there is nothing to resume, the same in all processes; and
    the model on its device. `file`: where the plan is kept. `anyway`: accept a budget that has room for only a few
    steps; a training begun so is finished."""
    kept = from_first(
        accelerator, lambda: json.loads(file.read_text(encoding="utf-8")) if resumed and file.is_file() else None
    )
    if kept:
        plan = Plan(**kept)
        replica = Replica(task, accelerator, plan.precision, plan.compiled)
    else:
        plan, replica = make_plan(task, accelerator, started, anyway)
        if accelerator.is_main_process:
            write_json(file, asdict(plan))
            _tell(plan, task)
    if task.settings.micro_batch_size == "auto":
        replica.micro_batch_size = min(replica.sequences_per_process, plan.micro_batch_size)
    return plan, replica


def make_plan(
    task: TrainingTask, accelerator: Accelerator, started: float, anyway: bool = False
) -> tuple[Plan, Replica]:
    """Decide, try and time; then put back the weights as they were. Of a budget in minutes each of these takes a share
    at most.

    Raises `UserError` where such a budget has room for fewer than `MIN_STEPS` steps, as soon as that can be told, and
    nobody said `anyway`.
    """
    settings = task.settings
    budget_seconds = 60 * (settings.budget.minutes or 0)
    precision: str = from_first(accelerator, lambda: choose_precision(settings.precision, accelerator.device))
    by_hand = _seconds_without_compilation(task, accelerator, precision, budget_seconds)
    if by_hand is not None:
        gain = 1.0 if settings.compile == "never" else COMPILED_GAIN[precision]
        _refuse_few_steps(task, accelerator, by_hand / gain, time.perf_counter() - started, anyway, "at most ")
    compiled, why = _whether_to_compile(task, accelerator, precision, time.perf_counter() - started)
    replica = Replica(task, accelerator, precision, compiled)
    live = {name: local(tensor.detach()) for name, tensor in trained_tensors(task.model).items()}
    initial = {name: tensor.to("cpu", copy=True) for name, tensor in live.items()}
    optimizers = replica.new_optimizers()
    set_learning_rate(optimizers, 0.1)
    most = int(MICRO_BATCH_SHARE * budget_seconds * replica.sequences_per_process / by_hand) if by_hand else None
    replica.micro_batch_size = choose_micro_batch(replica, optimizers, most)
    steps = steps_of(task)
    each = time_steps(lambda step: replica.step(step, optimizers), budget_seconds, steps)
    sequence = _seconds_of_validation(replica)
    for name, tensor in live.items():
        tensor.copy_(initial[name])

    (each, sequence, spent), *_ = broadcast_object_list([(each, sequence, time.perf_counter() - started)])
    validations = 1 + round(1 / settings.validate_every)
    sequences = task.validation_sequences if task.validation_data else 0
    if not steps:
        left = budget_seconds - spent
        while sequences > 1 and validations * sequences * sequence > VALIDATION_SHARE * left:
            sequences //= 2
        _refuse_few_steps(task, accelerator, each, spent + validations * sequences * sequence, anyway)
        steps = max(1, int((left - validations * sequences * sequence) / each))
    seconds = spent + validations * sequences * sequence + steps * each
    plan = Plan(
        steps=steps,
        probed_steps=steps,
        revisions=[],
        micro_batch_size=replica.micro_batch_size,
        precision=precision,
        revise_at=_next_revision(0, 0, steps) if settings.budget.minutes else None,
        compiled=compiled,
        compiled_because=why,
        validate_every=max(1, round(settings.validate_every * steps)),
        validation_sequences=sequences,
        **_expected(replica, each, seconds),
    )
    return plan, replica


def plan_in_float32(task: TrainingTask, accelerator: Accelerator) -> tuple[Plan, Replica]:
    """Plan whole batches in float32, not compiled, with nothing tried or timed: for short trainings that keep nothing.
    The budget is not in minutes."""
    replica, steps = Replica(task, accelerator, "fp32", compiled=False), steps_of(task)
    assert steps
    plan = Plan(
        steps=steps,
        probed_steps=steps,
        revisions=[],
        micro_batch_size=replica.micro_batch_size,
        precision="fp32",
        revise_at=None,
        compiled=False,
        compiled_because="not considered",
        validate_every=steps,
        validation_sequences=0,
        seconds_per_step=0.0,
        seconds=0.0,
        flops_per_second=0.0,
        mfu=None,
        cost=None,
    )
    return plan, replica


def _seconds_of_validation(replica: Replica) -> float:
    """Measure the seconds of a validation sequence; 0 if nothing is validated."""
    size = replica.micro_batch_size
    if not replica.task.validation_data:
        return 0.0
    if replica.module.compiled and has_dropout(replica.task.model):  # another program, to be compiled
        replica.validation_loss(size)
    return seconds_of(lambda: replica.validation_loss(size)) / size


def _expected(replica: Replica, each: float, seconds: float) -> dict[str, Any]:
    """Derive the last fields of a plan from the time of a step."""
    task, peak = replica.task, replica.peak_flops.per_second
    price, flops = task.settings.price_per_hour, task.tokens_per_step * task.flops_per_token / each
    return {
        "seconds_per_step": each,
        "seconds": seconds,
        "flops_per_second": flops,
        "mfu": flops / (peak * replica.accelerator.num_processes) if peak else None,
        "cost": price.of(seconds) if price else None,
    }


def revise(plan: Plan, replica: Replica, file: Path, spent: float, elapsed: float) -> Plan:
    """Revise the number of steps, the same in all processes, when the steps until `plan.revise_at` took `elapsed`
    seconds and all before them `spent`; write it to `file`. The rest of the budget is planned at the pace since the
    revision before."""

    def decide() -> Plan:
        done, budget = plan.revise_at or 0, 60 * (replica.task.settings.budget.minutes or 0)
        before = plan.revisions[-1] if plan.revisions else {"step": 0, "elapsed": 0.0}
        each = (elapsed - before["elapsed"]) / (done - before["step"])
        steps = done + max(1, int((budget - spent - elapsed) / each))
        revised = replace(
            plan,
            steps=steps,
            revise_at=_next_revision(len(plan.revisions) + 1, done, steps),
            revisions=[*plan.revisions, {"step": done, "steps": steps, "elapsed": elapsed}],
            **_expected(replica, each, spent + elapsed + (steps - done) * each),
        )
        write_json(file, asdict(revised))
        if steps != plan.steps:
            told = f"{steps:,} steps, not {plan.steps:,}: they take {each:.3f} s with all between them"
            print(f"{replica.task.section:<10} {told}", flush=True)
        return revised

    decided: Plan = from_first(replica.accelerator, decide)
    return decided


def _next_revision(number: int, done: int, steps: int) -> int | None:
    """Return the step of the next revision after `number` revisions, or None."""
    return next((at for share in REVISED_AFTER[number:] if (at := round(share * steps)) > done), None)


def steps_of(task: TrainingTask) -> int | None:
    """Return the steps that a budget of steps, tokens or FLOPs asks for, rounded up; None for minutes."""
    budget = task.settings.budget
    tokens = budget.tokens or (budget.flops and budget.flops / task.flops_per_token)
    return budget.steps or (int(-(-tokens // task.tokens_per_step)) if tokens else None)


def _seconds_without_compilation(
    task: TrainingTask, accelerator: Accelerator, precision: str, budget_seconds: float
) -> float | None:
    """Estimate the seconds of a step's passes without compilation; None if it is not needed, or not meaningful: an
    accelerator is slow with few sequences, and a model that is to be sharded may not fit whole."""
    if not budget_seconds or accelerator.device.type != "cpu" or is_sharded(task, accelerator):
        return None
    task.module.in_bfloat16 = precision == "bf16"
    inputs, targets = task.train_data.largest()

    def one_pass(rows: int) -> None:
        task.module(inputs[:rows], targets[:rows])[0].backward()
        task.module.zero_grad(set_to_none=True)

    rows = divide_batch(task, accelerator)
    seconds: float = broadcast_object_list([seconds_of_pass(one_pass, rows, budget_seconds)])[0]
    return seconds


def _refuse_few_steps(
    task: TrainingTask, accelerator: Accelerator, each: float, spent: float, anyway: bool, about: str = "some "
) -> None:
    """Raise `UserError` where a budget in minutes has room for fewer than `MIN_STEPS` steps of `each` seconds, after
    the seconds `spent` before them."""
    minutes = task.settings.budget.minutes

    def decide() -> None:
        steps = max(0, int((60 * (minutes or 0) - spent) / each))
        if not minutes or anyway or steps >= MIN_STEPS:
            return
        room = f"{about}{steps} step{'s' * (steps != 1)} of {each:,.2f} s"
        enough = math.ceil((spent + 1.2 * MIN_STEPS * each) / 60)  # a fifth more: no machine is as fast each time
        raise UserError(
            f"{task.section}.budget.minutes {minutes:g} has room for {room} on this machine, and under "
            f"{MIN_STEPS} a model learns next to nothing: give it {enough} minutes or more, lower {task.size_keys}, "
            "or add --anyway to train all the same"
        )

    from_first(accelerator, decide)


def _whether_to_compile(task: TrainingTask, accelerator: Accelerator, precision: str, spent: float) -> tuple[bool, str]:
    """Decide (whether to compile, why) in the first process, for all."""
    size = task.flops_per_token, task.tokens_per_step
    decided: tuple[bool, str] = from_first(
        accelerator, lambda: choose_compile(task.settings, accelerator.device, precision, *size, spent)
    )
    return decided


def _tell(plan: Plan, task: TrainingTask) -> None:
    """Print what a person may want to know before it starts."""
    minutes, rest = divmod(round(plan.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    price, begin = task.settings.price_per_hour, f"{task.section:<10}"
    cost = f", {plan.cost:,.2f} {price.currency} at {price.amount:g} an hour" if price and plan.cost is not None else ""
    print(
        f"{begin} {plan.steps:,} steps of {plan.seconds_per_step:.3f} s, {plan.micro_batch_size} sequences at a time "
        f"in {plan.precision}{', compiled' if plan.compiled else ''}: some {hours}:{minutes:02}:{rest:02} in all{cost}",
        flush=True,
    )
    if plan.steps < task.few_steps:
        print(
            f"{begin} {plan.steps:,} steps are few: below {task.few_steps:,} a model has hardly begun to learn, and "
            "its figures say little (docs/training.md)",
            flush=True,
        )
