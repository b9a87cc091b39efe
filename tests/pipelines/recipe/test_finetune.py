"""The section of an adapter: its length, its task, and what goes together."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.recipe.finetune import AdapterBudget, Finetune


def budget(*words: str) -> AdapterBudget:
    recipe = load_recipe("smoke", words)
    return recipe.adapters["pandas"].budget


def test_steps_are_a_budget() -> None:
    assert budget("finetune={steps: 7}") == AdapterBudget(steps=7)
    assert budget("finetune={epochs: 2.5}") == AdapterBudget(epochs=2.5)
    assert budget("finetune={}") == AdapterBudget(steps=100)
    assert budget("finetune={budget: {tokens: 9000}}") == AdapterBudget(tokens=9000)
    assert budget("finetune.steps=", "finetune.budget={minutes: 2}") == AdapterBudget(minutes=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("finetune={steps: 7, budget: {steps: 7}}", "give one of steps, epochs and budget"),
        ("finetune={steps: 7, epochs: 7}", "give one of steps, epochs and budget"),
        ("finetune={budget: {steps: 7, minutes: 1}}", "give exactly one of epochs, steps, minutes, tokens and flops"),
        ("finetune={epochs: 0}", "finetune"),
        ("finetune={steps: 0}", "finetune"),
        ("finetune={steps: many}", "finetune"),
    ],
)
def test_what_is_no_length_is_refused(words: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_recipe("smoke", [words])


def test_a_resolved_recipe_names_the_budget_and_loads_back(tmp_path: Path) -> None:
    recipe: Recipe = load_recipe("smoke", ["finetune={steps: 7}"])
    assert yaml.safe_load(recipe.to_yaml())["finetune"]["pandas"]["budget"]["steps"] == 7
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.yaml") == recipe


DATA = "data: {train: train.csv}"


def section(words: str, *more: str) -> Finetune:
    return load_recipe("smoke", [f"finetune={{mine: {{{words}}}}}", *more]).adapters["mine"]


@pytest.mark.parametrize(
    ("words", "task", "budget", "batch_size", "rate"),
    [
        ("", "text", AdapterBudget(steps=100), 16, 2e-3),
        (f"task: chat, {DATA}", "chat", AdapterBudget(epochs=3), 16, 2e-3),
        (f"domain: support, {DATA}", "classification", AdapterBudget(epochs=10), 32, 2e-3),
        (f"domain: health, method: full, {DATA}", "tokens", AdapterBudget(epochs=10), 16, 5e-4),
        (f"domain: support, method: head, epochs: 4, batch_size: 8, {DATA}", "classification", None, 8, 1e-2),
        ("domain: finance, task: text", "text", AdapterBudget(steps=100), 16, 2e-3),
    ],
)
def test_pack_task_and_method_fill_what_is_left_out(
    words: str, task: str, budget: AdapterBudget | None, batch_size: int, rate: float
) -> None:
    made = section(words)
    assert (made.task, made.batch_size, made.learning_rate) == (task, batch_size, rate)
    assert made.budget == (budget or AdapterBudget(epochs=4))
    assert Finetune.model_validate(made.model_dump(mode="json")) == made


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("task: classification", "the task classification needs data: name a file in data.train"),
        ("domain: supprt", "did you mean support"),
        (f"task: tokens, replay: 0.1, {DATA}", "replay is for texts and conversations"),
        ("method: head", "method head trains a classification head, which the task text has not"),
        (f"task: classification, method: full, sweep: {{rank: [2, 4]}}, {DATA}", "has no rank and no alpha"),
        ("learning_rate: auto, budget: {minutes: 1}", "not in minutes"),
        ("replay: 1", "finetune"),
        ("seeds: 0", "finetune"),
        ("quantise: 4bit", "unknown key"),
        ("quantize: 4bit, method: dora", "quantize: 4bit goes with lora and rslora, not with dora"),
        ("quantize: 8bit", "finetune"),
        ("base: owner/name", "owner/name comes without a corpus"),
    ],
)
def test_what_does_not_go_together_is_refused(words: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        section(words)


def test_an_encoder_holds_no_conversation() -> None:
    with pytest.raises(UserError, match="bert fills gaps and writes no answers"):
        section(f"task: chat, {DATA}", "model.architecture=bert", "evaluate.prompts=[]")


@pytest.mark.parametrize(("words", "tries"), [("", False), ("learning_rate: auto", True), ("sweep: {rank: [2]}", True)])
def test_it_is_known_whether_settings_are_to_be_chosen(words: str, tries: bool) -> None:
    assert section(words).tries is tries
