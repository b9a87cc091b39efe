"""Train a LoRA adapter on the corpus' domain slice, and measure what it gains there and costs elsewhere.

    desdecero finetune quickstart
    python pipelines/finetune.py quickstart

Writes

    adapters/<domain>/adapter/        what peft loads onto the model
    adapters/<domain>/merged/         the model with the adapter folded in, for plain transformers
    adapters/<domain>/metrics.jsonl   loss and learning rate by step
    adapters/<domain>/loss.png
    adapters/<domain>/report.json     before, after and change on held-out text: of the domain, and general

LoRA (Hu et al. 2021) learns a low-rank change to every matrix inside the layers and leaves the weights as they
are. Batches are packed and masked as in pretraining. The order, the masks and the adapter's first weights depend
on the seed alone: on one machine the same run gives the same adapter.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import PreTrainedModel, get_linear_schedule_with_warmup

from eval_suites.language_modeling import MEASURES, Estimate, LanguageModeling
from eval_suites.scoring import DocumentScore, Objective
from pipelines.chain import stage_main
from pipelines.errors import UserError
from pipelines.evaluate_model import held_out, load_model
from pipelines.progress import progress
from pipelines.recipe import Finetune, Recipe
from pipelines.run_dir import RunDir, Split, write_json
from pipelines.training.batches import IGNORED, Batches
from pipelines.training.collators import build_collator
from pipelines.training.curve import draw_loss
from pipelines.training.trainer import make_deterministic

HELD_OUT: dict[str, Split] = {"domain": "domain_validation", "general": "validation"}
MEASURE = {"causal": "bits_per_byte", "masked": "masked_loss", "span_corruption": "span_loss"}
TASK = {"causal": TaskType.CAUSAL_LM, "masked": None, "span_corruption": TaskType.SEQ_2_SEQ_LM}
"""peft's word for what the adapted model does; it has none for filling gaps."""

WARMUP = 0.1
"""Share of the steps; the rest decays to 0 in a straight line (Hu et al. 2021, appendix D, do both)."""

BASE_MODEL = "../../../model"
"""Where the adapter's model lies, seen from `adapter/` in a run: the same words wherever the run is moved."""


