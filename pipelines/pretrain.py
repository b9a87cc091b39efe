"""Pretrain a language model from random weights.

    desdecero pretrain quickstart
    accelerate launch pipelines/pretrain.py quickstart                  (--anyway: even if only a few steps fit)
    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 pipelines/pretrain.py quickstart

The second form is for one or more accelerators (docs/devices.md), the third for two processes on a CPU (with
`--cpu --num_processes 2`, accelerate starts one). Needs tokenizer/ and tokens/, and nothing else of the run. Writes

    pretrain/plan.json                the probe's decisions: steps, precision, compilation; fixed for the run
    pretrain/metrics.jsonl  loss.png  training loss by step, and validation loss at intervals; loss.es.png in Spanish
    pretrain/exposure.parquet         tokens of each training document that the weights read, and how many times
    pretrain/samples.jsonl  trackers/ texts generated during training; TensorBoard, trackio, wandb: if configured
    pretrain/checkpoints/step-…/      the last checkpoints, to resume from
    pretrain/report.json
    model/                            config.json  model.safetensors  tokenizer.json …, for plain transformers

The data order, the masks and the dropout depend on the seed and the step alone. So a run that was interrupted,
killed or moved to another number of processes continues from its last checkpoint; on one machine and one number of
processes the final weights are the same to the bit, for budgets in steps, tokens and FLOPs. A budget in minutes
becomes a number of steps by a probe on this machine, and is revised three times during training: steps already decided
are repeated to the bit on resume, later ones depend on the clock. It includes set-up, and is refused where fewer than
50 steps fit; --anyway trains them.
"""

from __future__ import annotations

import sys
import time

from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import ANYWAY_HELP, stage_main
from desdecero.pipelines.run.layout import TrainingFiles
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.checkpoints import identity
from desdecero.pipelines.training.devices.out_of_memory import explain_out_of_memory
from desdecero.pipelines.training.devices.processes import explain_lost_peer, from_first, join_processes
from desdecero.pipelines.training.exposure import write_exposure
from desdecero.pipelines.training.extras import check_optional_dependencies
from desdecero.pipelines.training.replica import make_deterministic
from desdecero.pipelines.training.report import report_of
from desdecero.pipelines.training.task import Pretraining
from desdecero.pipelines.training.trainer import Trainer
from desdecero.pipelines.training.watch.curve import draw_losses, read_metrics
from desdecero.pipelines.training.watch.energy import EnergyMeter
from desdecero.pipelines.training.watch.samples import Sampler
from desdecero.pipelines.training.watch.trackers import trackers


@explain_lost_peer()
@explain_out_of_memory()
def pretrain(recipe: Recipe, run: RunDir, out: RunDir, anyway: bool = False) -> str:
    """Train the model and write its report; return size, speed and validation loss in a sentence."""
    started = time.perf_counter()
    make_deterministic()
    accelerator = join_processes()
    from_first(accelerator, lambda: check_optional_dependencies(recipe.pretrain))
    meter = EnergyMeter(recipe.pretrain.energy, accelerator.is_main_process)
    task, files = Pretraining(recipe, run), TrainingFiles(out.pretrain)
    sampler = Sampler(task, recipe.pretrain.samples) if recipe.pretrain.samples else None
    trainer = Trainer(
        task,
        accelerator,
        files,
        identity(recipe, run, "pretrain"),
        started=started,
        meter=meter,
        sampler=sampler,
        anyway=anyway,
    )
    with trackers(accelerator, recipe, files.trackers):
        trainer.run()

    accelerator.wait_for_everyone()
    model = trainer.replica.whole_model()
    if not accelerator.is_main_process:
        return ""
    task.save_model(model, out.model)
    trainer.finish()
    lines = read_metrics(files.metrics)
    report = report_of(task, trainer, lines, write_exposure(out.exposure, run, task, trainer.steps_of_weights(lines)))
    kept = report.early_stop.kept_step if report.early_stop else None
    draw_losses(lines, files.folder, "plot.loss_title", kept, name=recipe.name, steps=trainer.step)
    out.write_report("pretrain", recipe, report)
    return (
        f"{report.parameters:,} parameters, {report.steps:,} steps, {report.tokens:,} tokens "
        f"at {report.tokens_per_second:,} a second, validation loss {report.validation_loss:.3f} nats per token"
    )


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero pretrain`."""
    return stage_main("pretrain", argv, {"anyway": ANYWAY_HELP})


if __name__ == "__main__":
    sys.exit(main())
