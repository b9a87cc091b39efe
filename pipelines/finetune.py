"""Train a LoRA adapter on the corpus' domain slice or on texts of one's own; measure what it gains and costs elsewhere.

    desdecero finetune quickstart
    desdecero finetune quickstart --domain legal --data laws.jsonl [--test more_laws.jsonl]
    python pipelines/finetune.py quickstart
    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 pipelines/finetune.py quickstart

Writes

    adapters/<name>/adapter/          what peft loads onto the model, and how, in README.md
    adapters/<name>/merged/           the model with the adapter folded in, for plain transformers
    adapters/<name>/plan.json         what was decided before the first step: see pretrain.py
    adapters/<name>/metrics.jsonl     loss and learning rate by step
    adapters/<name>/loss.png          the same as a picture; loss.es.png in Spanish
    adapters/<name>/checkpoints/      to resume from, until the stage is done
    adapters/<name>/report.json       before, after and change on held-out text: of the domain, and general

`--data` adds an adapter to a run that is there: named as the domain, or as `--adapter` says, it becomes
`adapters/<name>/`, with its section in `finetune.yaml` there; no other stage changes. The data are JSONL, CSV, TSV or
Parquet with a column `text`, or files of plain text; without `--test`, a fifth of them is kept apart to measure on.

The name is the one that the recipe gives the adapter (`--adapter NAME`, where it has several).
LoRA (Hu et al. 2021) learns a low-rank change to every matrix inside the layers and leaves the weights as they
are. The loop is pretraining's (docs/training.md): batches are packed and masked as there, packed documents see nothing
of each other, several processes take a share of each batch, and a training that was killed goes on from its last
checkpoint. The first process measures and writes. The order, the masks and the adapter's first weights depend on the
seed alone: on one machine and one number of processes the same run gives the same adapter, interrupted or not, for
budgets in steps, tokens and FLOPs. Only `adapter_config.json` depends on the place: it names the folder of the model;
`plan.json` and `metrics.jsonl` hold times.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

import yaml

from desdecero.eval_suites.language_modeling import LanguageModeling, loss_measure
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.pipelines.common.files import sha256_file, write_text
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import Drawn, held_out, measured_split, pieces
from desdecero.pipelines.finetuning.examples import read_examples
from desdecero.pipelines.finetuning.texts import describe, draw_test, write_shard
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import ANYWAY_HELP, stage_main
from desdecero.pipelines.run.layout import TrainingFiles
from desdecero.pipelines.run.reports.base import RollBack
from desdecero.pipelines.run.reports.finetune import AdapterData, FinetuneReport
from desdecero.pipelines.run.run_dir import ADDED, RunDir
from desdecero.pipelines.run.stages import stage_name
from desdecero.pipelines.training.adapter import AdapterTask, load_adapter, save_adapter
from desdecero.pipelines.training.checkpoints import identity
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import build_collator
from desdecero.pipelines.training.devices.out_of_memory import explain_out_of_memory
from desdecero.pipelines.training.devices.processes import explain_lost_peer, from_first, join_processes
from desdecero.pipelines.training.replica import make_deterministic
from desdecero.pipelines.training.trainer import Trainer
from desdecero.pipelines.training.watch.curve import draw_losses, read_metrics


@explain_lost_peer()
@explain_out_of_memory("lower finetune.batch_size and start again")
def finetune(recipe: Recipe, run: RunDir, out: RunDir, adapter: str, anyway: bool = False) -> str:
    """Train and measure an adapter; return what it changed in a sentence, or "" in other processes than the first."""
    started = time.perf_counter()
    settings, name = recipe.adapters[adapter], stage_name("finetune", adapter)
    tokens = run.report("tokens", recipe)
    make_deterministic()
    accelerator = join_processes()
    base = load(run.model)
    model, tokenizer = base.model, base.tokenizer
    files = TrainingFiles(out.adapter(adapter))
    shard = files.folder / "tokens.bin"  # of one's own data; deleted when they are no longer needed

    def prepare() -> tuple[dict[str, list[Drawn]], AdapterData | None, int]:
        general = held_out(recipe, run, measured_split(recipe), settings.max_eval_bytes)
        if settings.data is None:
            domain = held_out(recipe, run, "domain_validation", settings.max_eval_bytes)
            return {"domain": domain, "general": general}, None, tokens.splits["domain_train"].documents
        examples = read_examples("text", settings.data, recipe.seed)
        write_shard(examples.train, tokenizer, tokens.dtype, shard)
        domain = draw_test(examples, settings.max_eval_bytes, recipe.seed)
        data = describe(examples, settings.data, recipe, run)
        return {"domain": domain, "general": general}, data, len(examples.train)

    drawn, data, documents = from_first(accelerator, prepare)
    batches = Batches(
        run.token_files("domain_train") if data is None else [shard], tokens.dtype, build_collator(recipe, tokenizer),
        settings.batch_size, recipe.seed, len(tokenizer),
    )  # fmt: skip
    task = AdapterTask(recipe, settings, model, tokenizer, batches)
    made_from = identity(recipe, run, name) | ({"data": data.sha256} if data else {})
    trainer = Trainer(task, accelerator, files, made_from, started=started, anyway=anyway)
    trainer.run()
    if not accelerator.is_main_process:
        return ""

    folder = files.folder
    digest = sha256_file(run.model / "model.safetensors")
    save_adapter(task.adapted, folder / "adapter", run.model, base.auto.__name__, digest)
    texts = {kind: pieces(documents) for kind, documents in drawn.items()}
    suite = LanguageModeling(recipe.evaluate.confidence, recipe.seed)
    measured = load(run.model)  # the one that was trained may be compiled
    adapted = load_adapter(measured.model, folder / "adapter")

    def scores(title: str) -> dict[str, list[DocumentScore]]:
        bar = partial(progress, title=f"finetune: {title}", unit="batch")
        return {kind: suite.score(measured, cuts, bar, owners) for kind, (cuts, owners) in texts.items()}

    with adapted.disable_adapter():  # the frozen weights: the model as it was
        before = scores("before")
    merged: Any = adapted.merge_and_unload()
    measured = type(measured)(merged, tokenizer)
    merged.save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")
    after = scores("after")

    lines, measure = (
        read_metrics(files.metrics),
        loss_measure(measured, [text for cuts, _ in texts.values() for text in cuts]),
    )
    draw_losses(lines, folder, "plot.adapter_title", name=recipe.name, adapter=adapter, steps=trainer.step)
    losses = [line["loss"] for line in lines if "loss" in line]
    tenth = max(1, len(losses) // 10)
    report = FinetuneReport(
        name=adapter,
        base_sha256=digest,
        method="lora",
        rank=settings.rank,
        alpha=settings.alpha,
        trainable_parameters=task.trainable,
        trainable_share=task.trainable / (task.total - task.trainable),
        learning_rate=settings.learning_rate,
        domain_pack=settings.domain,
        documents=documents,
        data=data,
        processes=accelerator.num_processes,
        budget=trainer.settings.budget.model_dump(exclude_none=True),
        steps=trainer.step,
        tokens=trainer.tokens,
        train_loss_first=sum(losses[:tenth]) / tenth,
        train_loss_last=sum(losses[-tenth:]) / tenth,
        precision=trainer.plan.precision,
        compiled=trainer.plan.compiled,
        skipped_steps=trainer.guard.skipped,
        roll_backs=[RollBack(**one) for one in trainer.guard.rolled_back],
        measure=measure.name,
        confidence=recipe.evaluate.confidence,
        domain=suite.compare(measure, before["domain"], after["domain"]),
        general=suite.compare(measure, before["general"], after["general"]),
    )
    out.write_report(name, recipe, report)
    if run.recipe_file.is_file() and adapter not in load_recipe(run.recipe_file).adapters:
        write_text(
            folder / ADDED, yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        )
    trainer.finish(keep_last=False)
    shard.unlink(missing_ok=True)
    return _summary(report)


def _summary(report: FinetuneReport) -> str:
    changes = [
        f"{kind} {compared.before.value:.3f} → {compared.after.value:.3f}"
        for kind, compared in (("domain", report.domain), ("general", report.general))
    ]
    return f"{report.trainable_parameters:,} parameters trained; {report.measure}: {', '.join(changes)}"


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero finetune`."""
    return stage_main("finetune", argv, {"anyway": ANYWAY_HELP}, adds_adapters=True)


if __name__ == "__main__":
    sys.exit(main())
