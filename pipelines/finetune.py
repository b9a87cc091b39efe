"""Adapt the model to a task by examples of it; measure what that gains, and what it costs elsewhere.

    desdecero finetune quickstart
    desdecero finetune quickstart --domain legal --data laws.jsonl [--test more_laws.jsonl]
    desdecero finetune quickstart --domain support --data train.csv --text question --label topic
    desdecero finetune quickstart legal                                 an adapter that the recipe names
    desdecero finetune models/bert-es --domain legal --data laws.jsonl  on a folder of transformers: runs/bert-es
    desdecero finetune owner/name@REVISION --domain legal --data …      on a model of the Hub: runs/name
    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 pipelines/finetune.py quickstart

Writes

    adapters/<name>/adapter/          what peft loads onto the model, and how, in README.md; for low-rank methods
    adapters/<name>/merged/           the adapted model, for plain transformers
    adapters/<name>/plan.json         what was decided before the first step: see pretrain.py
    adapters/<name>/metrics.jsonl     loss and learning rate by step
    adapters/<name>/loss.png          the same as a picture; loss.es.png in Spanish
    adapters/<name>/checkpoints/      to resume from, until the stage is done
    adapters/<name>/predictions.parquet    what was predicted of each test example; for labels
    adapters/<name>/seeds/<n>/        the trainings with other seeds
    adapters/<name>/drift.json        what changed: score, general text, calibration, … ; a part of the report
    adapters/<name>/report.json       the score beside what it has to beat, and the verdict

Tasks: `text` goes on with pretraining on texts of a domain; `chat` learns the answers in conversations;
`classification` learns labels of texts, `tokens` labelled spans (docs/finetuning.md). `--data` adds an adapter to a run
that is there: named as the domain, or as `--adapter` says, it becomes `adapters/<name>/`, with its section in
`finetune.yaml` there; no other stage changes. Without `--test`, a fifth of the examples is kept apart to measure on.

LoRA (Hu et al. 2021) learns a low-rank change to every matrix inside the layers and leaves the weights as they are. The
loop is pretraining's (docs/training.md): packed texts see nothing of each other, several processes take a share of each
batch, and a training that was killed goes on from its last checkpoint. The first process measures and writes. The
order, the masks and the first weights depend on the seed alone: on one machine and one number of processes the same run
gives the same adapter, interrupted or not, for budgets in steps, epochs, tokens and FLOPs. Only `adapter_config.json`
depends on the place: it names the folder of the model. `plan.json` and `metrics.jsonl` hold times, and the report the
memory and the energy that it took.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator

from desdecero.eval_suites.results import PairedVerdict
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_json, write_text
from desdecero.pipelines.finetuning.adaptation import Adaptation, Fields
from desdecero.pipelines.finetuning.chat import ChatAdaptation
from desdecero.pipelines.finetuning.choice import choose
from desdecero.pipelines.finetuning.labels import LabelAdaptation
from desdecero.pipelines.finetuning.texts import TextAdaptation
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.recipe.domains import Task
from desdecero.pipelines.recipe.finetune import LOW_RANK
from desdecero.pipelines.run.chain import ANYWAY_HELP, stage_main
from desdecero.pipelines.run.layout import TrainingFiles
from desdecero.pipelines.run.reports.base import RollBack
from desdecero.pipelines.run.reports.finetune import FinetuneReport, SeedScore
from desdecero.pipelines.run.run_dir import ADDED, RunDir
from desdecero.pipelines.run.stages import stage_name
from desdecero.pipelines.training.adapter import AdapterTask
from desdecero.pipelines.training.checkpoints import identity
from desdecero.pipelines.training.devices.out_of_memory import explain_out_of_memory
from desdecero.pipelines.training.devices.processes import explain_lost_peer, from_first, join_processes
from desdecero.pipelines.training.micro_batch import peak_memory
from desdecero.pipelines.training.replica import make_deterministic
from desdecero.pipelines.training.report import early_stop_of
from desdecero.pipelines.training.trainer import Trainer
from desdecero.pipelines.training.watch.curve import draw_losses, read_metrics

DRIFT: Any = {
    "measure": True, "confidence": True, "verdict": True, "seeds": True, "domain": True, "general": True,
    "general_measure": True, "memorization": True, "swaps": True,
    "labels": {"scores": {"measures", "by_label", "calibration"}},
}  # fmt: skip
"""What of a report says how the adapter differs from its base, and what it is like where it is used."""
ADAPTATIONS: dict[Task, type[Adaptation]] = {
    "text": TextAdaptation,
    "chat": ChatAdaptation,
    "classification": LabelAdaptation,
    "tokens": LabelAdaptation,
}


@explain_lost_peer()
@explain_out_of_memory("lower finetune.batch_size and start again")
def finetune(recipe: Recipe, run: RunDir, out: RunDir, adapter: str, anyway: bool = False) -> str:
    """Train and measure an adapter; return what it changed in a sentence, or "" in other processes than the first."""
    started = time.perf_counter()
    name, settings = stage_name("finetune", adapter), recipe.adapters[adapter]
    if settings.quantize and not torch.cuda.is_available():
        raise UserError(
            f"finetune.{adapter}.quantize: {settings.quantize} is for CUDA, and there is no such device here: leave it "
            "out"
        )
    make_deterministic()
    accelerator = join_processes()
    files = TrainingFiles(out.adapter(adapter))
    folder = files.folder
    adaptation = ADAPTATIONS[settings.task](recipe, run, folder, settings)
    adaptation.data = from_first(accelerator, adaptation.read)
    made_from = identity(recipe, run, name) | {"data": adaptation.digest_of_data}

    settings, trials = choose(
        settings, lambda tried: adaptation.task(tried, recipe.seed, choosing=True), accelerator, folder / "trials.json"
    )
    adaptation.settings = settings
    adaptation.train_yardsticks(accelerator)
    task = adaptation.task(settings, recipe.seed)
    task.settings = task.settings.model_copy(update={"energy": recipe.pretrain.energy})  # of this training alone
    trainer = Trainer(task, accelerator, files, made_from, started=started, anyway=anyway)
    trainer.run()
    energy, peak = trainer.meter.report(), peak_memory(accelerator.device)
    scores, measured = list[SeedScore](), Fields()
    if accelerator.is_main_process:
        adaptation.save(task, folder)
        scores.append(_scored(adaptation, folder, task, trainer))
        measured = adaptation.measure(folder)  # before other seeds: what the score was made of is still at hand
    scores += [
        _of_seed(adaptation, recipe.seed + number, folder / "seeds" / str(number), accelerator, made_from, anyway)
        for number in range(1, settings.seeds)
    ]
    if not accelerator.is_main_process:
        return ""

    lines = read_metrics(files.metrics)
    draw_losses(lines, folder, "plot.adapter_title", name=recipe.name, adapter=adapter, steps=trainer.step)
    losses = [line["loss"] for line in lines if "loss" in line]
    tenth = max(1, len(losses) // 10)
    assert settings.learning_rate != "auto", "it is chosen by now"
    low_rank = settings.method in LOW_RANK
    report = FinetuneReport(
        name=adapter,
        task=settings.task,
        base_sha256=adaptation.digest,
        method=settings.method,
        rank=settings.rank if low_rank else None,
        alpha=settings.alpha if low_rank else None,
        trainable_parameters=task.trainable,
        trainable_share=task.trainable_share,
        learning_rate=settings.learning_rate,
        trials=trials,
        replay=settings.replay,
        seeds=scores,
        verdict=verdict_of(scores),
        domain_pack=settings.domain,
        processes=accelerator.num_processes,
        budget=settings.budget.model_dump(exclude_none=True),
        steps=trainer.step,
        tokens=trainer.tokens,
        train_loss_first=sum(losses[:tenth]) / tenth,
        train_loss_last=sum(losses[-tenth:]) / tenth,
        precision=trainer.plan.precision,
        compiled=trainer.plan.compiled,
        energy=energy,
        peak_memory_bytes=peak,
        skipped_steps=trainer.guard.skipped,
        roll_backs=[RollBack(**one) for one in trainer.guard.rolled_back],
        early_stop=early_stop_of(trainer),
        confidence=recipe.evaluate.confidence,
        **measured,
    )
    out.write_report(name, recipe, report)
    write_json(folder / "drift.json", drift_of(report))
    if run.recipe_file.is_file() and adapter not in load_recipe(run.recipe_file).adapters:
        section = recipe.adapters[adapter].model_dump(mode="json")
        write_text(folder / ADDED, yaml.safe_dump(section, sort_keys=False, allow_unicode=True))
    trainer.finish(keep_last=False)
    adaptation.remove_scratch()
    return _summary(report)


def _scored(adaptation: Adaptation, folder: Path, task: AdapterTask, trainer: Trainer) -> SeedScore:
    return SeedScore(seed=task.seed, steps=trainer.step, **dict(adaptation.score(folder)))


def _of_seed(
    adaptation: Adaptation,
    seed: int,
    folder: Path,
    accelerator: Accelerator,
    made_from: dict[str, Any],
    anyway: bool,
) -> SeedScore:
    """Train with another seed, and return its score; the weights are not kept. What is finished is not repeated."""
    file = folder / "score.json"
    known = from_first(accelerator, lambda: json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None)
    if known:
        return SeedScore(**known)
    task = adaptation.task(adaptation.settings, seed)
    trainer = Trainer(task, accelerator, TrainingFiles(folder), made_from | {"seed": seed}, anyway=anyway)
    trainer.run()

    def score() -> SeedScore:
        adaptation.save(task, folder)
        scored = _scored(adaptation, folder, task, trainer)
        for part in ("adapter", "merged"):
            shutil.rmtree(folder / part, ignore_errors=True)
        trainer.finish(keep_last=False)
        write_json(file, scored.model_dump(mode="json"))
        return scored

    return from_first(accelerator, score)


def verdict_of(scores: list[SeedScore]) -> PairedVerdict:
    """Return the verdict that all seeds share; where they differ, nothing can be told."""
    verdicts = {score.verdict for score in scores}
    return verdicts.pop() if len(verdicts) == 1 else "cannot be told apart"


def drift_of(report: FinetuneReport) -> dict[str, Any]:
    """Return the content of `drift.json`: the same numbers under the same keys as in the report."""
    return report.model_dump(mode="json", include=DRIFT)


def _summary(report: FinetuneReport) -> str:
    first = report.seeds[0]
    changes = [f"{report.measure} {first.score.value:.3f} ({first.change.value:+.3f} against {first.against})"]
    if report.general:
        before, after = report.general.before.value, report.general.after.value
        changes.append(f"{report.general_measure} of general text {before:.3f} → {after:.3f}")
    return f"{report.trainable_parameters:,} parameters trained; {', '.join(changes)}: {report.verdict}"


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero finetune`."""
    return stage_main("finetune", argv, {"anyway": ANYWAY_HELP}, adds_adapters=True)


if __name__ == "__main__":
    sys.exit(main())
