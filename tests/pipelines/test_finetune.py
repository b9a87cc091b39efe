"""The adapter: it learns its domain, loads with the libraries people use, and is the same each time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoTokenizer

from pipelines.chain import run_chain
from pipelines.finetune import main
from pipelines.recipe import Recipe, load_recipe
from pipelines.run_dir import RunDir, sha256_file
from pipelines.training.architectures import objective_of
from pipelines.training.models import AUTO

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft

OVERRIDES = [
    "corpus.domain={name: early, where: {path: '*00[0-4]?.txt'}, validation: 0.2}",
    "finetune={rank: 4, alpha: 8, steps: 30, batch_size: 8, learning_rate: 0.01, max_eval_bytes: 6000}",
    "pretrain.budget={steps: 10}",
    "evaluate.resamples=200",
]
T5 = ["pretrain.budget={steps: 60}"]
"""Until it has learned what a sentinel asks for, an encoder–decoder learns nothing of the words."""


@pytest.fixture(scope="module")
def adapted(
    tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Recipe, RunDir]]:
    """`adapted("bert")` → a run whose adapter is sealed, made once; read it only."""
    made: dict[str, tuple[Recipe, RunDir]] = {}

    def make(architecture: str) -> tuple[Recipe, RunDir]:
        if architecture not in made:
            words = overrides(architecture)
            recipe = load_recipe(tiny_runs[architecture], words)
            run = RunDir(tmp_path_factory.mktemp(architecture) / "run")
            run_chain(recipe, run, last="pretrain")
            assert finetune(tiny_runs[architecture], run, words) == 0
            made[architecture] = recipe, run
        return made[architecture]

    return make


def overrides(architecture: str) -> list[str]:
    return [*OVERRIDES, *(T5 if architecture == "t5" else [])]


def finetune(recipe: Path, run: RunDir, words: list[str]) -> int:
    return main([str(recipe), "--run-dir", str(run), *(word for one in words for word in ("--set", one))])


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert", "t5"])
def test_it_learns_its_domain(adapted: Callable[[str], tuple[Recipe, RunDir]], architecture: str) -> None:
    recipe, run = adapted(architecture)
    report = run.report("finetune", recipe)
    assert report["domain"]["change"]["high"] < 0
    assert report["domain"]["change"]["value"] == pytest.approx(
        report["domain"]["after"]["value"] - report["domain"]["before"]["value"]
    )
    assert report["tokens"] == 30 * 8 * recipe.model.context_length


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert", "t5"])
def test_the_merged_model_is_the_base_with_its_adapter(
    adapted: Callable[[str], tuple[Recipe, RunDir]], architecture: str
) -> None:
    _, run = adapted(architecture)
    folder = run.adapter("early")
    auto = AUTO[objective_of(architecture)]
    tokenizer = AutoTokenizer.from_pretrained(folder / "merged")
    inputs = {"input_ids": torch.tensor([tokenizer("Return the value of", add_special_tokens=False)["input_ids"]])}
    if architecture == "t5":
        inputs["decoder_input_ids"] = inputs["input_ids"]
    base = auto.from_pretrained(run.model)
    plain = base(**inputs).logits.detach()
    with_adapter = PeftModel.from_pretrained(base, folder / "adapter")(**inputs).logits
    merged = auto.from_pretrained(folder / "merged")(**inputs).logits
    assert torch.allclose(merged, with_adapter, atol=1e-4)
    assert not torch.allclose(merged, plain, atol=1e-2)


def test_the_adapter_names_no_path_of_this_machine(adapted: Callable[[str], tuple[Recipe, RunDir]]) -> None:
    _, run = adapted("llama")
    folder = run.adapter("early")
    assert sorted(path.name for path in (folder / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    for path in folder.rglob("*.json"):
        if path.name != "done.json":
            assert str(run.path.parent) not in path.read_text(), path
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert (folder / "adapter" / config["base_model_name_or_path"]).resolve() == run.model


def test_the_same_seed_gives_the_same_files(
    adapted: Callable[[str], tuple[Recipe, RunDir]], tiny_runs: dict[str, Path]
) -> None:
    _, run = adapted("bert")
    folder = run.adapter("early")

    def digests() -> dict[str, str]:
        files = (path for path in folder.rglob("*") if path.is_file() and path.name != "done.json")
        return {str(path.relative_to(folder)): sha256_file(path) for path in files}

    first = digests()
    assert finetune(tiny_runs["bert"], run, overrides("bert")) == 0
    assert digests() == first


def test_a_learning_rate_that_explodes_is_refused(
    adapted: Callable[[str], tuple[Recipe, RunDir]], tiny_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = adapted("gpt2")
    assert finetune(tiny_runs["gpt2"], run, [*overrides("gpt2"), "finetune.learning_rate=1e30"]) == 2
    assert "lower finetune.learning_rate" in capsys.readouterr().err
