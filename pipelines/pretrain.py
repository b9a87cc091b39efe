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

import math
import sys
import time
from typing import Any

from pipelines.chain import stage_main
from pipelines.errors import EXIT_USER_ERROR
from pipelines.progress import progress
from pipelines.recipe import Recipe
from pipelines.run_dir import RunDir
from pipelines.training.checkpoints import Checkpoints, identity, load_checkpoint, moved_since
from pipelines.training.curve import draw_loss, read_metrics
from pipelines.training.interrupts import stop_signals
from pipelines.training.memory import peak_memory
from pipelines.training.metrics import Metrics
from pipelines.training.models import count_parameters
from pipelines.training.optimizers import learning_rate_factor, set_learning_rate
from pipelines.training.plan import Plan, agree_on_plan
from pipelines.training.processes import agreed, from_first, join_processes, losing_touch_explained
from pipelines.training.stability import Guard
from pipelines.training.trainer import Training, device_name, make_deterministic

LOGGED_STEPS = 1000  # lines of metrics.jsonl that a long run is thinned to


@losing_touch_explained()
def pretrain(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    started = time.perf_counter()
    make_deterministic()
    accelerator = join_processes()
    training = Training(recipe, run, accelerator)
    wanted, made_from = recipe.pretrain, identity(recipe, run)
    checkpoints = Checkpoints(
        out.checkpoints, made_from, wanted.keep_checkpoints, wanted.keep_every_steps, wanted.stability.return_every
    )
    found = from_first(accelerator, checkpoints.newest)
    plan = agree_on_plan(training, out, started)
    optimizers = training.new_optimizers()
    bare = [optimizer.optimizer for optimizer in optimizers]  # what checkpoints hold, without accelerate's wrapping

    step, seconds, resumed_at = 0, 0.0, list[dict[str, Any]]()
    guard = Guard(wanted.stability)
    if found:
        path, state = found
        load_checkpoint(path, training.model, bare)
        step, seconds = state["step"], state["seconds"]
        resumed_at = [*state["resumed_at"], {"step": step, **training.whereabouts()}]
        guard.load(state["guard"])
    metrics = Metrics(out.metrics, accelerator.is_main_process, keep_until=step)
    if step == 0:
        metrics.write(step=0, tokens=0, validation_loss=training.validation_loss(plan.validation_sequences))
    elif accelerator.is_main_process:
        moved = moved_since(state["trained_on"], training.whereabouts())
        print(f"pretrain   going on from step {step:,} of {plan.steps:,}{moved}", flush=True)

    factor = learning_rate_factor(recipe.pretrain.schedule, plan.steps)
    log_every = max(1, plan.steps // LOGGED_STEPS)

    def save(elapsed: float) -> None:
        state = {"seconds": elapsed, "resumed_at": resumed_at, "trained_on": training.whereabouts()}
        checkpoints.save(step, training.model, bare, {**state, "guard": guard.state()})

    if step == 0 and accelerator.is_main_process:
        save(0.0)  # for a roll back to the beginning
    began, saved = step, time.perf_counter()
    resumed = saved
    bar = progress(title="pretrain", total=plan.steps, unit="step")
    bar.update(step)
    with stop_signals() as stop:
        while step < plan.steps:
            set_learning_rate(optimizers, factor(step))
            loss, norm = training.gradients(step)
            refusal = guard.refusal(loss, norm)
            training.update(optimizers, refused=refusal is not None)
            step += 1
            bar.update()
            if refusal:
                metrics.write(step=step, skipped=refusal)
            if trouble := guard.trouble():
                nothing_left = step == plan.steps <= wanted.stability.return_every  # but the weights of the beginning
                to = guard.target(step, trouble, last=nothing_left)
                metrics.write(step=step, rolled_back_to=to, because=trouble)
                roll_back(to, training, bare, checkpoints, guard)
            tokens, now = step * training.tokens_per_step, time.perf_counter()
            elapsed = seconds + now - resumed
            if not refusal and (step % log_every == 0 or step == plan.steps):
                metrics.write(
                    step=step, tokens=tokens, seconds=round(elapsed, 3), loss=loss, gradient_norm=norm,
                    learning_rate=optimizers[-1].param_groups[0]["lr"],
                    tokens_per_second=round((step - began) * training.tokens_per_step / (now - resumed)),
                )  # fmt: skip
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if step % plan.validate_every == 0 or step == plan.steps:
                held_out = training.validation_loss(plan.validation_sequences)
                if not math.isfinite(held_out) and step == plan.steps:
                    guard.target(step, "the held-out loss is not finite", last=True)
                if math.isfinite(held_out):
                    metrics.write(step=step, tokens=tokens, validation_loss=held_out)
            due, stopping, failed = agreed(
                accelerator,
                accelerator.is_main_process and checkpoints.due(step, now - saved, wanted.checkpoint_minutes),
                stop(),
                checkpoints.failed(),
            )
            if failed:  # `wait` tells why, in the process that writes; the others need not repeat it
                checkpoints.wait()
                raise SystemExit(EXIT_USER_ERROR)
            if accelerator.is_main_process and (due or stopping or step == plan.steps):
                save(elapsed)
                saved = time.perf_counter()
            if stopping and step < plan.steps:
                checkpoints.wait()
                raise KeyboardInterrupt
    bar.close()
    seconds += time.perf_counter() - resumed

    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return ""
    training.save_model(out.model)
    checkpoints.finish()
    lines = read_metrics(out.metrics)
    draw_loss(lines, out.pretrain / "loss.png", f"{recipe.name}: {plan.steps:,} steps")
    report = {
        **report_of(training, plan, lines, seconds, resumed_at),
        "skipped_steps": guard.skipped,
        "roll_backs": guard.rolled_back,
    }
    out.write_report("pretrain", recipe, report)
    return (
        f"{report['parameters']:,} parameters, {plan.steps:,} steps, {report['tokens']:,} tokens "
        f"at {report['tokens_per_second']:,} a second, held-out loss {report['validation_loss']:.3f} nats a token"
    )


def roll_back(to: int, training: Training, bare: list[Any], checkpoints: Checkpoints, guard: Guard) -> None:
    """Put weights and optimisers back to an earlier checkpoint, in all processes."""
    checkpoints.wait()
    training.accelerator.wait_for_everyone()
    path, state = checkpoints.at(to)
    load_checkpoint(path, training.model, bare)
    guard.go_back(state["guard"])
    if training.accelerator.is_main_process:
        print(f"pretrain   back to the weights of step {to:,}, on with the data that comes next", flush=True)


def report_of(
    training: Training, plan: Plan, lines: list[dict[str, Any]], seconds: float, resumed_at: list[Any]
) -> dict[str, Any]:
    """What a person or the card may quote."""
    recipe, tokens = training.recipe, plan.steps * training.tokens_per_step
    parameters, inner = count_parameters(training.model)
    config: Any = training.model.config
    validation = [line["validation_loss"] for line in lines if "validation_loss" in line]
    return {
        "architecture": recipe.model.architecture,
        "objective": recipe.model.objective,
        "parameters": parameters,
        "parameters_without_embeddings": inner,
        "layers": config.num_hidden_layers,
        "hidden_size": config.hidden_size,
        "heads": config.num_attention_heads,
        "context_length": recipe.model.context_length,
        "vocab_size": len(training.tokenizer),
        "optimizer": recipe.pretrain.optimizer.name,
        "schedule": recipe.pretrain.schedule.name,
        "batch_size": recipe.pretrain.batch_size,
        "budget": recipe.pretrain.budget.model_dump(exclude_none=True),
        "steps": plan.steps,
        "tokens": tokens,
        "epochs": tokens / (len(training.train_data.blocks) * recipe.model.context_length),
        "flops": training.flops_per_token * tokens,
        "seconds": seconds,
        "tokens_per_second": round(tokens / seconds),
        "precision": plan.precision,
        "compiled": plan.compiled,
        "compiled_because": plan.compiled_because,
        "device": device_name(training.accelerator.device),
        "processes": training.accelerator.num_processes,
        "resumed_at": resumed_at,
        "train_loss": [line["loss"] for line in lines if "loss" in line][-1],
        "validation_loss": validation[-1],
        "untrained_validation_loss": validation[0],
        "peak_memory_bytes": peak_memory(training.accelerator.device),
    }


def main(argv: list[str] | None = None) -> int:
    return stage_main("pretrain", argv)


if __name__ == "__main__":
    sys.exit(main())
