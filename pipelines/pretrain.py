"""Pretrain a language model from random weights.

    desdecero pretrain quickstart
    accelerate launch pipelines/pretrain.py quickstart
    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 pipelines/pretrain.py quickstart

The second form is for one or more accelerators, the third for two processes on a CPU (accelerate's own
`--cpu --num_processes 2` starts one). Needs tokenizer/ and tokens/, and nothing else of the run. Writes

    pretrain/plan.json                what the probe decided: steps, precision, compilation; fixed for the run
    pretrain/metrics.jsonl  loss.png  loss by step, and on held-out text now and then
    pretrain/checkpoints/step-…/      the last ones, to resume from
    pretrain/report.json
    model/                            config.json  model.safetensors  tokenizer.json …, for plain transformers

The data order, the masks and the dropout depend on the seed and the step alone. So a run that was interrupted,
killed or moved to another number of processes goes on where its last checkpoint stood; on one machine and one
number of processes the finished weights are the same to the bit. A wall-clock budget becomes a number of steps
by a probe on the machine at hand: the same recipe then trains longer where steps are faster.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, set_seed
from transformers import PreTrainedTokenizerFast

from pipelines.chain import stage_main
from pipelines.errors import UserError
from pipelines.progress import progress
from pipelines.recipe import Recipe
from pipelines.run_dir import RunDir, write_json
from pipelines.training.batches import IGNORED, Batches
from pipelines.training.checkpoints import load_checkpoint, newest_checkpoint, save_checkpoint
from pipelines.training.curve import draw_loss, read_metrics
from pipelines.training.models import build_config, build_model, count_parameters, training_flops_per_token
from pipelines.training.objective import Objective
from pipelines.training.optimizers import build_optimizers, learning_rate_factor, set_learning_rate
from pipelines.training.probe import choose_compile, choose_precision, steps_in_budget

VALIDATION_SEQUENCES = 64  # scored in the loop: enough to see the curve; `evaluate` measures properly
LOGGED_STEPS = 1000  # lines of metrics.jsonl that a long run is thinned to


@dataclass(frozen=True)
class Plan:
    """What was decided before the first step. Kept in the run, so that a resumed run does not decide again."""

    steps: int
    precision: str
    compiled: bool
    compiled_because: str
    seconds_per_step: float | None
    """As probed; None where the recipe's budget is not in minutes."""


