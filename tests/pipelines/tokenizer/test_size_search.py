"""The vocabulary's size is chosen by what a model makes of it, at equal compute."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Model, Tokenizer, load_recipe
from desdecero.pipelines.tokenizer.size_search import choice
from desdecero.pipelines.train_tokenizer import main
from desdecero.pipelines.training.model.build import build_config, build_model, training_flops_per_token

SWEEP = "{sizes: [700, 350, 500], flops: 2e9, hidden_size: 32, context_length: 32, batch_size: 4}"


@pytest.fixture(scope="module")
def swept(tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A tokenizer folder whose size was chosen, and its report."""
    home = Path(shutil.copytree(tiny_runs["llama"].parent, tmp_path_factory.mktemp("swept") / "llama"))
    words = [str(home / "tiny.yaml"), "--run-dir", str(home / "run"), "--set", f"tokenizer.sweep={SWEEP}"]
    assert main(words) == 0
    folder = home / "run" / "tokenizer"
    first = json.loads((folder / "report.json").read_text())
    assert main(words) == 0
    assert json.loads((folder / "report.json").read_text()) == first, "another time, other numbers"
    return folder, first


@pytest.mark.slow
def test_the_size_with_the_fewest_bits_per_byte_is_taken_and_the_page_says_why(
    swept: tuple[Path, dict[str, Any]],
) -> None:
    folder, report = swept
    rows = report["sweep"]["sizes"]
    assert [row["vocab_size"] for row in rows] == [350, 500, 700]
    best = min(rows, key=lambda row: row["bits_per_byte"])
    assert report["sweep"]["chosen"] == best["vocab_size"] == report["vocab_size"]
    assert len(AutoTokenizer.from_pretrained(folder)) == best["vocab_size"]
    assert f"## Why {best['vocab_size']} tokens" in (folder / "report.md").read_text()
    assert f"## Por qué {best['vocab_size']} tokens" in (folder / "report.es.md").read_text()
    for row in rows:  # each has learnt something: better than all tokens alike
        assert row["bits_per_byte"] < 0.9 * math.log2(row["vocab_size"]) / row["bytes_per_token"]
    # The tokenizer that was kept is the one that any recipe of that size would train.
    assert [row["bytes_per_token"] for row in rows] == sorted(row["bytes_per_token"] for row in rows)


@pytest.mark.slow
def test_every_size_is_trained_with_the_same_operations(swept: tuple[Path, dict[str, Any]]) -> None:
    folder, report = swept
    shape = Model(layers=2, hidden_size=32, heads=2, context_length=32)
    config = build_config(shape, AutoTokenizer.from_pretrained(folder))
    for row in report["sweep"]["sizes"]:
        config.vocab_size = row["vocab_size"]
        each = training_flops_per_token(build_model(config), 32)
        assert abs(row["tokens"] * each - 2e9) <= each * 4 * 32, "more than a step off"


def test_without_a_sweep_no_torch_is_needed_to_train_a_tokenizer(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    script = (
        "import sys; from desdecero.pipelines.train_tokenizer import main\n"
        f"assert main([{str(home / 'tiny.yaml')!r}, '--run-dir', {str(home / 'run')!r}]) == 0\n"
        "assert 'desdecero.pipelines.training.trainer' not in sys.modules and 'accelerate' not in sys.modules"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_the_report_says_how_sure_the_choice_is() -> None:
    rows = [{"vocab_size": size, "bits_per_byte": bits} for size, bits in ((512, 2.2), (1024, 2.0), (2048, 2.1))]
    assert choice(rows) == {"chosen": 1024, "next": 2048, "ahead_of_next": pytest.approx(0.05), "at_an_end": False}
    assert choice(rows[:2])["at_an_end"] is True
    alike = [{"vocab_size": 2048, "bits_per_byte": 2.0}, {"vocab_size": 1024, "bits_per_byte": 2.0}]
    assert choice(alike)["chosen"] == 1024, "of two alike, the smaller"


def test_a_recipe_may_give_sizes_alone_and_the_models_architecture_is_taken(tiny: Callable[[str], Path]) -> None:
    recipe = load_recipe(tiny("gpt2") / "tiny.yaml", ["tokenizer.sweep=[2048, 4096]"])
    assert recipe.tokenizer.sweep is not None
    assert (recipe.tokenizer.sweep.sizes, recipe.tokenizer.sweep.architecture) == ((2048, 4096), "gpt2")
    masked = load_recipe(tiny("bert") / "tiny.yaml", ["tokenizer.sweep={sizes: [2048, 4096], flops: 1e10}"])
    assert masked.tokenizer.sweep and masked.tokenizer.sweep.architecture == "llama"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("tokenizer.sweep=[2048]", "tokenizer.sweep.sizes"),
        ("tokenizer.sweep=[2048, 2048]", "a size is given twice"),
        ("tokenizer.sweep={sizes: [2048, 4096], flop: 1}", "did you mean flops?"),
        ("tokenizer.sweep=many", "tokenizer.sweep"),
    ],
)
def test_a_sweep_that_is_none_is_refused(tiny: Callable[[str], Path], override: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        load_recipe(tiny("llama") / "tiny.yaml", [override])


def test_the_size_dial_and_a_sweep_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "name: r\npurpose: x\nlanguages: [en]\ncorpus: {sources: [{kind: files, path: t}]}\n"
        "model: {size: 5M}\npretrain: {budget: {steps: 1}}\ntokenizer: {sweep: [2048, 4096]}\n"
    )
    with pytest.raises(UserError, match=r"tokenizer\.sweep has yet to choose"):
        load_recipe(tmp_path / "r.yaml")


def test_a_resolved_recipe_with_a_sweep_loads_back(tmp_path: Path) -> None:
    recipe = load_recipe("smoke", ["tokenizer.sweep=[2048, 4096]", "model.architecture=qwen3"])
    (tmp_path / "r.yaml").write_text(recipe.to_yaml())
    assert load_recipe(tmp_path / "r.yaml") == recipe
    assert isinstance(recipe.tokenizer, Tokenizer) and recipe.tokenizer.sweep
    assert recipe.tokenizer.sweep.architecture == "qwen3"
