"""Search for the vocabulary's size by its effect on a model: bits per byte of held-out text at equal compute.

A larger vocabulary writes a text in fewer tokens, and makes each of them dearer, by its output layer. For every size a
tokenizer is trained, and with it a small model of the recipe's kind, all with the same number of floating-point
operations, the output layer's among them; the size whose model needs the fewest bits for a held-out byte is taken.
The larger the model and its budget, the larger the best vocabulary (Tao et al. 2024): what a small trial chooses is
right for a small model, and low for a large one.

On a CPU the same recipe gives the same numbers, with the same number of threads. Imports torch: import it when needed.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.models.causal import Causal as CausalModel
from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.tokenizer.report import HeldOut
from desdecero.pipelines.tokenizer.sample import Sample, batches
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import Causal
from desdecero.pipelines.training.devices.processes import join_processes
from desdecero.pipelines.training.model.build import (
    build_config,
    build_model,
    count_parameters,
    training_flops_per_token,
)
from desdecero.pipelines.training.model_with_loss import ModelWithLoss
from desdecero.pipelines.training.replica import make_deterministic
from desdecero.pipelines.training.task import TrainingTask
from desdecero.pipelines.training.trainer import Trainer

SCORED_BYTES = 300_000
"""Bytes of held-out text: a few seconds of scoring for each size."""
BYTES_A_TOKEN = 6
"""More than any vocabulary's tokens hold on average: so much text is enough for the tokens that are trained on."""


def sweep(
    settings: recipes.Tokenizer, sample: Sample, held_out: Sequence[HeldOut], seed: int
) -> tuple[PreTrainedTokenizerFast, dict[str, Any]]:
    """Return (the tokenizer of the best size, the report on all sizes)."""
    assert settings.sweep
    make_deterministic()
    texts, rows, tokenizers = scored(held_out), list[dict[str, Any]](), {}
    for size in settings.sweep.sizes:
        tokenizer = train(settings.model_copy(update={"vocab_size": size}), sample)
        rows.append(try_size(settings.sweep, tokenizer, sample, texts, seed))
        tokenizers[size] = tokenizer
    report = {
        **settings.sweep.model_dump(exclude={"sizes"}),
        "scored_bytes": sum(len(text.encode()) for text in texts),
        "sizes": rows,
        **choice(rows),
    }
    return tokenizers[report["chosen"]], report


def try_size(
    settings: recipes.Sweep,
    tokenizer: PreTrainedTokenizerFast,
    sample: Sample,
    texts: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Train a small model with this tokenizer and measure it."""
    torch.manual_seed(seed)
    shape = recipes.Model(
        **settings.model_dump(include={"architecture", "layers", "hidden_size", "heads", "context_length"})
    )
    model = build_model(build_config(shape, tokenizer))
    per_step = settings.batch_size * settings.context_length
    each = training_flops_per_token(model, settings.context_length)
    steps = max(1, round(settings.flops / (per_step * each)))
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.bin"
        size = write_tokens(tokens, tokenizer, sample.smaller(BYTES_A_TOKEN * steps * per_step))
        collator = Causal(settings.context_length, tokenizer.pad_token_id)
        data = Batches([tokens], "<u4", collator, settings.batch_size, seed, len(tokenizer))
        train_model(model, data, steps, len(tokenizer), each)
    scores = CausalModel(model, tokenizer).score_documents(texts)
    scored_bytes = sum(score.bytes for score in scores)
    return {
        "vocab_size": len(tokenizer),
        "parameters": count_parameters(model)[0],
        "steps": steps,
        "tokens": steps * per_step,
        "epochs": steps * per_step / size,
        "bytes_per_token": scored_bytes / sum(score.tokens for score in scores),
        "bits_per_byte": sum(score.nll for score in scores) / math.log(2) / scored_bytes,
    }


def train_model(model: PreTrainedModel, data: Batches, steps: int, vocabulary: int, flops_per_token: float) -> None:
    """Train with the defaults of a recipe, in float32, not compiled."""
    settings = recipes.Pretrain(budget=recipes.Budget(steps=steps), batch_size=data.size)
    task = TrainingTask(
        section="tokenizer",
        title=f"tokenizer: a model with {vocabulary:,} tokens",
        settings=settings,
        seed=data.seed,
        module=ModelWithLoss(model, settings, context_length=data.collator.length),
        train_data=data,
        flops_per_token=flops_per_token,
    )
    Trainer(task, join_processes()).run()


def choice(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the best size, its lead over the next, and whether it is the smallest or largest of those tried."""
    ranked = sorted(rows, key=lambda row: (row["bits_per_byte"], row["vocab_size"]))
    sizes = sorted(row["vocab_size"] for row in rows)
    best, second = ranked[:2]
    return {
        "chosen": best["vocab_size"],
        "next": second["vocab_size"],
        "ahead_of_next": second["bits_per_byte"] / best["bits_per_byte"] - 1,
        "at_an_end": best["vocab_size"] in (sizes[0], sizes[-1]),
    }


def scored(held_out: Sequence[HeldOut]) -> list[str]:
    """Return the beginnings of the held-out documents, the same length for each group."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for document in held_out:
        groups.setdefault((document.source, document.language, document.variety), []).append(document.text)
    texts, room = [], SCORED_BYTES // len(groups)
    for group in groups.values():
        left = room
        for text in group:
            piece = text.encode()[:left].decode(errors="ignore")
            left -= len(piece.encode())
            if piece:
                texts.append(piece)
    return texts


def write_tokens(path: Path, tokenizer: PreTrainedTokenizerFast, sample: Sample) -> int:
    """Write the texts as training reads them, uint32; return the number of tokens."""
    encode, count = Encoder(tokenizer), 0
    with path.open("wb") as file:
        for batch in batches(sample, 64):
            for ids in encode(batch):
                file.write(np.append(ids, tokenizer.eos_token_id).astype("<u4").tobytes())
                count += len(ids) + 1
    return count
