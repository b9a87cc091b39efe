"""A LoRA adapter trained by our loop and by peft with `transformers.Trainer`: `make bench-finetune` (about 10 minutes).

    python tests/benchmarks/bench_finetune.py                                three rounds
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_finetune.py --processor  on a busy machine, by processor seconds

Both sides get the same model (a Llama of 5.8 million parameters with random weights), the same tokens, batch, rank and
matrices, and train as many steps in a process of their own, in turns. Ours takes the precision that its probe finds
faster, is compiled (as it decides from trainings of a minute on), keeps packed documents apart, and writes checkpoints
and metrics. The peer is `Trainer` as it comes (float32, not compiled) and as somebody who knows it would ask for
(`bf16`, `torch_compile`). One JSON line a peer: {"benchmark", "ours", "peer", "unit", "ratio", …}: tokens a second by
the median step, each the median of the rounds; `ratios` are those of the rounds. The first steps, in which code is
compiled, are left out of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.data import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerFast, Trainer, TrainerCallback, TrainingArguments
from transformers import default_data_collator as collate

from desdecero.pipelines.recipe import Recipe, parse_recipe
from desdecero.pipelines.run.layout import TrainingFiles
from desdecero.pipelines.training.adapter import AdapterTask
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import build_collator
from desdecero.pipelines.training.devices.processes import join_processes
from desdecero.pipelines.training.model.build import build_config, build_model
from desdecero.pipelines.training.replica import make_deterministic
from desdecero.pipelines.training.trainer import Trainer as OurTrainer

RECIPE = """
name: bench
purpose: To time adapters.
languages: [en]
corpus: {{sources: [{{kind: files, path: texts, license: CC0-1.0}}], domain: {{name: slice, where: {{source: texts}}}}}}
tokenizer: {{vocab_size: {vocabulary}}}
model: {{architecture: llama, layers: 6, hidden_size: 256, heads: 4, context_length: 256}}
pretrain: {{budget: {{minutes: 5}}, compile: always}}
finetune: {{rank: 16, alpha: 32, steps: {steps}, batch_size: 16}}
"""
VOCABULARY, TOKENS, DOCUMENT = 4096, 400_000, 300
CLOCK = time.process_time if "--processor" in sys.argv else time.perf_counter
FIRST_STEPS = 3  # not counted: what is compiled, and caches


def made(folder: Path, steps: int) -> tuple[Recipe, PreTrainedModel, PreTrainedTokenizerFast]:
    """The recipe, a model with random weights, and a tokenizer that knows no more than its special tokens."""
    from tokenizers import Tokenizer, models

    recipe = parse_recipe(RECIPE.format(vocabulary=VOCABULARY, steps=steps), "bench.yaml", folder)
    words = {"<|endoftext|>": 0, "<|pad|>": 1, **{f"t{number}": number for number in range(2, VOCABULARY)}}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, "t2")), eos_token="<|endoftext|>", pad_token="<|pad|>"
    )
    torch.manual_seed(0)
    return recipe, build_model(build_config(recipe.model, tokenizer)), tokenizer


def random_tokens() -> np.ndarray:
    """Documents of DOCUMENT tokens in one row."""
    tokens = np.random.default_rng(0).integers(2, VOCABULARY, TOKENS).astype("<u2")
    tokens[::DOCUMENT] = 0
    return tokens


# --- the two sides ---------------------------------------------------------------------------------------------


class Timed(OurTrainer):
    """Keeps the time of each step."""

    def __init__(self, *given: Any):
        self.times = list[float]()
        super().__init__(*given)

    def _take_step(self) -> float:
        began = CLOCK()
        loss = super()._take_step()
        self.times.append(CLOCK() - began)
        return loss


def ours(folder: Path, steps: int) -> list[float]:
    """Seconds of each step."""
    make_deterministic()
    recipe, model, tokenizer = made(folder, steps)
    (wanted,) = recipe.adapters.values()
    random_tokens().tofile(folder / "domain.bin")
    collator = build_collator(recipe, tokenizer)
    batches = Batches([folder / "domain.bin"], "<u2", collator, wanted.batch_size, 0, VOCABULARY)
    task, files = AdapterTask(recipe, wanted, model, tokenizer, batches), TrainingFiles(folder / "adapter")
    trainer = Timed(task, join_processes(), files, {"bench": 1})
    trainer.run()
    trainer.finish()
    return trainer.times


class Rows(Dataset):  # type: ignore[type-arg]
    def __init__(self, tokens: np.ndarray, length: int):
        self.rows = tokens[: len(tokens) // length * length].reshape(-1, length).astype(np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        row = torch.from_numpy(self.rows[index])
        return {"input_ids": row, "labels": row}


class Watch(TrainerCallback):
    """Keeps the time of each step."""

    def __init__(self) -> None:
        self.times = list[float]()

    def on_step_begin(self, *unused: Any, **also: Any) -> None:
        self.began = CLOCK()

    def on_step_end(self, *unused: Any, **also: Any) -> None:
        self.times.append(CLOCK() - self.began)


def peer(folder: Path, steps: int, expert: bool) -> list[float]:
    """Seconds of each step."""
    recipe, model, _ = made(folder, steps)
    (wanted,), watch = recipe.adapters.values(), Watch()
    config = LoraConfig(r=wanted.rank, lora_alpha=int(wanted.alpha), target_modules="all-linear", task_type="CAUSAL_LM")
    arguments = TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=wanted.batch_size,
        learning_rate=wanted.learning_rate, use_cpu=not torch.cuda.is_available(), save_strategy="no",
        logging_strategy="no", report_to="none", disable_tqdm=True, bf16=expert, torch_compile=expert,
    )  # fmt: skip
    rows = Rows(random_tokens(), recipe.model.context_length)
    Trainer(get_peft_model(model, config), arguments, collate, rows, callbacks=[watch]).train()
    return watch.times


SIDES = {
    "ours": ours,
    "peft and Trainer": lambda folder, steps: peer(folder, steps, expert=False),
    "peft and Trainer, bf16, compiled": lambda folder, steps: peer(folder, steps, expert=True),
}


def tokens_per_second(side: str, steps: int) -> float:
    """Of a training in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--steps", str(steps), *sys.argv[1:]]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(finished.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--processor", action="store_true", help="processor seconds: for a single thread")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        with tempfile.TemporaryDirectory() as folder:
            seconds = statistics.median(SIDES[args.side](Path(folder), args.steps)[FIRST_STEPS:])
        print(16 * 256 / seconds)
        return
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(args.rounds):
        for side in SIDES:
            found[side].append(tokens_per_second(side, args.steps))
            print(f"{side}: {found[side][-1]:,.0f} tokens a second", file=sys.stderr, flush=True)
    for side in list(SIDES)[1:]:
        ratios = [own / other for own, other in zip(found["ours"], found[side], strict=True)]
        print(json.dumps({
            "benchmark": f"LoRA, {side}", "ours": statistics.median(found["ours"]),
            "peer": statistics.median(found[side]), "unit": "tokens a second", "ratio": statistics.median(ratios),
            "ratios": ratios,
        }))  # fmt: skip


if __name__ == "__main__":
    main()
