"""Train a LoRA adapter on the corpus' domain slice, and measure what it gains there and costs elsewhere.

    desdecero finetune quickstart
    python pipelines/finetune.py quickstart
    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 pipelines/finetune.py quickstart

Writes

    adapters/<name>/adapter/          what peft loads onto the model, and how, in README.md
    adapters/<name>/merged/           the model with the adapter folded in, for plain transformers
    adapters/<name>/metrics.jsonl     loss and learning rate by step
    adapters/<name>/loss.png          the same as a picture; loss.es.png in Spanish
    adapters/<name>/report.json       before, after and change on held-out text: of the domain, and general

The name is that of the corpus' domain slice, or the one that the recipe gives to one of several (`--adapter NAME`).
LoRA (Hu et al. 2021) learns a low-rank change to every matrix inside the layers and leaves the weights as they
are. Batches are packed and masked as in pretraining, and packed documents see nothing of each other. Several
processes take a share of each batch; the first one measures and writes. The order, the masks and the adapter's first
weights depend on the seed alone: on one machine and one number of processes the same run gives the same adapter. Only
`adapter_config.json` depends on the place: it names the folder of the model.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed

from desdecero.eval_suites.language_modeling import Estimate, LanguageModeling, Measure, loss_measure
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import held_out
from desdecero.pipelines.recipe import Finetune, Recipe
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.layout import Split
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import name_of
from desdecero.pipelines.training.adapter import AdapterTraining, add_adapter, save_adapter
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import build_collator
from desdecero.pipelines.training.devices.out_of_memory import exhaustion_explained
from desdecero.pipelines.training.devices.processes import from_first, join_processes, losing_touch_explained
from desdecero.pipelines.training.trainer import make_deterministic
from desdecero.pipelines.training.watch.curve import draw_losses

HELD_OUT: dict[str, Split] = {"domain": "domain_validation", "general": "validation"}


@losing_touch_explained("start again")
@exhaustion_explained("lower finetune.batch_size and start again")
def finetune(recipe: Recipe, run: RunDir, out: RunDir, adapter: str) -> str:
    wanted = recipe.adapters[adapter]
    make_deterministic()
    accelerator = join_processes()
    asked = load(run.model)
    model, tokenizer = asked.model, asked.tokenizer
    batches = Batches(
        run.token_files("domain_train"), run.report("tokens", recipe)["dtype"], build_collator(recipe, tokenizer),
        wanted.batch_size, recipe.seed, len(tokenizer),
    )  # fmt: skip
    texts: dict[str, list[str]] = from_first(accelerator, lambda: held_out_texts(recipe, run, wanted))
    set_seed(recipe.seed)
    adapted = add_adapter(model, wanted, recipe)
    trainable, total = adapted.get_nb_trainable_parameters()
    sentinels: Any = tokenizer.convert_tokens_to_ids(list(recipe.tokenizer.sentinel_tokens))
    training = AdapterTraining(model, wanted, batches, recipe, accelerator, sentinels)
    metrics = [training.step(step) for step in progress(range(wanted.steps), title="finetune", unit="step")]
    if not accelerator.is_main_process:
        return ""

    folder = out.adapter(adapter)
    digest = sha256_file(run.model / "model.safetensors")
    save_adapter(adapted, folder / "adapter", run.model, asked.auto.__name__, digest)
    suite = LanguageModeling(recipe.evaluate.resamples, recipe.evaluate.confidence, recipe.seed)

    def scores(title: str) -> dict[str, list[DocumentScore]]:
        bar = partial(progress, title=f"finetune: {title}", unit="batch")
        return {kind: suite.score(asked, texts[kind], bar) for kind in texts}

    with adapted.disable_adapter():  # the frozen weights: the model as it was
        before = scores("before")
    merged: Any = adapted.merge_and_unload()
    asked = type(asked)(merged, tokenizer)
    merged.save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")
    after = scores("after")

    write_curve(metrics, folder, recipe.name, adapter)
    report = {
        **adapter_report(adapter, wanted, trainable, total - trainable),
        "documents": run.report("tokens", recipe)["splits"]["domain_train"]["documents"],
        "processes": accelerator.num_processes,
        **curve_report(metrics),
        "measure": loss_measure(asked).name,
        "confidence": recipe.evaluate.confidence,
        **{kind: compare(suite, loss_measure(asked), before[kind], after[kind]) for kind in texts},
    }
    out.write_report(name_of(recipe, "finetune", adapter), recipe, report)
    return _summary(report)


def held_out_texts(recipe: Recipe, run: RunDir, wanted: Finetune) -> dict[str, list[str]]:
    return {
        kind: [document["text"] for document in held_out(recipe, run, split, wanted.max_eval_bytes)]
        for kind, split in HELD_OUT.items()
    }


# --- what is written -------------------------------------------------------------------------------------------


def write_curve(metrics: list[dict[str, Any]], folder: Path, run: str, adapter: str) -> None:
    lines = (json.dumps(line) + "\n" for line in metrics)
    (folder / "metrics.jsonl").write_text("".join(lines), encoding="utf-8")
    draw_losses(metrics, folder, "plot.adapter_title", name=run, adapter=adapter, steps=len(metrics))


def adapter_report(name: str, wanted: Finetune, trainable: int, frozen: int) -> dict[str, Any]:
    """What was trained; the share is of the base model's parameters."""
    return {
        "name": name,
        "method": "lora",
        "rank": wanted.rank,
        "alpha": wanted.alpha,
        "trainable_parameters": trainable,
        "trainable_share": trainable / frozen,
        "learning_rate": wanted.learning_rate,
    }


def curve_report(metrics: Sequence[Mapping[str, Any]]) -> dict[str, int | float]:
    """How far training went, and its loss in the first and the last tenth of the steps."""
    losses = [line["loss"] for line in metrics]
    tenth = max(1, len(losses) // 10)
    return {
        "steps": len(metrics),
        "tokens": metrics[-1]["tokens"],
        "train_loss_first": sum(losses[:tenth]) / tenth,
        "train_loss_last": sum(losses[-tenth:]) / tenth,
    }


def compare(
    suite: LanguageModeling, measure: Measure, before: Sequence[DocumentScore], after: Sequence[DocumentScore]
) -> dict[str, int | Estimate]:
    """A measure on the same documents before and after."""
    return {
        "documents": len(before),
        "before": suite.estimate(measure, before),
        "after": suite.estimate(measure, after),
        "change": suite.change(measure, before, after),
    }


def _summary(report: Mapping[str, Any]) -> str:
    changes = [
        f"{kind} {report[kind]['before']['value']:.3f} → {report[kind]['after']['value']:.3f}" for kind in HELD_OUT
    ]
    return f"{report['trainable_parameters']:,} parameters trained; {report['measure']}: {', '.join(changes)}"


def main(argv: list[str] | None = None) -> int:
    return stage_main("finetune", argv)


if __name__ == "__main__":
    sys.exit(main())
