"""How long an adapter is trained: a budget, as of the model; or steps, as recipes have it that are older."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Budget, Recipe, load_recipe


def budget(*words: str) -> Budget:
    recipe = load_recipe("smoke", words)
    return recipe.adapters["pandas"].budget


def test_steps_are_a_budget() -> None:
    assert budget("finetune={steps: 7}") == Budget(steps=7)
    assert budget("finetune={}") == Budget(steps=100)
    assert budget("finetune={budget: {tokens: 9000}}") == Budget(tokens=9000)
    assert budget("finetune.steps=", "finetune.budget={minutes: 2}") == Budget(minutes=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("finetune={steps: 7, budget: {steps: 7}}", "give steps or budget, not both"),
        ("finetune={budget: {steps: 7, minutes: 1}}", "give exactly one of minutes, steps, tokens and flops"),
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
