"""Pretrain a language model from random weights.

    desdecero pretrain quickstart
    accelerate launch pipelines/pretrain.py quickstart                  (--anyway: also where only a few steps fit)
    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 pipelines/pretrain.py quickstart

The second form is for one or more accelerators (docs/devices.md), the third for two processes on a CPU (accelerate's
own `--cpu --num_processes 2` starts one). Needs tokenizer/ and tokens/, and nothing else of the run. Writes

    pretrain/plan.json                what the probe decided: steps, precision, compilation; fixed for the run
    pretrain/metrics.jsonl  loss.png  loss by step, and on held-out text now and then (loss.es.png in Spanish)
    pretrain/samples.jsonl  trackers/ what the model writes on its way; TensorBoard, trackio, wandb: where asked for
    pretrain/checkpoints/step-…/      the last ones, to resume from
    pretrain/report.json
    model/                            config.json  model.safetensors  tokenizer.json …, for plain transformers

The data order, the masks and the dropout depend on the seed and the step alone. So a run that was interrupted,
killed or moved to another number of processes goes on where its last checkpoint stood; on one machine and one
number of processes the finished weights are the same to the bit, for budgets in steps, tokens and FLOPs. A budget in
minutes becomes a number of steps by a probe on the machine at hand, and again three times on the way: what was decided
is kept and repeated to the bit, what lies ahead is decided by the clock. It holds set-up too, and is refused where it
has room for fewer than 50 steps; --anyway trains them.
"""

from __future__ import annotations

import sys
import time

from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import ANYWAY, stage_main
from desdecero.pipelines.run.layout import TrainingFiles
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.checkpoints import identity
from desdecero.pipelines.training.devices.out_of_memory import exhaustion_explained
from desdecero.pipelines.training.devices.processes import from_first, join_processes, losing_touch_explained
from desdecero.pipelines.training.extras import refuse_what_is_missing
from desdecero.pipelines.training.loop import Trainer
from desdecero.pipelines.training.replica import make_deterministic
from desdecero.pipelines.training.report import report_of
from desdecero.pipelines.training.task import Pretraining
from desdecero.pipelines.training.watch.curve import draw_losses, read_metrics
from desdecero.pipelines.training.watch.energy import EnergyMeter
from desdecero.pipelines.training.watch.samples import Sampler
from desdecero.pipelines.training.watch.trackers import trackers


@losing_touch_explained()
@exhaustion_explained()
def pretrain(recipe: Recipe, run: RunDir, out: RunDir, anyway: bool = False) -> str:
    started = time.perf_counter()
    make_deterministic()
    accelerator = join_processes()
    from_first(accelerator, lambda: refuse_what_is_missing(recipe.pretrain))
    meter = EnergyMeter(recipe.pretrain.energy, accelerator.is_main_process)
    task, files = Pretraining(recipe, run), TrainingFiles(out.pretrain)
    sampler = Sampler(task, recipe.pretrain.samples) if recipe.pretrain.samples else None
    trainer = Trainer(
        task, accelerator, files, identity(recipe, run, "pretrain"), started=started, meter=meter, sampler=sampler,
        anyway=anyway,
    )  # fmt: skip
    with trackers(accelerator, recipe, files.trackers):
        trainer.run()

    accelerator.wait_for_everyone()
    model = trainer.replica.whole_model()
    if not accelerator.is_main_process:
        return ""
    task.save_model(model, out.model)
    trainer.finish()
    lines = read_metrics(files.metrics)
    report = report_of(task, trainer, lines)
    kept = report["early_stop"] and report["early_stop"]["kept_step"]
    draw_losses(lines, files.folder, "plot.loss_title", kept, name=recipe.name, steps=trainer.step)
    out.write_report("pretrain", recipe, report)
    return (
        f"{report['parameters']:,} parameters, {report['steps']:,} steps, {report['tokens']:,} tokens "
        f"at {report['tokens_per_second']:,} a second, held-out loss {report['validation_loss']:.3f} nats a token"
    )


def main(argv: list[str] | None = None) -> int:
    return stage_main("pretrain", argv, {"anyway": ANYWAY})


if __name__ == "__main__":
    sys.exit(main())
