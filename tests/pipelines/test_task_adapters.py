"""Adapters of labels, spans and conversations: what they write, and that what is saved is what was trained."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from sealed_run import missing_figures
from tiny_adapters import brat, conversations, jsonl, labelled, overrides, spans, table, words_for

from desdecero.eval_suites.models.labelled import load_labelled
from desdecero.pipelines.cli import main
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import BASE

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft

NUMBERS = count()
"""Of adapters, each of which has a name of its own."""
QUICK = ("rank=2", "steps=2", "batch_size=8", "max_eval_bytes=2000")


@pytest.mark.slow
def test_adapters_of_every_task_are_added_to_a_run_and_known_to_every_command(
    run_without_adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(shutil.copytree(run_without_adapter, tmp_path / "run"))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name != ".lock"}
    rows = [{"asked": row["text"], "kind": row["label"]} for row in labelled()]
    train, test = table(tmp_path / "train.csv", rows[::2]), table(tmp_path / "test.csv", rows[1::2])
    given = {
        "support": ["--domain", "support", "--data", train, "--test", test, "--text", "asked", "--label", "kind"],
        "places": ["--adapter", "places", "--task", "tokens", "--data", brat(tmp_path / "brat", spans())],
        "helper": ["--adapter", "helper", "--task", "chat", "--data", jsonl(tmp_path / "c.jsonl", conversations())],
    }
    for name, words in given.items():
        quick = [part for one in QUICK for part in ("--set", f"finetune.{name}.{one}")]
        assert main(["finetune", str(run), *map(str, words), *quick]) == 0, capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before

    capsys.readouterr()
    stages = len(BASE) + 1 + 2 + 2 + 4
    assert main(["verify", str(run)]) == 0
    assert f"whole: {stages} stages" in capsys.readouterr().out
    assert main(["status", str(run)]) == 0
    assert capsys.readouterr().out.count(" sealed ") == stages
    assert main(["adapters", str(run)]) == 0
    told = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        ["helper", "sealed", "chat,"],
        ["places", "sealed", "tokens,"],
        ["support", "sealed", "classification,"],
    ]
    recipe = run.recipe()
    for name in given:
        assert not missing_figures(run, name)
    reports: dict[str, Any] = {name: run.report(f"finetune:{name}", recipe) for name in given}
    assert [reports[name].measure for name in given] == ["accuracy", "span_f1", "answer_loss"]
    assert reports["support"].data.test == len(rows[1::2]) and reports["support"].domain_pack == "support"
    assert set(reports["support"].labels.yardsticks) == {"majority", "linear_svm", "random_weights"}
    assert pq.read_table(run.adapter("support") / "predictions.parquet").num_rows == len(rows[1::2])
    kept = {path.name for path in run.adapter("places").iterdir()}
    assert kept == {
        "adapter", "merged", "plan.json", "metrics.jsonl", "loss.png", "loss.es.png", "predictions.parquet",
        "drift.json", "report.json", "done.json", "finetune.yaml", "card",
    }  # fmt: skip

    table(train, rows)
    assert main(["status", str(run)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "the data of the adapter support changed" in lines["finetune:support"]
    assert all(" sealed " in lines[f"finetune:{name}"] for name in ("places", "helper"))


# --- what is saved ------------------------------------------------------------------------------------------------


@dataclass
class Made:
    """An adapter's folder, and the model in its run."""

    folder: Path
    base: Path
    report: Any


Make = Callable[..., Made]


