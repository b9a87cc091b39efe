"""What is said of a finished training, in `pretrain/report.json`."""

from __future__ import annotations

from typing import Any

from desdecero.pipelines.training.devices.peak_flops import device_name
from desdecero.pipelines.training.loop import Loop
from desdecero.pipelines.training.micro_batch import peak_memory
from desdecero.pipelines.training.model.build import count_parameters
from desdecero.pipelines.training.plan import FEW_STEPS


def report_of(loop: Loop, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What a person or the card may quote."""
    training, plan, recipe = loop.training, loop.plan, loop.training.recipe
    parameters, inner = count_parameters(training.model)
    config: Any = training.model.config
    validation = {line["step"]: line["validation_loss"] for line in lines if "validation_loss" in line}
    kept = loop.early_stop.best[-1] if loop.early_stop.best else max(validation)
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
        "packing": recipe.tokens.packing,
        "goldfish": recipe.pretrain.goldfish.model_dump() if recipe.pretrain.goldfish else None,
        "budget": recipe.pretrain.budget.model_dump(exclude_none=True),
        "steps": loop.step,
        "tokens": loop.tokens,
        "few_steps": loop.plan.steps < FEW_STEPS,
        "epochs": loop.tokens / (len(training.train_data.blocks) * recipe.model.context_length),
        "flops": training.flops_per_token * loop.tokens,
        **loop.pace.whole(loop.step),
        "setup_seconds": loop.setup_seconds,
        "cost": cost_of(loop),
        "energy": loop.meter.report(),
        "precision": plan.precision,
        "compiled": plan.compiled,
        "compiled_because": plan.compiled_because,
        "device": device_name(training.accelerator.device),
        "processes": training.accelerator.num_processes,
        "resumed_at": loop.resumed_at,
        "train_loss": [line["loss"] for line in lines if "loss" in line][-1],
        "validation_loss": validation[kept],
        "untrained_validation_loss": validation[0],
        "skipped_steps": loop.guard.skipped,
        "roll_backs": loop.guard.rolled_back,
        "early_stop": early_stop_of(loop),
        "peak_memory_bytes": peak_memory(training.accelerator.device),
    }


def cost_of(loop: Loop) -> dict[str, Any] | None:
    """What the time of all starts cost, at the recipe's price; None where it names none."""
    price, seconds = loop.wanted.price_per_hour, loop.setup_seconds + loop.pace.elapsed
    if price is None:
        return None
    return {"amount": price.of(seconds), "currency": price.currency, "seconds": seconds, "per_hour": price.amount}


def early_stop_of(loop: Loop) -> dict[str, Any] | None:
    """Whether training ended before its budget, why, and whose weights were kept; None where nobody asked."""
    stop = loop.early_stop
    if not stop.wanted:
        return None
    return {
        "stopped": stop.because is not None,
        "because": stop.because,
        "at_step": loop.step,
        "planned_steps": loop.plan.steps,
        "kept_step": stop.best[-1],
        "kept_validation_loss": stop.lowest,
    }
