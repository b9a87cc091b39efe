"""What `transformers.Trainer` makes of the same tokens in the same time: the peer of bench_train.py, one process a run.

    python tests/benchmarks/peer_trainer.py RECIPE RUN OUT --how default --seconds 300
    python tests/benchmarks/peer_trainer.py RECIPE RUN OUT --how expert --learning-rate 2e-3 --seconds 300

`default` is the language-modelling example as it comes: batches of 8, AdamW at 5e-5, linear decay, float32, eager.
`expert` is what somebody who knows it would ask for: a learning rate swept beforehand, warm-up and cosine, bfloat16,
`torch_compile`, the recipe's batch. Both get the model class, the sizes and the tokens of the recipe.

The number of steps that fills the time is found by a few steps beforehand, which are not counted: in its own time the
peer also finds its compiled code in the cache. Writes OUT/model and OUT/result.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.data.collators import build_collator
from desdecero.pipelines.training.model.build import build_config, build_model

EXAMPLE_BATCH, EXAMPLE_LEARNING_RATE, EXAMPLE_MASKED = 8, 5e-5, 0.15  # run_clm.py, run_mlm.py and TrainingArguments
PROBE_STEPS, WARMUP_STEPS = 8, 3


class Blocks(Dataset):  # type: ignore[type-arg]
    """All training tokens in one row, cut into blocks, as the example's `group_texts` does."""

    def __init__(self, run: RunDir, dtype: str, length: int, labelled: bool):
        shards = [np.memmap(file, np.dtype(dtype), "r") for file in run.token_files("train")]
        self.tokens = np.concatenate(shards)
        self.length, self.labelled = length, labelled

    def __len__(self) -> int:
        return len(self.tokens) // self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids = torch.from_numpy(self.tokens[index * self.length : (index + 1) * self.length].astype(np.int64))
        return {"input_ids": ids, "labels": ids} if self.labelled else {"input_ids": ids}


class Spans:
    """Cuts spans out of a batch as ours does: transformers has no such collator for torch."""

    def __init__(self, recipe: Recipe, tokenizer: PreTrainedTokenizerFast):
        self.cut, self.generator = build_collator(recipe, tokenizer), np.random.default_rng(recipe.seed)

    def __call__(self, rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        tokens = np.stack([row["input_ids"].numpy() for row in rows])
        inputs, targets = (torch.from_numpy(part) for part in self.cut(tokens, self.generator))
        return {"input_ids": inputs, "labels": targets}


class Watch(TrainerCallback):
    """Ends a training when its time is up, and keeps the time of each step."""

    def __init__(self, seconds: float):
        self.seconds, self.began, self.times = seconds, time.perf_counter(), list[float]()

    def on_step_begin(self, *unused: Any, **also: Any) -> None:
        self.step_began = time.perf_counter()

    def on_step_end(self, arguments: Any, state: Any, control: Any, **also: Any) -> None:
        now = time.perf_counter()
        self.times.append(now - self.step_began)
        control.should_training_stop |= now - self.began > self.seconds


def trainer(
    recipe: Recipe, run: RunDir, out: Path, how: str, learning_rate: float, batch: int, steps: int, watch: Watch
) -> tuple[Trainer, PreTrainedModel, PreTrainedTokenizerFast]:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
    set_seed(recipe.seed)
    model = build_model(build_config(recipe.model, tokenizer))
    expert = how == "expert"
    special: dict[str, Any] = (
        {
            "bf16": True, "torch_compile": True, "lr_scheduler_type": "cosine",
            "warmup_steps": max(1, steps // 50), "adam_beta2": 0.95, "weight_decay": 0.1,
        }
        if expert
        else {}
    )  # fmt: skip
    arguments = TrainingArguments(
        output_dir=str(out / "trainer"), max_steps=steps, per_device_train_batch_size=batch,
        learning_rate=learning_rate, use_cpu=not torch.cuda.is_available(), save_strategy="no", logging_strategy="no",
        report_to="none", disable_tqdm=True, seed=recipe.seed, **special,
    )  # fmt: skip
    dtype, length = run.report_content("tokens", recipe)["dtype"], recipe.model.context_length
    collator: Any = default_data_collator
    objective = recipe.model.objective
    if objective == "masked":
        share = recipe.pretrain.mask_probability if expert else EXAMPLE_MASKED
        collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=share)
    elif objective == "span_corruption":
        collator = Spans(recipe, tokenizer)
        length = collator.cut.span
    data = Blocks(run, dtype, length, labelled=objective == "causal")
    made = Trainer(model, arguments, data_collator=collator, train_dataset=data, callbacks=[watch])
    return made, model, tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--how", choices=["default", "expert"], required=True)
    parser.add_argument("--learning-rate", type=float, default=EXAMPLE_LEARNING_RATE)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--batch", type=int, help="sequences a step (default: 8, or the recipe's for the expert)")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    args = parser.parse_args()
    recipe, run = load_recipe(args.recipe, args.overrides), RunDir(args.run)
    args.out.mkdir(parents=True, exist_ok=True)
    batch = args.batch or (recipe.pretrain.batch_size if args.how == "expert" else EXAMPLE_BATCH)

    probe = Watch(600)
    trainer(recipe, run, args.out, args.how, args.learning_rate, batch, PROBE_STEPS, probe)[0].train()
    each = statistics.median(probe.times[WARMUP_STEPS:])
    torch._dynamo.reset()
    first = probe.times[0] / 4 if args.how == "expert" else 0.0  # tracing again, with code from the cache
    steps = max(2, int((args.seconds - first) / each))

    watch = Watch(args.seconds)
    made, model, tokenizer = trainer(recipe, run, args.out, args.how, args.learning_rate, batch, steps, watch)
    watch.began = time.perf_counter()
    made.train()
    seconds = time.perf_counter() - watch.began
    model.save_pretrained(args.out / "model")
    tokenizer.save_pretrained(args.out / "model")
    result = {
        "steps": len(watch.times), "planned_steps": steps, "seconds": seconds,
        "tokens_per_second": batch * recipe.model.context_length / statistics.median(watch.times[WARMUP_STEPS:]),
    }  # fmt: skip
    (args.out / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
