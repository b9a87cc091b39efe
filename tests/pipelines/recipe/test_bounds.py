"""Numbers of a recipe that would be nonsense are refused when it is read, each with its key."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from desdecero.pipelines import recipe as sections
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Section, load_recipe
from desdecero.pipelines.recipe.base import _is_number


def numeric_fields() -> Iterator[tuple[type[Section], str]]:
    for name in sections.__all__:
        section = getattr(sections, name)
        if isinstance(section, type) and issubclass(section, Section):
            yield from ((section, key) for key, field in section.model_fields.items() if _is_number(field.annotation))


def faults(section: type[Section], key: str, value: Any) -> list[Any]:
    """What is wrong with a value of one key, whatever else the section may lack."""
    try:
        section.model_validate({key: value})
    except ValidationError as error:
        return [fault for fault in error.errors() if fault["loc"][:1] == (key,) or not fault["loc"]]
    return []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "many", [1, 2]])
def test_no_number_of_any_section_is_infinite_or_none_at_all(value: object) -> None:
    fields = list(numeric_fields())
    assert len(fields) > 90
    assert [f"{section.__name__}.{key}" for section, key in fields if not faults(section, key, value)] == []


def test_no_number_of_any_section_is_negative() -> None:
    taken = [f"{section.__name__}.{key}" for section, key in numeric_fields() if not faults(section, key, -1)]
    assert taken == []


@pytest.mark.parametrize("words", [
    "audit.margin=0", "audit.margin=0.001",
    "audit.margin=1.5", "audit.margin=1000000000", "audit.confidence=0.5", "audit.confidence=0.79",
    "audit.confidence=0.9999", "audit.confidence=0.995", "audit.margin=.inf",
    "audit.confidence=1", "audit.confidence=95",
    "evaluate.confidence=0.6", "evaluate.sample_tokens=1000000000", "finetune.rank=100000", "finetune.steps=1e30",
    "pretrain.batch_size=1000000000", "pretrain.optimizer.betas=[2, 0.9]", "pretrain.optimizer.betas=[0.9, 1]",
    "pretrain.optimizer.betas=[0.9, .nan]", "pretrain.optimizer.weight_decay=1e9", "pretrain.z_loss=50",
    "pretrain.budget={minutes: 1e9}", "model.layers=1000000", "model.hidden_size=1000000000", "seed=4294967296",
    "model.context_length=1000000000", "tokenizer.vocab_size=1000000000", "tokenizer.sweep=[512, 1000000000]",
    "tokens.mixture={a: {epochs: 1e9}}", "tokens.reweight={target: {a: 1.5}}", "corpus.quality.max_symbol_ratio=1.5",
    "corpus.quality.max_top_ngrams={2: 20}", "corpus.quality.max_duplicate_ngrams={0: 0.2}",
    "corpus.quality.mean_word_length=[10, 3]", "corpus.quality={min_words: 100, max_words: 50}",
    "corpus.validation=1", "corpus.deduplication.similarity=80", "corpus.personal_data.planted=1000000000",
    "pretrain.samples={prompts: [a], temperature: 1e9}", "corpus.counterfactual={seed: -1}",
])  # fmt: skip
def test_nonsense_is_refused_by_its_key(words: str) -> None:
    with pytest.raises(UserError) as refused:
        load_recipe("smoke", [words])
    section = words.split("=")[0].split(".")[0]
    assert section in str(refused.value) and "Traceback" not in str(refused.value)


@pytest.mark.parametrize("words", [
    "audit={confidence: 0.99}", "audit.margin=0.1",
    "audit={margin: 1, confidence: 0.8}", "evaluate.confidence=0.99", "seed=4294967295",
    "pretrain.optimizer.learning_rate=1e3", "corpus.quality={max_symbol_ratio: 1, min_stop_word_share: 0}",
    "corpus.quality.max_top_ngrams={2: 0.2}", "pretrain.checkpoint_minutes=0", "tokens.mixture={a: {epochs: 0.25}}",
])  # fmt: skip
def test_what_makes_sense_is_taken(words: str) -> None:
    load_recipe("smoke", [words])


@pytest.mark.parametrize("section", ["evaluate", "audit"])
def test_a_recipe_of_an_older_version_may_name_resamples(section: str) -> None:
    recipe = load_recipe("smoke", [f"{section}={{resamples: 1, confidence: 0.9}}"])
    assert getattr(recipe, section).confidence == 0.9
    assert "resamples" not in recipe.content()[section]
    with pytest.raises(UserError, match="evaluate"):
        load_recipe("smoke", ["evaluate.resample=300"])


def test_annotations_of_numbers_are_recognised() -> None:
    annotation = sections.Pretrain.model_fields["micro_batch_size"].annotation
    assert _is_number(annotation) and get_args(annotation)
