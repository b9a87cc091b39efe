"""Build `pretrain/report.json` of a finished pretraining."""

from __future__ import annotations

from typing import Any

from desdecero.pipelines.run.reports.base import EarlyStop, RollBack
from desdecero.pipelines.run.reports.pretrain import Cost, Exposure, PretrainReport, Start
from desdecero.pipelines.training.devices.peak_flops import device_name
from desdecero.pipelines.training.micro_batch import peak_memory
from desdecero.pipelines.training.model.build import count_parameters
from desdecero.pipelines.training.task import Pretraining
from desdecero.pipelines.training.trainer import Trainer


def report_of(task: Pretraining, trainer: Trainer, lines: list[dict[str, Any]], exposure: Exposure) -> PretrainReport:
    """Return the report that people and the card quote. lines: of the metrics."""
    plan, recipe, replica = trainer.plan, task.recipe, trainer.replica
    parameters, inner = count_parameters(task.model)
    config: Any = task.model.config
    validation = {line["step"]: line["validation_loss"] for line in lines if "validation_loss" in line}
    kept = trainer.early_stop.best[-1] if trainer.early_stop.best else max(validation)
    return PretrainReport(
        architecture=recipe.model.architecture,
        objective=recipe.model.objective,
        parameters=parameters,
        parameters_without_embeddings=inner,
        layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        heads=config.num_attention_heads,
        context_length=recipe.model.context_length,
        vocab_size=len(task.tokenizer),
        optimizer=recipe.pretrain.optimizer.name,
        schedule=recipe.pretrain.schedule.name,
        batch_size=recipe.pretrain.batch_size,
        packing=recipe.tokens.packing,
        goldfish=recipe.pretrain.goldfish.model_dump() if recipe.pretrain.goldfish else None,
        budget=recipe.pretrain.budget.model_dump(exclude_none=True),
        steps=trainer.step,
        tokens=trainer.tokens,
        few_steps=plan.steps < task.few_steps,
        epochs=trainer.step * task.settings.batch_size / task.train_data.rows,
        flops=task.flops_per_token * trainer.tokens,
        **trainer.pace.whole(trainer.step),
        setup_seconds=trainer.setup_seconds,
        cost=cost_of(trainer),
        energy=trainer.meter.report(),
        precision=plan.precision,
        compiled=plan.compiled,
        compiled_because=plan.compiled_because,
        device=device_name(replica.accelerator.device),
        processes=replica.accelerator.num_processes,
        resumed_at=[Start(**start) for start in trainer.resumed_at],
        train_loss=[line["loss"] for line in lines if "loss" in line][-1],
        validation_loss=validation[kept],
        untrained_validation_loss=validation[0],
        skipped_steps=trainer.guard.skipped,
        roll_backs=[RollBack(**one) for one in trainer.guard.rolled_back],
        early_stop=early_stop_of(trainer),
        exposure=exposure,
        peak_memory_bytes=peak_memory(replica.accelerator.device),
    )


def cost_of(trainer: Trainer) -> Cost | None:
    """Return the cost of the time of all starts, at the recipe's price; None without a price."""
    price, seconds = trainer.settings.price_per_hour, trainer.setup_seconds + trainer.pace.elapsed
    if price is None:
        return None
    return Cost(amount=price.of(seconds), currency=price.currency, seconds=seconds, per_hour=price.amount)


def early_stop_of(trainer: Trainer) -> EarlyStop | None:
    """Tell whether and why training stopped early, and which weights were kept; None if it is not configured."""
    stop = trainer.early_stop
    if not stop.settings:
        return None
    return EarlyStop(
        stopped=stop.because is not None,
        because=stop.because,
        at_step=trainer.step,
        planned_steps=trainer.plan.steps,
        kept_step=stop.best[-1],
        kept_validation_loss=stop.lowest,
    )