@pytest.fixture
def make(tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Make:
    """`make("bert", "tokens", rows, method="dora")` → an adapter of these examples, made by command."""

    def make(base: str, task: str, rows: list[dict[str, Any]], **section: Any) -> Made:
        home, data = tried / base, {"train": str(jsonl(tmp_path / "train.jsonl", rows)), **section.pop("data", {})}
        name = f"a{next(NUMBERS)}"
        whole = {"task": task, "data": data, **section}
        assert main(["finetune", *words_for(home, name, whole)]) == 0, capsys.readouterr().err
        run = RunDir(home / "run")
        recipe = run.with_added_adapters(load_recipe(home / "tiny.yaml", overrides(home, name, whole)))
        return Made(run.adapter(name), run.model, run.report(f"finetune:{name}", recipe))

    return make


def on_base(made: Made) -> tuple[Any, Any]:
    """The adapter on its base, and its tokenizer, as its README loads them."""
    readme = (made.folder / "adapter" / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    code = code.replace(f"RUN/adapters/{made.folder.name}", str(made.folder)).replace("RUN/model", str(made.base))
    given: dict[str, Any] = {}
    exec(code, given)
    return given["model"].eval(), given["tokenizer"]


def logits(model: Any) -> torch.Tensor:
    ids = torch.tensor([[*range(5, 28), model.config.eos_token_id]])
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=ids).logits
    return found


@pytest.mark.parametrize("task", ["classification", "tokens"])
@pytest.mark.parametrize("base", ["llama", "bert", "t5"])
def test_merged_model_and_adapter_on_its_base_give_the_same_logits_from_any_folder(
    make: Make, base: str, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(base, task, labelled() if task == "classification" else spans(), steps=4, learning_rate=0.02)
    monkeypatch.chdir(tmp_path)
    adapted, _ = on_base(made)
    plain = load_labelled(made.folder / "merged")
    outputs = logits(plain.model)
    torch.testing.assert_close(logits(adapted), outputs, atol=1e-4, rtol=0)
    names = (
        ["calendar", "optparse", "ssl"]
        if task == "classification"
        else ["O", "B-THING", "I-THING", "B-VALUE", "I-VALUE"]
    )
    assert sorted(plain.model.config.id2label.values()) == sorted(names)


@pytest.mark.parametrize("method", ["rslora", "dora", "pissa", "full", "head"])
def test_what_every_method_saves_is_what_it_trained(make: Make, method: str) -> None:
    made = make("bert", "classification", labelled(), method=method, steps=3, learning_rate=0.02)
    merged, base = load_file(made.folder / "merged" / "model.safetensors"), load_file(made.base / "model.safetensors")
    shared = [name for name in base if name in merged]
    moved = {name for name in shared if not torch.equal(base[name], merged[name])}
    assert len(shared) > 20
    model = load_labelled(made.folder / "merged").model
    if method == "head":
        assert not moved and not (made.folder / "adapter").exists()
        assert made.report.trainable_parameters == sum(
            parameter.numel() for part in (model.bert.pooler, model.classifier) for parameter in part.parameters()
        )  # the base fills gaps, and has no pooler
    elif method == "full":
        assert moved and not (made.folder / "adapter").exists() and made.report.trainable_share == 1.0
    else:
        assert moved
        config = json.loads((made.folder / "adapter" / "adapter_config.json").read_text())
        assert config["r"] == (4 if method == "pissa" else 2)
        torch.testing.assert_close(logits(on_base(made)[0]), logits(model), atol=1e-4, rtol=0)


def test_several_labels_at_once_are_told_with_a_probability_each(make: Make) -> None:
    rows = [{"text": row["text"], "label": [row["label"], *["long"] * (len(row["text"]) > 70)]} for row in labelled()]
    made = make("bert", "classification", [*rows, {"text": "Nothing of this kind at all.", "label": []}])
    assert made.report.labels.several and made.report.measure == "micro_f1"
    model = load_labelled(made.folder / "merged")
    assert model.model.config.problem_type == "multi_label_classification" and len(model.names) == 4
    assert model.probabilities(["A calendar of months."]).sum() != pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("base", ["llama", "bert"])
def test_pairs_of_texts_are_read_as_two(make: Make, base: str) -> None:
    rows, texts = [], [row["text"] for row in labelled()]
    for one, other in zip(texts[::2], texts[1::2], strict=False):
        rows += [{"text": one, "reply": other, "label": "other"}, {"text": other, "reply": other, "label": "same"}]
    made = make(base, "classification", rows, data={"text_b": "reply"})
    model = load_labelled(made.folder / "merged")
    alone, paired = model.probabilities(texts[:4]), model.probabilities(texts[:4], texts[4:8])
    assert made.report.labels.labels == ["other", "same"] and abs(alone - paired).max() > 1e-6
    table = pq.read_table(made.folder / "predictions.parquet")
    assert table.num_rows == made.report.data.test and "text_b" in table.column_names
