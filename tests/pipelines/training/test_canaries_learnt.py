"""Canaries in a run that overtrains: what was repeated 64 times stands out among controls, what stood once does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from desdecero.eval_suites.by_heart.exposure import measure_exposure
from desdecero.eval_suites.models.load import load
from desdecero.pipelines.corpus.privacy.canaries import canaries
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir

WORDS = [
    "tokens.canaries={repetitions: [1, 64], each: 8, controls: 200}",
    "model={architecture: llama, layers: 2, hidden_size: 64, heads: 2, context_length: 128}",
    "pretrain={budget: {steps: 150}, batch_size: 8, optimizer: {learning_rate: 0.005}}",
]


def test_canaries_at_64_are_exposed(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    run, recipe = RunDir(home / "run"), load_recipe(home / "tiny.yaml", WORDS)
    run_chain(recipe, run, last="pretrain")
    assert recipe.tokens.canaries is not None
    made = canaries(recipe.tokens.canaries, recipe.seed)
    found, _ = measure_exposure(load(run.model), made.by_repetitions(), made.controls, seed=0)
    once, often = found.repetitions
    assert (once.repetitions, often.repetitions) == (1, 64)
    assert often.p_value < 0.01 < once.p_value
    assert often.exposure.low is not None and often.exposure.low > max(once.exposure.value, 2.5)