def pretrain(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    started = time.perf_counter()
    make_deterministic()
    accelerator = Accelerator(mixed_precision="no")  # the recipe decides on precision: see Objective
    training = Training(recipe, run, accelerator)
    plan = agree_on_plan(training, recipe, out, started)
    training.prepare(plan)
    optimizers = training.new_optimizers()

    found = newest_checkpoint(out.checkpoints)
    step, seconds, resumed_at = 0, 0.0, list[int]()
    if found:
        path, state = found
        load_checkpoint(path, training.objective, optimizers)
        step, seconds, resumed_at = state["step"], state["seconds"], [*state["resumed_at"], state["step"]]
    metrics = Metrics(out.metrics, accelerator.is_main_process, keep_until=step)
    if step == 0:
        metrics.write(step=0, tokens=0, validation_loss=training.validation_loss())
    elif accelerator.is_main_process:
        print(f"pretrain   going on from step {step:,} of {plan.steps:,}", flush=True)

    factor = learning_rate_factor(recipe.pretrain.schedule, plan.steps)
    validate_every = max(1, round(recipe.pretrain.validate_every * plan.steps))
    log_every = max(1, plan.steps // LOGGED_STEPS)
    began, saved = step, time.perf_counter()
    resumed = saved
    bar = progress(title="pretrain", total=plan.steps, unit="step")
    bar.update(step)
    with stop_signals() as stop:
        while step < plan.steps:
            set_learning_rate(optimizers, factor(step))
            loss, norm = training.step(step, optimizers)
            step += 1
            bar.update()
            if not math.isfinite(loss):
                raise UserError(
                    f"the loss is {loss} at step {step}: lower pretrain.optimizer.learning_rate "
                    "(or matrix_learning_rate) and run again"
                )
            tokens, now = step * training.tokens_per_step, time.perf_counter()
            elapsed = seconds + now - resumed
            if step % log_every == 0 or step == plan.steps:
                metrics.write(
                    step=step, tokens=tokens, seconds=round(elapsed, 3), loss=loss, gradient_norm=norm,
                    learning_rate=optimizers[-1].param_groups[0]["lr"],
                    tokens_per_second=round((step - began) * training.tokens_per_step / (now - resumed)),
                )  # fmt: skip
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if step % validate_every == 0 or step == plan.steps:
                metrics.write(step=step, tokens=tokens, validation_loss=training.validation_loss())
            due = now - saved >= 60 * recipe.pretrain.checkpoint_minutes
            if accelerator.is_main_process and (due or stop() or step == plan.steps):
                state = {"seconds": elapsed, "resumed_at": resumed_at}
                save_checkpoint(out.checkpoints, step, training.bare, [o.optimizer for o in optimizers], state)
                saved = time.perf_counter()
            if stop() and step < plan.steps:
                raise KeyboardInterrupt
    bar.close()
    seconds += time.perf_counter() - resumed

    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return ""
    training.save_model(out.model)
    for old in sorted(out.checkpoints.iterdir())[:-1]:
        shutil.rmtree(old)
    lines = read_metrics(out.metrics)
    draw_loss(lines, out.pretrain / "loss.png", f"{recipe.name}: {plan.steps:,} steps")
    report = training.report(plan, lines, seconds, resumed_at)
    out.write_report("pretrain", recipe, report)
    return (
        f"{report['parameters']:,} parameters, {plan.steps:,} steps, {report['tokens']:,} tokens "
        f"at {report['tokens_per_second']:,} a second, held-out loss {report['validation_loss']:.3f} nats a token"
    )


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
        self.micro = min(self.share, recipe.pretrain.micro_batch_size or self.share)
        self.tokens_per_step = recipe.pretrain.batch_size * recipe.model.context_length
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
        dtype = run.report("tokens", recipe)["dtype"]
        self.train_data = self._batches(run, "train", dtype)
        self.validation_data = self._batches(run, "validation", dtype)
        set_seed(recipe.seed)
        self.model = build_model(build_config(recipe.model, self.tokenizer))
        self.flops_per_token = training_flops_per_token(self.model, recipe.model.context_length)

    def _batches(self, run: RunDir, split: Any, dtype: str) -> Batches:
        masked = self.recipe.model.objective == "masked"
        return Batches(
            run.token_files(split), dtype, self.recipe.model.context_length, self.recipe.pretrain.batch_size,
            self.recipe.seed, self.tokenizer.mask_token_id if masked else None, self.recipe.pretrain.mask_probability,
        )  # fmt: skip

    def prepare(self, plan: Plan) -> None:
        """Put the model on its device, compiled and wrapped for several processes as planned."""
        self.half = plan.precision == "bf16"
        self.bare = Objective(self.model, self.recipe.pretrain, self.half)
        if plan.compiled:
            self.bare.compile()
        self.objective = self.accelerator.prepare(self.bare)

    def new_optimizers(self) -> list[Any]:
        optimizers = build_optimizers(self.model, self.recipe.pretrain.optimizer, self.half)
        return [self.accelerator.prepare(optimizer) for optimizer in optimizers]

    def step(self, step: int, optimizers: list[Any]) -> tuple[float, float]:
        """One optimiser step; returns (mean loss in nats per target over all processes, gradient norm).

        The loss of every micro-batch is a sum, divided by the targets of the whole batch: so the step is the
        same however the batch is cut, by accumulation or between processes.
        """
        rank = self.accelerator.process_index
        inputs, targets = self.train_data.batch(step)
        count = int((targets != IGNORED).sum())
        mine = slice(rank * self.share, (rank + 1) * self.share)
        pieces = list(zip(inputs[mine].split(self.micro), targets[mine].split(self.micro), strict=True))
        torch.manual_seed(hash((self.recipe.seed, step, rank)))  # dropout, if any: the same after a resume
        total = torch.zeros((), device=self.accelerator.device)
        for number, (x, y) in enumerate(pieces, start=1):
            last = number == len(pieces)
            with nullcontext() if last else self.accelerator.no_sync(self.objective):
                loss, measured = self.objective(x.to(self.accelerator.device), y.to(self.accelerator.device))
                # Wrapped for several processes, gradients are averaged; the factor turns that into a sum.
                self.accelerator.backward(loss * (self.accelerator.num_processes / count))
            total += measured.detach()
        norm = self.accelerator.clip_grad_norm_(self.objective.parameters(), self.recipe.pretrain.clip_norm)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return float(self.accelerator.reduce(total)) / count, float(norm)

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Nats per target on the same held-out sequences each time. Not compiled: its shapes come up rarely."""
        data, device = self.validation_data, self.accelerator.device
        number = min(VALIDATION_SEQUENCES, len(data.blocks))
        inputs, targets = data.prepare(data.blocks.stack(range(number)), step=0)
        self.bare.eval()
        total = sum(
            float(self.bare.forward(x.to(device), y.to(device))[1])
            for x, y in zip(inputs.split(self.micro), targets.split(self.micro), strict=True)
        )
        self.bare.train()
        return total / int((targets != IGNORED).sum())

    def save_model(self, folder: Path) -> None:
        """What `from_pretrained` loads, for any transformers user."""
        self.model.save_pretrained(folder)
        self.tokenizer.model_max_length = self.recipe.model.context_length
        self.tokenizer.save_pretrained(folder)

    def report(self, plan: Plan, lines: list[dict[str, Any]], seconds: float, resumed_at: list[int]) -> dict[str, Any]:
        recipe, tokens = self.recipe, plan.steps * self.tokens_per_step
        parameters, inner = count_parameters(self.model)
        validation = [line["validation_loss"] for line in lines if "validation_loss" in line]
        return {
            "architecture": recipe.model.architecture,
            "objective": recipe.model.objective,
            "parameters": parameters,
            "parameters_without_embeddings": inner,
            "layers": recipe.model.layers,
            "hidden_size": recipe.model.hidden_size,
            "heads": recipe.model.heads,
            "context_length": recipe.model.context_length,
            "vocab_size": len(self.tokenizer),
            "optimizer": recipe.pretrain.optimizer.name,
            "schedule": recipe.pretrain.schedule.name,
            "batch_size": recipe.pretrain.batch_size,
            "budget": recipe.pretrain.budget.model_dump(exclude_none=True),
            "steps": plan.steps,
            "tokens": tokens,
            "epochs": tokens / (len(self.train_data.blocks) * recipe.model.context_length),
            "flops": self.flops_per_token * tokens,
            "seconds": seconds,
            "tokens_per_second": round(tokens / seconds),
            "precision": plan.precision,
            "compiled": plan.compiled,
            "compiled_because": plan.compiled_because,
            "device": _device_name(self.accelerator.device),
            "processes": self.accelerator.num_processes,
            "resumed_at": resumed_at,
            "train_loss": [line["loss"] for line in lines if "loss" in line][-1],
            "validation_loss": validation[-1],
            "untrained_validation_loss": validation[0],
            "peak_memory_bytes": _peak_memory(self.accelerator.device),
        }


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
    training.prepare(plan)
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


class Metrics:
    """`metrics.jsonl`, cut back to where a resumed run goes on."""

    def __init__(self, path: Path, active: bool, keep_until: int):
        self.path, self.active = path, active
        if not active:
            return
        old = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        kept = [line for line in old if line.endswith("\n") and json.loads(line)["step"] <= keep_until and keep_until]
        path.write_text("".join(kept), encoding="utf-8")

    def write(self, **values: Any) -> None:
        if self.active:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")


@contextmanager
def stop_signals() -> Iterator[Any]:
    """Turn the first Ctrl-C or SIGTERM into a question that the loop asks, so that it can save before it ends."""
    asked: list[int] = []

    def note(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_deterministic() -> None:
    """Same seed, same machine, same bits: compiled training on a CPU is not reproducible without this."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS, before it starts
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a costly debugging aid


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(argv: list[str] | None = None) -> int:
    return stage_main("pretrain", argv)


if __name__ == "__main__":
    sys.exit(main())
