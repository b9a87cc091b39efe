"""The adapter: it learns its domain, loads with the libraries people use, and is the same each time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tiny_runs import DOMAIN
from training_processes import launched, wait
from transformers import AutoModelForCausalLM, AutoTokenizer

from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.finetune import main
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.watch.curve import read_metrics

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft

OVERRIDES = [
    DOMAIN,
    "finetune={rank: 4, alpha: 8, steps: 90, batch_size: 8, learning_rate: 0.01, max_eval_bytes: 30000}",
    "pretrain.budget={steps: 10}",
    "pretrain.precision=fp32",  # in bfloat16 two processes round otherwise than one
]
T5 = ["pretrain.budget={steps: 250}"]
"""Until it has learned what a sentinel asks for, an encoder–decoder learns nothing of the words."""


@pytest.fixture(scope="module")
def adapted(
    domain_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Recipe, RunDir]]:
    """`adapted("bert")` → a run whose adapter is sealed, made once; read it only."""
    made: dict[str, tuple[Recipe, RunDir]] = {}

    def make(architecture: str) -> tuple[Recipe, RunDir]:
        if architecture not in made:
            words = overrides(architecture)
            recipe = load_recipe(domain_runs[architecture], words)
            run = RunDir(tmp_path_factory.mktemp(architecture) / "run")
            shutil.copytree(domain_runs[architecture].parent / "run", run.path)
            run_chain(recipe, run, last="pretrain")
            assert finetune(domain_runs[architecture], run, words) == 0
            made[architecture] = recipe, run
        return made[architecture]

    return make


def overrides(architecture: str) -> list[str]:
    return [*OVERRIDES, *(T5 if architecture == "t5" else [])]


def finetune(recipe: Path, run: RunDir, words: list[str]) -> int:
    said = [word for one in words for word in ([one] if one.startswith("--") else ["--set", one])]
    return main([str(recipe), "--run-dir", str(run), *said])


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert", "t5"])
def test_it_learns_its_domain(adapted: Callable[[str], tuple[Recipe, RunDir]], architecture: str) -> None:
    recipe, run = adapted(architecture)
    report = run.report("finetune:early", recipe)
    assert report.domain.change.high < 0
    assert report.domain.change.value == pytest.approx(report.domain.after.value - report.domain.before.value)
    assert report.tokens == 90 * 8 * recipe.model.context_length


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert", "t5"])
def test_the_merged_model_is_the_base_with_its_adapter(
    adapted: Callable[[str], tuple[Recipe, RunDir]], architecture: str
) -> None:
    _, run = adapted(architecture)
    folder = run.adapter("early")
    auto = kind_of(architecture).auto
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


LOAD = """
import sys
from pathlib import Path
import torch
from peft import AutoPeftModelForCausalLM, PeftModel
from transformers import AutoModelForCausalLM
for number, place in enumerate(sys.argv[1:]):
    run = Path(place)
    if number == 0:
        model = AutoPeftModelForCausalLM.from_pretrained(run / "adapters" / "early" / "adapter")
    else:
        base = AutoModelForCausalLM.from_pretrained(run / "model")
        model = PeftModel.from_pretrained(base, run / "adapters" / "early" / "adapter")
    print(model(input_ids=torch.arange(3, 20)[None]).logits.sum().item())
