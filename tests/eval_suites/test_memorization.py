"""Rows that a tiny model was made to know by heart, and rows that it has not seen."""

from __future__ import annotations

import copy

import pytest
import torch
from helpers import docstrings
from small_models import byte_level, language_model

from desdecero.eval_suites.memorization import (
    ANSWER,
    LEAST_ROWS,
    LENGTH,
    PROMPT,
    completed,
    difference,
    draw,
    measure_memorization,
)
from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.statistics import wilson

Rows = list[tuple[int, ...]]
KNOWN = 12
"""Rows that are learnt by heart, of the forty of the training data."""


@pytest.fixture(scope="module")
def rows() -> tuple[Rows, Rows]:
    """Forty training rows and forty held-out ones: real prose."""
    texts = docstrings("argparse", "subprocess", "statistics", "random", "inspect", "typing")
    found = draw([ids.tolist() for ids in encode(byte_level(), texts)], 80, seed=0)
    assert len(found) == 80
    return found[:40], found[40:]


@pytest.fixture(scope="module")
def untrained() -> LanguageModel:
    return language_model("llama", context_length=LENGTH, overrides={}, hidden_size=64, layers=1)


@pytest.fixture(scope="module")
def overfitted(untrained: LanguageModel, rows: tuple[Rows, Rows]) -> LanguageModel:
    """The model after it was shown some of the training rows until it knows them."""
    model = copy.deepcopy(untrained.model)
    ids = torch.tensor([[*untrained.begin, *row] for row in rows[0][:KNOWN]])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    loss = torch.tensor(torch.inf)
    while loss > 0.05:
        loss = torch.nn.functional.cross_entropy(model(input_ids=ids[:, :-1]).logits.mT, ids[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Causal(model, untrained.tokenizer)


def test_a_completed_row_is_one_that_transformers_writes_token_by_token(
    overfitted: LanguageModel, rows: tuple[Rows, Rows]
) -> None:
    asked = [*rows[0][: 2 * KNOWN], (*rows[0][0][:-1], 7)]
    prompts = torch.tensor([[*overfitted.begin, *row[:PROMPT]] for row in asked])
    written = overfitted.model.generate(
        prompts, attention_mask=torch.ones_like(prompts), do_sample=False, max_new_tokens=ANSWER, eos_token_id=-1,
        pad_token_id=overfitted.padding,
    )[:, prompts.shape[1] :].tolist()  # fmt: skip
    expected = [list(row[PROMPT:]) == answer for row, answer in zip(asked, written, strict=True)]
    assert completed(overfitted, asked) == expected
    assert expected[:KNOWN] == [True] * KNOWN and not any(expected[KNOWN:])


def test_what_was_learnt_by_heart_is_found_beside_the_base_and_unseen_rows(
    untrained: LanguageModel, overfitted: LanguageModel, rows: tuple[Rows, Rows]
) -> None:
    found = measure_memorization(untrained, overfitted, *rows, rows=100, confidence=0.95, seed=0)
    assert (found.train_rows, found.held_out_rows, found.not_measured) == (40, 40, None)
    assert found.before is not None and found.after is not None and found.change is not None
    assert found.before.train.value == found.before.held_out.value == found.after.held_out.value == 0
    assert found.after.train == wilson(KNOWN, 40, 0.95).share()
    assert found.after.difference.value == found.change.value == KNOWN / 40
    assert found.change.interval is not None and 0.1 < found.change.interval[0] < 0.3 < found.change.interval[1] < 0.5


def test_a_model_that_learnt_nothing_shows_no_change_but_not_that_there_is_none(
    untrained: LanguageModel, rows: tuple[Rows, Rows]
) -> None:
    found = measure_memorization(untrained, untrained, *rows, rows=30, confidence=0.95, seed=0)
    assert (found.train_rows, found.held_out_rows) == (30, 30)
    assert found.change is not None and found.change.interval is not None
    assert found.change.interval[0] < -0.05 < found.change.value == 0 < 0.05 < found.change.interval[1]


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)  # Newcombe 1998, Table II, method 10
def test_the_interval_of_a_difference_is_newcombes(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = difference(wilson(*first, 0.95), wilson(*second, 0.95))
    assert found.interval == pytest.approx((low, high), abs=5e-5)


def test_rows_are_drawn_by_seed_without_those_that_are_short_or_the_same() -> None:
    long = [list(range(place, place + LENGTH + place)) for place in range(20)]
    given = [*long, *long, [1] * (LENGTH - 1), [*long[0], 9]]
    assert sorted(draw(given, 100, 0)) == [tuple(row[:LENGTH]) for row in long]
    assert draw(given, 5, 1) == draw(given, 5, 1) != draw(given, 5, 2)
    assert len(draw(given, 5, 1)) == 5


@pytest.mark.parametrize(
    ("kind", "context", "count", "length", "reason"),
    [
        ("bert", LENGTH, 40, LENGTH, "not_causal"),
        ("t5", LENGTH, 40, LENGTH, "not_causal"),
        ("llama", LENGTH - 1, 40, LENGTH, "context_too_short"),
        ("llama", LENGTH, LEAST_ROWS - 1, LENGTH, "too_few_rows"),
        ("llama", LENGTH, 40, LENGTH - 1, "rows_too_short"),
    ],
)
def test_what_cannot_be_measured_has_a_reason(kind: str, context: int, count: int, length: int, reason: str) -> None:
    model = language_model(kind, context_length=context)
    some, enough = [[place] * length for place in range(count)], [[place] * LENGTH for place in range(100)]
    for train, held_out in ((some, enough), (enough, some)):
        found = measure_memorization(model, model, train, held_out, rows=50, confidence=0.95, seed=0)
        assert found.not_measured == reason
        assert (found.before, found.after, found.change, found.train_rows) == (None, None, None, 0)


def test_a_token_that_the_model_does_not_know_is_refused(untrained: LanguageModel) -> None:
    rows = [[place, 400] * ANSWER for place in range(LEAST_ROWS)]
    with pytest.raises(ValueError, match="has 400 tokens, and token 400 is none of them"):
        measure_memorization(untrained, untrained, rows, rows, rows=50, confidence=0.95, seed=0)


def test_too_few_rows_are_not_asked_for(untrained: LanguageModel) -> None:
    with pytest.raises(ValueError, match="29 rows are too few to measure: ask for 30 or more"):
        measure_memorization(untrained, untrained, [], [], rows=29, confidence=0.95, seed=0)