def finetune(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    wanted, domain = recipe.finetune, recipe.corpus.domain
    assert wanted and domain  # the chain leaves the stage out otherwise
    objective = recipe.model.objective
    make_deterministic()
    folder = out.adapter(domain.name)
    model, tokenizer = load_model(run.model, recipe)
    batches = Batches(
        run.token_files("domain_train"), run.report("tokens", recipe)["dtype"], build_collator(recipe, tokenizer),
        wanted.batch_size, recipe.seed, len(tokenizer),
    )  # fmt: skip
    texts = {
        kind: [document["text"] for document in held_out(recipe, run, split, wanted.max_eval_bytes)]
        for kind, split in HELD_OUT.items()
    }
    suite = LanguageModeling(objective, recipe.evaluate.resamples, recipe.evaluate.confidence, recipe.seed)

    def scores(title: str) -> dict[str, list[DocumentScore]]:
        bar = partial(progress, title=f"finetune: {title}", unit="batch")
        return {kind: suite.score(model, tokenizer, texts[kind], bar) for kind in texts}

    before = scores("before")
    set_seed(recipe.seed)
    adapted = add_adapter(model, wanted, recipe)
    trainable, total = adapted.get_nb_trainable_parameters()
    metrics = train(adapted, batches, wanted, partial(beside_inputs, model, objective))
    save_adapter(adapted, folder / "adapter")
    model = adapted.merge_and_unload()
    model.save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")
    after = scores("after")

    write_curve(metrics, folder, f"{recipe.name}: adapter {domain.name}, {wanted.steps:,} steps")
    report = {
        **adapter_report(domain.name, wanted, trainable, total - trainable),
        "documents": run.report("tokens", recipe)["splits"]["domain_train"]["documents"],
        **curve_report(metrics),
        "measure": MEASURE[objective],
        "confidence": recipe.evaluate.confidence,
        **{kind: compare(suite, before[kind], after[kind]) for kind in texts},
    }
    out.write_report("finetune", recipe, report)
    return _summary(report)


# --- training --------------------------------------------------------------------------------------------------


def add_adapter(model: PreTrainedModel, wanted: Finetune, recipe: Recipe) -> PeftModel:
    """The model with LoRA matrices, all that is left to train, beside every linear layer but the output's."""
    config = LoraConfig(
        r=wanted.rank,
        lora_alpha=wanted.alpha,  # type: ignore[arg-type]  # annotated int, used as a factor
        target_modules="all-linear",
        task_type=TASK[recipe.model.objective],
        fan_in_fan_out=recipe.model.architecture == "gpt2",  # whose layers keep their matrices transposed
    )
    with warnings.catch_warnings():  # peft asks transformers for it by the old name
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return get_peft_model(model, config)


def beside_inputs(model: Any, objective: Objective, targets: torch.Tensor) -> dict[str, Any]:
    """What the model's forward is given besides the inputs; a decoder reads the targets, one place later."""
    if objective == "masked":
        return {}
    if objective == "causal":
        return {"use_cache": False}
    return {"use_cache": False, "decoder_input_ids": model.prepare_decoder_input_ids_from_labels(targets)}


def train(
    adapted: PeftModel, batches: Batches, wanted: Finetune, beside: Callable[[torch.Tensor], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Train the adapter in place; returns one line of metrics a step. `beside`: of targets, see `beside_inputs`."""
    accelerator = Accelerator(mixed_precision="no")
    parameters = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    model, optimizer, schedule = accelerator.prepare(
        adapted,
        optimizer := torch.optim.AdamW(parameters, lr=wanted.learning_rate, weight_decay=0.0),
        get_linear_schedule_with_warmup(optimizer, round(WARMUP * wanted.steps), wanted.steps),
    )
    model.train()
    metrics = []
    for step in progress(range(wanted.steps), title="finetune", unit="step"):
        inputs, targets = (ids.to(accelerator.device) for ids in batches.batch(step))
        logits = model(input_ids=inputs, **beside(targets)).logits
        loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED)
        accelerator.backward(loss)
        rate = schedule.get_last_lr()[0]
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        tokens = (step + 1) * inputs.numel()
        metrics.append({"step": step + 1, "tokens": tokens, "loss": loss.item(), "learning_rate": rate})
        if not math.isfinite(metrics[-1]["loss"]):
            raise UserError(f"the adapter's loss is not finite at step {step + 1}: lower finetune.learning_rate")
    return metrics


# --- what is written -------------------------------------------------------------------------------------------


def save_adapter(adapted: PeftModel, folder: Path) -> None:
    """`adapter_config.json` and `adapter_model.safetensors`, the same bytes for the same adapter.

    peft writes a README of unfilled headings too, which would look like a card, and lists modules in hash order.
    """
    config = adapted.peft_config["default"]
    config.base_model_name_or_path = BASE_MODEL
    adapted.save_pretrained(str(folder), save_embedding_layers=False)  # "auto" asks the Hub about the model
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {**content, "target_modules": sorted(content["target_modules"])})


def write_curve(metrics: list[dict[str, Any]], folder: Path, title: str) -> None:
    lines = (json.dumps(line) + "\n" for line in metrics)
    (folder / "metrics.jsonl").write_text("".join(lines), encoding="utf-8")
    draw_loss(metrics, folder / "loss.png", title)


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
    suite: LanguageModeling, before: Sequence[DocumentScore], after: Sequence[DocumentScore]
) -> dict[str, int | Estimate]:
    """The objective's loss on the same documents before and after."""
    (measure,) = (one for one in MEASURES[suite.objective] if one.name == MEASURE[suite.objective])
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
