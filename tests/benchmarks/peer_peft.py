"""An adapter trained by peft and `transformers.Trainer`, as their examples do it: the peer of bench_finetune.py.

    python tests/benchmarks/peer_peft.py classification BASE EXAMPLES --steps 70 --batch 32 --rank 16 [--expert]

BASE is a folder of transformers, EXAMPLES a JSONL file. What each task does is what the examples do that people start
from: texts are joined, cut into blocks of the context and padded nowhere (transformers' run_clm.py); conversations are
a row each, padded to the longest of the batch, with the prompt's labels at -100; texts to classify are a row each,
padded to the longest of the batch (peft's sequence classification; run_glue.py pads all to one length, which is
slower). Batches are drawn at random, in float32, without compilation. `--expert` asks for what somebody who knows
`Trainer` would: bf16, batches of like lengths, and for texts, whose rows all have one length, `torch_compile`.

Prints one line of JSON: `ends`, the clock at the beginning and at the end of each step; `tokens` of each, without
padding; `memory`, the process' peak in bytes.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, TaskType, get_peft_model
from torch.utils.data import Dataset
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

Row = dict[str, Any]


class Rows(Dataset):  # type: ignore[type-arg]
    """Rows in memory."""

    def __init__(self, rows: list[Row]):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]


class Watch(TrainerCallback):
    """Keeps the clock at the end of each step."""

    def __init__(self, clock: Any):
        self.clock, self.ends = clock, list[float]()

    def on_train_begin(self, *unused: Any, **also: Any) -> None:
        self.ends.append(self.clock())

    def on_step_end(self, *unused: Any, **also: Any) -> None:
        self.ends.append(self.clock())


class Counted:
    """A collator that keeps how many tokens a batch has, without padding."""

    def __init__(self, collate: Any, padding: int | None):
        self.collate, self.padding, self.tokens = collate, padding, list[int]()

    def __call__(self, rows: list[Row]) -> Any:
        batch = self.collate(rows)
        ids = batch["input_ids"]
        self.tokens.append(ids.numel() if self.padding is None else int((ids != self.padding).sum()))
        return batch


def texts(base: Path, examples: list[Row], tokenizer: Any) -> tuple[Any, list[Row], Any]:
    model = AutoModelForCausalLM.from_pretrained(base)
    length, end = model.config.max_position_embeddings, tokenizer.eos_token_id
    encoded = tokenizer([example["text"] for example in examples], add_special_tokens=False)["input_ids"]
    ids = [token for each in encoded for token in (*each, end)]
    blocks = [ids[start : start + length] for start in range(0, len(ids) - length + 1, length)]
    return model, [{"input_ids": block, "labels": block} for block in blocks], default_data_collator


def conversations(base: Path, examples: list[Row], tokenizer: Any) -> tuple[Any, list[Row], Any]:
    model = AutoModelForCausalLM.from_pretrained(base)
    if len(tokenizer) > model.config.vocab_size:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    length, rows = model.config.max_position_embeddings, []
    for example in examples:
        messages = [
            {"role": "user", "content": example["prompt"]},
            {"role": "assistant", "content": example["response"]},
        ]
        asked = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True, return_dict=False)
        ids = tokenizer.apply_chat_template(messages, return_dict=False)[:length]
        rows.append(
            {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [-100] * len(asked) + ids[len(asked) :]}
        )
    return model, rows, DataCollatorForSeq2Seq(tokenizer)


def labelled(base: Path, examples: list[Row], tokenizer: Any) -> tuple[Any, list[Row], Any]:
    names = sorted({example["label"] for example in examples})
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(names))
    length = model.config.max_position_embeddings
    encoded = tokenizer([example["text"] for example in examples], truncation=True, max_length=length)["input_ids"]
    rows = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": names.index(example["label"])}
        for ids, example in zip(encoded, examples, strict=True)
    ]
    return model, rows, DataCollatorWithPadding(tokenizer)


TASKS = {
    "text": (texts, TaskType.CAUSAL_LM),
    "chat": (conversations, TaskType.CAUSAL_LM),
    "classification": (labelled, TaskType.SEQ_CLS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("base", type=Path)
    parser.add_argument("examples", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--rank", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--expert", action="store_true")
    parser.add_argument("--processor", action="store_true")
    args = parser.parse_args()
    set_seed(0)
    make, task_type = TASKS[args.task]
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    examples = [json.loads(line) for line in args.examples.read_text(encoding="utf-8").splitlines()]
    model, rows, collate = make(args.base, examples, tokenizer)
    new_tokens = None
    if args.task == "chat":  # pretraining never saw the tokens of roles
        new_tokens = sorted(i for text, i in tokenizer.get_added_vocab().items() if i != tokenizer.pad_token_id)
    config = LoraConfig(
        r=args.rank, lora_alpha=2 * args.rank, target_modules="all-linear", task_type=task_type,
        trainable_token_indices=new_tokens,
    )  # fmt: skip
    fixed = args.task == "text"
    watch = Watch(time.process_time if args.processor else time.perf_counter)
    counted = Counted(collate, None if fixed else tokenizer.pad_token_id)
    arguments = TrainingArguments(
        output_dir=str(args.out), max_steps=args.steps, per_device_train_batch_size=args.batch, learning_rate=2e-3,
        use_cpu=not torch.cuda.is_available(), save_strategy="no", logging_strategy="no", report_to="none",
        disable_tqdm=True, bf16=args.expert, torch_compile=args.expert and fixed,
        train_sampling_strategy="group_by_length" if args.expert and not fixed else "random",
    )  # fmt: skip
    Trainer(get_peft_model(model, config), arguments, counted, Rows(rows), callbacks=[watch]).train()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"ends": watch.ends, "tokens": counted.tokens[: args.steps], "memory": memory}))


if __name__ == "__main__":
    main()
