"""A run with a sealed adapter of each task: random weights of the right form, and reports as the stage writes them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from small_models import byte_level
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)
from whole_reports import typed

from desdecero.eval_suites.models.label_rows import tags
from desdecero.pipelines.recipe import Chat, Recipe, load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stage_name, stages
from desdecero.pipelines.tokenizer.chat import add_chat
from desdecero.pipelines.training.model.build import build_config, build_model

LABELS = ("card_arrival", "<b>fees</b>", "top_up")
"""One of them is not to be taken for HTML."""
SPANS = ("date", "drug")
TASKS = {"support": "classification", "pairs": "classification", "health": "tokens", "helper": "chat", "legal": "text"}
"""Adapter → task. `helper` and `legal` continue texts."""
OVERRIDES = [
    "model.layers=2", "model.hidden_size=32", "model.heads=2", "model.context_length=128", "tokenizer.vocab_size=400",
    "corpus.domain=null",
    "finetune={"
    "support: {domain: support, data: {train: t.csv, text: question, label: kind}}, "
    "pairs: {task: classification, data: {train: t.csv, text_b: other}}, "
    "health: {domain: health, data: {train: t.jsonl}}, "
    "helper: {domain: software, data: {train: t.jsonl}}, "
    "legal: {domain: legal, data: {train: t.jsonl}}}",
]  # fmt: skip


def make_adapted_run(path: Path) -> RunDir:
    run, recipe = RunDir(path), load_recipe("quickstart", OVERRIDES)
    tokenizer = copy.deepcopy(byte_level())
    config = build_config(recipe.model, tokenizer)
    base = build_model(config)
    out = run.start(stages(recipe)["pretrain"], recipe)
    save(base, tokenizer, out.model)
    out.write_report("pretrain", recipe, typed("pretrain", {"objective": "causal"}))
    run.commit(stages(recipe)["pretrain"], recipe, seconds=1.0)
    for number, name in enumerate(TASKS):
        stage = stages(recipe)[stage_name("finetune", name)]
        out = run.start(stage, recipe)
        torch.manual_seed(number + 1)
        write_merged(recipe, name, out.adapter(name) / "merged", tokenizer)
        out.write_report(stage.name, recipe, typed("finetune", report(name)))
        run.commit(stage, recipe, seconds=1.0)
    return run


def write_merged(recipe: Recipe, name: str, folder: Path, tokenizer: Any) -> None:
    config: Any = AutoConfig.for_model(**build_config(recipe.model, tokenizer).to_dict())
    task, own = TASKS[name], copy.deepcopy(tokenizer)
    if task in ("chat", "text"):
        if task == "chat":
            add_chat(own, Chat())
            config.vocab_size = len(own)
        writer = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():  # nearly equal probabilities would draw the base's tokens from the same seed
            writer.get_output_embeddings().weight.mul_(40)
        return save(writer, own, folder)
    auto, names = AutoModelForSequenceClassification, LABELS
    if task == "tokens":
        auto, names = AutoModelForTokenClassification, tags(SPANS)
    config.id2label = dict(enumerate(names))
    config.label2id = {label: place for place, label in enumerate(names)}
    model = auto.from_config(config)
    with torch.no_grad():  # random weights give every label much the same probability
        model.score.weight.mul_(40)
    save(model, own, folder)


def save(model: PreTrainedModel, tokenizer: Any, folder: Path) -> None:
    if model.can_generate():  # random weights would end a text at any token
        model.generation_config.eos_token_id = None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def report(name: str) -> dict[str, Any]:
    task = TASKS[name]
    measure = {"classification": "accuracy", "tokens": "span_f1", "chat": "answer_loss", "text": "bits_per_byte"}[task]
    change = {"value": 0.2, "low": 0.1, "high": 0.3}
    against = {"classification": "linear_svm", "tokens": "dictionary"}.get(task, "base")
    seed = {"seed": 0, "steps": 3, "against": against, "score": {**change, "value": 0.8}, "change": change}
    return {
        "name": name, "task": task, "method": "lora", "rank": 4, "measure": measure, "verdict": "better",
        "seeds": [{**seed, "verdict": "better"}],
    }  # fmt: skip
