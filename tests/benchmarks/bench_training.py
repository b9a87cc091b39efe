"""What the choices of the training loop cost and bring on this machine: `make bench` (about three minutes).

Each comparison is one JSON line: {"benchmark", "ours", "peer", "unit", "ratio"}; the ratio is how many times faster
ours is. The model is quickstart's; its inputs are random tokens, since only time is measured. Run it on an idle
machine: two runs differ by some percent.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig

from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import Causal
from desdecero.pipelines.training.model.build import build_model
from desdecero.pipelines.training.model.optimizers import Muon, build_optimizers
from desdecero.pipelines.training.model_with_loss import ModelWithLoss
from desdecero.pipelines.training.probe import choose_precision, matmul_seconds, seconds_of
from desdecero.pipelines.training.replica import make_deterministic

RECIPE = load_recipe("quickstart")


def median_seconds(action: Callable[[], object], repeats: int = 7) -> float:
    action()
    return statistics.median(seconds_of(action) for _ in range(repeats))


def compare(benchmark: str, ours: float, peer: float, unit: str = "seconds") -> None:
    print(json.dumps({"benchmark": benchmark, "ours": ours, "peer": peer, "unit": unit, "ratio": peer / ours}))


def new_objective() -> ModelWithLoss:
    wanted = RECIPE.model
    config = LlamaConfig(
        vocab_size=RECIPE.tokenizer.vocab_size, hidden_size=wanted.hidden_size, num_hidden_layers=wanted.layers,
        num_attention_heads=wanted.heads, max_position_embeddings=wanted.context_length, intermediate_size=512,
        tie_word_embeddings=True, eos_token_id=0, pad_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    return ModelWithLoss(build_model(config), RECIPE.pretrain)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    size, length = RECIPE.pretrain.batch_size, RECIPE.model.context_length
    tokens = np.random.default_rng(0).integers(0, RECIPE.tokenizer.vocab_size, 2 * size * length, dtype="<u2")
    with tempfile.TemporaryDirectory() as folder:
        tokens.tofile(Path(folder) / "train.bin")
        return Batches(
            [Path(folder) / "train.bin"], "<u2", Causal(length, 1), size, 0, RECIPE.tokenizer.vocab_size
        ).batch(0)


def main() -> None:
    make_deterministic()
    times = {"fp32": matmul_seconds(torch.float32), "bf16": matmul_seconds(torch.bfloat16)}
    chosen = choose_precision("auto", torch.device("cpu"))
    compare(f"matrix product in {chosen}, which the probe chose", times[chosen], max(times.values()))

    objective = new_objective()
    muon, adamw = build_optimizers(objective.model, RECIPE.pretrain.optimizer, in_bfloat16=chosen == "bf16")
    inputs, targets = batch()

    def forward_backward() -> None:
        objective(inputs, targets)[0].backward()

    eager = median_seconds(forward_backward)
    print(json.dumps({"benchmark": "forward and backward, eager", "ours": eager, "unit": "seconds"}))
    print(json.dumps({"benchmark": "AdamW step", "ours": median_seconds(adamw.step), "unit": "seconds"}))
    assert isinstance(muon, Muon)
    groups = [dict(group) for group in muon.param_groups]
    torchs = torch.optim.Muon(groups[0]["params"], lr=0.02, momentum=0.95)
    compare("Muon step, ours against torch.optim.Muon", median_seconds(muon.step), median_seconds(torchs.step, 2))

    objective.compile()
    first = seconds_of(forward_backward)
    print(json.dumps({"benchmark": "first compiled step, compilation included", "ours": first, "unit": "seconds"}))
    compare("forward and backward, compiled against eager", median_seconds(forward_backward), eager)


if __name__ == "__main__":
    main()
