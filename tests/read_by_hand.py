"""What training reads of each document, counted token by token in its batches: numbers take the place of the tokens."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.task import Pretraining

FIRST_NUMBER = 10_000
"""Above all ids of a tiny tokenizer: those of its special tokens keep their meaning."""


def token_reads(batches: Batches, steps: Iterable[int]) -> Counter[int]:
    """Number → how often it was an input or a target, whichever is more. A masked token is in the targets alone."""
    inputs, targets = Counter[int](), Counter[int]()
    for step in steps:
        for counts, rows in zip((inputs, targets), batches.batch(step), strict=True):
            counts.update(rows[rows >= FIRST_NUMBER].tolist())
    if batches.target_length == batches.length and type(batches.collator).__name__ == "Causal":
        return inputs | targets
    return inputs + targets


def numbered(files: Iterable[Path], folder: Path) -> list[Path]:
    """Write the shards again with the numbers from FIRST_NUMBER on, as uint32."""
    written, first = [], FIRST_NUMBER
    for file in files:
        length = file.stat().st_size // 2
        written.append(folder / file.name)
        np.arange(first, first + length, dtype="<u4").tofile(written[-1])
        first += length
    return written


def documents_read(run: RunDir, recipe: Recipe, steps: Iterable[int], folder: Path) -> dict[str, tuple[int, float]]:
    """Document of the training split → (tokens read, times): the tokens of its text, encoded again, and one more."""
    task: Any = Pretraining(recipe, run)
    files = numbered(run.token_files("train"), folder)
    data = Batches(files, "<u4", task.train_data.collator, recipe.pretrain.batch_size, recipe.seed, 1 << 31)
    reads, firsts, first = token_reads(data, steps), {}, FIRST_NUMBER
    for file in files:
        firsts[file.name], first = first, first + file.stat().st_size // 4
    read = Counter[str]()
    for row in pq.read_table(run.token_index, filters=[("split", "=", "train")]).to_pylist():
        begin = firsts[row["shard"]] + row["start"]
        read[row["id"]] += sum(reads[number] for number in range(begin, begin + row["tokens"]))
    found, encode = {}, Encoder(task.tokenizer)
    for file in run.document_files("train"):
        table = pq.read_table(file, columns=["id", "text"])
        for identity, ids in zip(table["id"].to_pylist(), encode(table["text"].to_pylist()), strict=True):
            found[identity] = (read[identity], read[identity] / (len(ids) + 1))
    return found


def steps_by_hand(run: RunDir, kept: int) -> list[int]:
    """The steps whose updates are in the weights after `kept` steps, followed line by line through the metrics."""
    lines = [json.loads(line) for line in (run.pretrain / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    weights: dict[int, list[int]] = {0: []}
    now: list[int] = []
    for step in range(1, kept + 1):
        here = [line for line in lines if line["step"] == step]
        if not any("skipped" in line for line in here):
            now = [*now, step - 1]
        for line in here:
            if "rolled_back_to" in line:
                now = weights[line["rolled_back_to"]]
        weights[step] = now
    return now