exec(compile(Path("readme.py").read_text(), "readme.py", "exec"), {"__name__": "__main__"})
"""


def test_the_adapter_loads_from_any_folder_and_after_the_run_was_moved(
    adapted: Callable[[str], tuple[Recipe, RunDir]], tmp_path: Path
) -> None:
    _, run = adapted("llama")
    folder = run.adapter("early")
    expected = AutoModelForCausalLM.from_pretrained(folder / "merged")(input_ids=torch.arange(3, 20)[None]).logits.sum()
    elsewhere, moved = tmp_path / "elsewhere", tmp_path / "moved"
    elsewhere.mkdir()
    shutil.copytree(run.path, moved)
    readme = (folder / "adapter" / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    (elsewhere / "readme.py").write_text(code.replace("RUN", str(moved)), encoding="utf-8")
    command = [sys.executable, "-c", LOAD, run.path, run.path, moved]  # found by the adapter, named, named elsewhere
    finished = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    sums = [float(line) for line in finished.stdout.splitlines()[:3]]
    assert sums == [pytest.approx(expected.item(), abs=1e-2)] * 3
    assert sha256_file(moved / "model" / "model.safetensors") in readme


def test_only_the_adapters_configuration_names_a_path_of_this_machine(
    adapted: Callable[[str], tuple[Recipe, RunDir]],
) -> None:
    _, run = adapted("llama")
    folder = run.adapter("early")
    names = {
        path.name for path in folder.rglob("*") if path.is_file() and str(run.path.parent).encode() in path.read_bytes()
    }
    assert names == {"adapter_config.json"}


def test_the_merged_model_draws_as_the_base_does(adapted: Callable[[str], tuple[Recipe, RunDir]]) -> None:
    for architecture, draws in (("llama", True), ("t5", True), ("bert", False)):
        _, run = adapted(architecture)
        for folder in (run.model, run.adapter("early") / "merged"):
            file = folder / "generation_config.json"
            assert file.is_file() == draws
            assert not draws or json.loads(file.read_text())["do_sample"] is True


def test_no_step_is_wasted(adapted: Callable[[str], tuple[Recipe, RunDir]]) -> None:
    """The rate rises from above zero, to its full height, and falls nearly to zero."""
    _, run = adapted("llama")
    lines = [json.loads(line) for line in (run.adapter("early") / "metrics.jsonl").read_text().splitlines()]
    rates = [line["learning_rate"] for line in lines if "loss" in line]
    assert min(rates) > 0 and max(rates) == pytest.approx(0.01)
    assert rates[:3] == sorted(rates[:3]) and rates[-1] < 0.001


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_two_processes_train_the_adapter_of_one(
    adapted: Callable[[str], tuple[Recipe, RunDir]], tmp_path: Path, architecture: str
) -> None:
    recipe, run = adapted(architecture)
    other = RunDir(shutil.copytree(run.path, tmp_path / "run"))
    shutil.rmtree(other.adapter("early"))
    with launched("finetune", [run.recipe_file, "--run-dir", other.path], 2, tmp_path) as started:
        wait(started, tmp_path)
    assert other.report("finetune:early", recipe).processes == 2
    files = [one.adapter("early") / "metrics.jsonl" for one in (run, other)]
    alone, shared = ([line.get("loss") for line in read_metrics(file)] for file in files)
    assert shared == pytest.approx(alone, abs=1e-3)
    for kind in ("domain", "general"):
        after = [getattr(one.report("finetune:early", recipe), kind).after.value for one in (run, other)]
        assert after[0] == pytest.approx(after[1], abs=1e-3)


def test_the_same_seed_gives_the_same_files(
    adapted: Callable[[str], tuple[Recipe, RunDir]], domain_runs: dict[str, Path]
) -> None:
    _, run = adapted("bert")
    folder = run.adapter("early")

    def made() -> tuple[dict[str, str], list[dict[str, float]], dict[str, Any]]:
        timed = ("done.json", "plan.json", "metrics.jsonl", "report.json")
        files = (path for path in folder.rglob("*") if path.is_file() and path.name not in timed)
        kept = ("step", "tokens", "loss", "gradient_norm", "learning_rate", "skipped")
        lines = [{key: line[key] for key in kept if key in line} for line in read_metrics(folder / "metrics.jsonl")]
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        del report["peak_memory_bytes"]
        return {str(path.relative_to(folder)): sha256_file(path) for path in files}, lines, report

    first = made()
    assert finetune(domain_runs["bert"], run, overrides("bert")) == 0
    assert made() == first


@pytest.mark.parametrize(
    ("budget", "steps"), [("{tokens: 1000}", 4), ("{flops: 1e8}", None), ("{minutes: 0.05}", None)]
)
def test_a_budget_of_any_kind_becomes_steps(
    adapted: Callable[[str], tuple[Recipe, RunDir]], domain_runs: dict[str, Path], tmp_path: Path, budget: str,
    steps: int | None,
) -> None:  # fmt: skip
    _, run = adapted("gpt2")
    other = RunDir(shutil.copytree(run.path, tmp_path / "run"))
    words = [*overrides("gpt2"), "finetune.steps=", f"finetune.budget={budget}"]
    assert finetune(domain_runs["gpt2"], other, [*words, "--anyway"]) == 0
    report = other.report("finetune:early", load_recipe(domain_runs["gpt2"], words))
    assert steps is None or report.steps == steps
    assert report.tokens == report.steps * 8 * 32
    assert list(report.budget) == [budget[1:].split(":")[0]]
    assert not (other.adapter("early") / "checkpoints").exists()


def test_minutes_that_hold_a_few_steps_only_are_refused(
    adapted: Callable[[str], tuple[Recipe, RunDir]], domain_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = adapted("gpt2")
    assert (
        finetune(domain_runs["gpt2"], run, [*overrides("gpt2"), "finetune.steps=", "finetune.budget={minutes: 0.001}"])
        == 2
    )
    refused = capsys.readouterr().err
    assert "finetune.budget.minutes 0.001 has room for" in refused and "lower finetune.batch_size" in refused


def test_a_learning_rate_that_explodes_is_refused(
    adapted: Callable[[str], tuple[Recipe, RunDir]], domain_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = adapted("gpt2")
    assert finetune(domain_runs["gpt2"], run, [*overrides("gpt2"), "finetune.learning_rate=1e30"]) == 2
    assert "lower finetune.learning_rate" in capsys.readouterr().err
