"""Settings are chosen on validation data alone; the best step is kept; replay takes its share of a batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from tiny_adapters import jsonl, labelled, overrides, words_for

from desdecero.eval_suites.models.labelled import load_labelled
from desdecero.pipelines.cli import main
from desdecero.pipelines.finetuning.choice import choose, combinations, with_values
from desdecero.pipelines.finetuning.labels import LabelAdaptation
from desdecero.pipelines.finetuning.texts import TextAdaptation
from desdecero.pipelines.recipe import Finetune, load_recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.adapter import AdapterTask
from desdecero.pipelines.training.model_with_labels import ModelWithLabels
from desdecero.pipelines.training.watch.curve import read_metrics

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # in peft

DATA = {"train": "rows.jsonl"}


def test_every_combination_is_tried_and_auto_is_a_third_the_default_and_three_times_it() -> None:
    swept = Finetune(task="classification", data=DATA, learning_rate="auto", sweep={"rank": [4, 16]})
    values = list(combinations(swept))
    assert [(value["rank"], value["learning_rate"]) for value in values] == [
        (rank, rate) for rank in (4, 16) for rate in (0.00067, 0.002, 0.006)
    ]
    given = Finetune(task="classification", data=DATA, learning_rate="auto", sweep={"learning_rate": [0.1]})
    assert list(combinations(given)) == [{"learning_rate": 0.1}]
    head = Finetune(task="classification", data=DATA, method="head", learning_rate="auto")
    assert [value["learning_rate"] for value in combinations(head)] == [0.0033, 0.01, 0.03]
    chosen = with_values(swept, {"rank": 16.0, "learning_rate": 0.006})
    assert (chosen.rank, chosen.learning_rate) == (16, 0.006) and isinstance(chosen.rank, int)


def adaptation(home: Path, name: str, **section: Any) -> LabelAdaptation:
    recipe = load_recipe(home / "tiny.yaml", overrides(home, name, {"task": "classification", **section}))
    run = RunDir(home / "run")
    made = LabelAdaptation(recipe, run, run.adapter(name), recipe.adapters[name])
    made.data = made.read()
    return made


def test_the_test_has_no_part_in_the_choice_and_finished_trials_are_not_repeated(tried: Path, tmp_path: Path) -> None:
    rows = labelled()
    train, accelerator = jsonl(tmp_path / "train.jsonl", rows[::2]), Accelerator(cpu=True)
    labels = [row["label"] for row in rows[1::2]]
    found, asked = [], list[Finetune]()
    for number, turned in enumerate((labels, labels[7:] + labels[:7])):
        test = [{**row, "label": label} for row, label in zip(rows[1::2], turned, strict=True)]
        data = {"train": str(train), "test": str(jsonl(tmp_path / f"{number}.jsonl", test)), "validation": 0.3}
        made = adaptation(
            tried / "bert", "mine", data=data, steps=4, sweep={"learning_rate": [0.05, 1e-5], "rank": [2]}
        )

        def task(settings: Finetune, made: LabelAdaptation = made) -> AdapterTask:
            asked.append(settings)
            return made.task(settings, made.recipe.seed, choosing=True)

        file = tmp_path / f"trials{number}.json"
        found.append(choose(made.settings, task, accelerator, file))
        assert len(asked) == 2 * (number + 1)
        file.write_text(json.dumps(json.loads(file.read_text())[:1]))  # as if it was killed in the second
        assert choose(made.settings, task, accelerator, file) == found[-1]
        assert len(asked) == 2 * (number + 1) + 1
        asked.pop()
    (settings, trials), (other, same) = found
    assert (settings.learning_rate, trials) == (other.learning_rate, same)
    best = min(trials, key=lambda trial: trial.validation_loss)
    assert settings.learning_rate == best.settings["learning_rate"]
    assert len({trial.validation_loss for trial in trials}) == 2


def test_nothing_is_tried_where_the_recipe_names_all(tmp_path: Path) -> None:
    settings = Finetune(task="classification", data=DATA)

    def never(_: Finetune) -> AdapterTask:
        raise AssertionError("a trial was begun")

    assert choose(settings, never, Accelerator(cpu=True), tmp_path / "trials.json") == (settings, [])


def test_the_step_with_the_lowest_validation_loss_is_kept(tried: Path, tmp_path: Path) -> None:
    """With labels that were drawn, what is learned soon makes validation worse."""
    rows = [{"text": row["text"], "label": "abc"[(number * 7) % 3]} for number, row in enumerate(labelled())]
    data = {"train": str(jsonl(tmp_path / "train.jsonl", rows)), "validation": 0.3}
    section = {
        "task": "classification", "method": "full", "learning_rate": 0.02, "steps": 40, "early_stop": True, "seeds": 2,
        "data": data,
    }  # fmt: skip
    home = tried / "bert"
    assert main(["finetune", *words_for(home, "stopped", section)]) == 0
    run = RunDir(home / "run")
    recipe = run.with_added_adapters(load_recipe(home / "tiny.yaml", overrides(home, "stopped", section)))
    report: Any = run.report("finetune:stopped", recipe)
    folder = run.adapter("stopped")
    losses = {
        line["step"]: line["validation_loss"]
        for line in read_metrics(folder / "metrics.jsonl")
        if "validation_loss" in line
    }
    best = min(losses, key=lambda step: losses[step])
    assert report.early_stop.kept_step == best < report.early_stop.at_step <= 40
    made = adaptation(home, "stopped", **{key: value for key, value in section.items() if key != "task"})
    model = load_labelled(folder / "merged").model
    validation = made.task(made.settings, recipe.seed).validation_data
    assert validation is not None
    inputs, targets = validation.spread(1000)
    with torch.no_grad():
        loss, _ = ModelWithLabels(model, made.tokenizer.pad_token_id)(inputs, targets)
    assert float(loss) / len(targets) == pytest.approx(losses[best], abs=1e-4)
    seeds = [seed.seed for seed in report.seeds]
    assert seeds == [recipe.seed, recipe.seed + 1] and not list((folder / "seeds").rglob("*.safetensors"))


def test_replay_takes_its_share_of_each_batch_from_the_bases_training_tokens(tried: Path, tmp_path: Path) -> None:
    home = tried / "llama"
    data = {"train": str(jsonl(tmp_path / "train.jsonl", [{"text": f"{row['text']} " * 4} for row in labelled()]))}
    section = {"task": "text", "replay": 0.25, "data": data}
    recipe, run = load_recipe(home / "tiny.yaml", overrides(home, "mine", section)), RunDir(home / "run")
    folder = tmp_path / "mine"
    folder.mkdir()
    made = TextAdaptation(recipe, run, folder, recipe.adapters["mine"])
    made.data = made.read()
    task = made.task(made.settings, recipe.seed)
    inputs, _ = task.train_data.batch(0)
    of_base = made.batches(run.token_files("train"), 2, recipe.seed).batch(0)[0]
    assert inputs.shape == (8, 32) and torch.equal(inputs[6:], of_base)
    own = made.batches([made.shard("train"), made.shard("validation")], 6, recipe.seed).batch(0)[0]
    assert torch.equal(inputs[:6], own)
