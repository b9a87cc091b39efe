"""One dial sets a model's shape and its training, and leaves alone what the recipe says itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe, load_recipe, parse_recipe
from desdecero.pipelines.recipe.sizing import TIMESCALE, TOLERANCE, parse_size
from desdecero.pipelines.training.model.build import build_config, build_model, count_parameters

ARCHITECTURES = ["llama", "qwen3", "gpt2", "bert", "modernbert", "t5"]
SIZES = {"5M": 5e6, "12M": 12e6, "30M": 30e6, "124M": 124e6, "350M": 350e6, "1B": 1e9}
REST = """\
name: mine
purpose: To test.
languages: [en]
corpus: {sources: [{kind: files, path: texts}]}
"""


def recipe(model: str, pretrain: str = "budget: {tokens: 100000000}", *overrides: str) -> Recipe:
    return parse_recipe(f"{REST}model: {{{model}}}\npretrain: {{{pretrain}}}\n", "mine.yaml", Path("/"), overrides)


class Vocabulary:
    """As much of a tokenizer as a configuration asks for: its size and its special tokens."""

    eos_token_id, pad_token_id = 0, 1

    def __init__(self, size: int):
        self.size = size

    def __len__(self) -> int:
        return self.size


def on_no_device(wanted: Recipe) -> Any:
    tokenizer: PreTrainedTokenizerFast = Vocabulary(wanted.tokenizer.vocab_size)  # type: ignore[assignment]
    with torch.device("meta"):
        return build_model(build_config(wanted.model, tokenizer))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("size", SIZES)
def test_the_model_has_the_parameters_that_its_size_names(architecture: str, size: str) -> None:
    every, _ = count_parameters(on_no_device(recipe(f"architecture: {architecture}, size: {size}")))
    assert every == pytest.approx(SIZES[size], rel=TOLERANCE)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("given", ["layers: 10", "hidden_size: 320", "tie_embeddings: false", "heads: 3"])
def test_what_the_recipe_says_holds_and_the_rest_makes_up_for_it(architecture: str, given: str) -> None:
    wanted = recipe(f"architecture: {architecture}, size: 20M, {given}")
    key, value = given.split(": ")
    assert str(getattr(wanted.model, key)).lower() == value
    every, _ = count_parameters(on_no_device(wanted))
    assert every == pytest.approx(20e6, rel=TOLERANCE)


def test_explicit_training_values_win() -> None:
    explicit = "batch_size: 7, optimizer: {learning_rate: 0.001, weight_decay: 0.5}, budget: {steps: 100}"
    wanted = recipe("size: 5M", explicit)
    assert (wanted.pretrain.batch_size, wanted.pretrain.optimizer.learning_rate) == (7, 0.001)
    assert wanted.pretrain.optimizer.weight_decay == 0.5
    assert wanted.pretrain.optimizer.matrix_learning_rate == 0.02
    assert recipe("size: 5M", "budget: {steps: 100}", "tokenizer.vocab_size=8192").tokenizer.vocab_size == 8192


def test_resolved_recipe_holds_every_derived_number_and_loads_back(tmp_path: Path) -> None:
    wanted = recipe("size: 5M", "budget: {minutes: 5}")
    (tmp_path / "resolved.yaml").write_text(wanted.to_yaml(), encoding="utf-8")
    assert "intermediate_size: 704" in wanted.to_yaml()
    assert load_recipe(tmp_path / "resolved.yaml") == wanted


def test_a_depth_is_that_many_layers_of_the_usual_width() -> None:
    model = recipe("size: d12").model
    assert (model.layers, model.hidden_size, model.heads, model.context_length) == (12, 768, 12, 1024)  # GPT-2's shape


def test_larger_models_have_more_of_everything_and_smaller_rates() -> None:
    small, large = recipe("size: 5M"), recipe("size: 1B")
    assert large.tokenizer.vocab_size > small.tokenizer.vocab_size
    assert large.model.context_length > small.model.context_length
    assert large.pretrain.optimizer.learning_rate < small.pretrain.optimizer.learning_rate
    assert large.pretrain.optimizer.matrix_learning_rate == small.pretrain.optimizer.matrix_learning_rate


def test_adamw_on_all_parameters_is_slowed_by_the_whole_width() -> None:
    narrow, wide = (recipe(f"size: {size}", "budget: {steps: 100}, optimizer: {name: adamw}") for size in ("5M", "1B"))
    ratio = wide.model.hidden_size / narrow.model.hidden_size
    rates = [each.pretrain.optimizer.learning_rate for each in (narrow, wide)]
    assert rates[0] / rates[1] == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize("budget", ["tokens: 30000000", "steps: 3000"])
def test_weight_decay_forgets_over_the_stated_share_of_the_training(budget: str) -> None:
    wanted = recipe("size: 5M", f"budget: {{{budget}}}, batch_size: 32")
    optimizer, tokens_per_step = wanted.pretrain.optimizer, 32 * wanted.model.context_length
    steps = wanted.pretrain.budget.steps or wanted.pretrain.budget.tokens / tokens_per_step  # type: ignore[operator]
    every, _ = count_parameters(on_no_device(wanted))
    share = 1 / (optimizer.matrix_learning_rate * optimizer.weight_decay * steps)
    assert share == pytest.approx(TIMESCALE[0] * (steps * tokens_per_step / every) ** TIMESCALE[1], rel=0.02)


def test_longer_training_takes_larger_batches_however_the_budget_is_given() -> None:
    by_tokens = [recipe("size: 5M", f"budget: {{tokens: {n}}}").pretrain.batch_size for n in (10**6, 10**8, 10**10)]
    assert by_tokens == sorted(set(by_tokens))
    tokens = 8 * 256 * 1000  # the steps that these tokens are at the batch found for them
    batch = recipe("size: 5M", f"budget: {{tokens: {tokens}}}").pretrain.batch_size
    steps = tokens // (batch * 256)
    assert recipe("size: 5M", f"budget: {{steps: {steps}}}").pretrain.batch_size == batch


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("size: 5", "line 5: model.size: a size is a number of parameters, as in 5M or 1.2B"),
        ("size: 0M", "a size is a number of parameters"),
        ("size: big", "a size is a number of parameters"),
        ("size: 5M, layers: 12, hidden_size: 512", "model.size 5M: the nearest .* (12 layers of width 512, 4,096"),
        ("size: 100K", "a size is a number of parameters"),
    ],
)
def test_a_size_that_cannot_be_had_is_refused_in_a_sentence(model: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        recipe(model)
    parts = said.split(".*")
    assert all(part.strip() in str(caught.value) for part in parts), str(caught.value)


def test_sizes_are_read_as_people_write_them() -> None:
    assert [parse_size(text) for text in ("5M", "1.2B", "d20")] == [
        (5_000_000, None),
        (1_200_000_000, None),
        (None, 20),
    ]
