"""Passages that a tiny model was made to know by heart, by how often they stand in its training text."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from helpers import docstrings
from small_models import byte_level, language_model

from desdecero.eval_suites.by_heart.extraction import CONTINUATION, chance_in, measure_extraction
from desdecero.eval_suites.by_heart.passages import Passage
from desdecero.eval_suites.by_heart.results import ExtractionCell, ExtractionResult
from desdecero.eval_suites.by_heart.shares import extracted
from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.pipelines.training.data.goldfish import Goldfish

Both = tuple[list[Passage], list[Passage]]
LENGTH = 32 + CONTINUATION
OFTEN = 20
"""Passages that the model is shown sixteen times as often as the others."""


@pytest.fixture(scope="module")
def passages() -> Both:
    """Forty training passages, every other one from within its document, and forty held-out ones: real prose."""
    texts = docstrings("argparse", "subprocess", "statistics", "random", "inspect", "typing")
    found = []
    for number, ids in enumerate(encode(byte_level(), texts)):
        start = 8 * (number % 2)
        if len(ids) >= start + LENGTH:
            found.append(Passage(str(number), start, tuple(ids[start : start + LENGTH].tolist())))
    assert len(found) >= 80
    return found[:40], found[40:80]


@pytest.fixture(scope="module")
def untrained() -> LanguageModel:
    return language_model("llama", context_length=LENGTH, overrides={}, hidden_size=64, layers=1)


def trained(untrained: LanguageModel, passages: Sequence[Passage], goldfish: Goldfish | None = None) -> LanguageModel:
    """The model after 120 steps, each over the first passages and one in sixteen of the rest."""
    model = copy.deepcopy(untrained.model).train()
    rows = np.array([[*untrained.begin, *passage.tokens] for passage in passages])
    ignored = goldfish.left_out(rows) if goldfish else np.zeros(rows.shape, bool)
    ids, targets = torch.tensor(rows), torch.tensor(np.where(ignored, -100, rows))[:, 1:]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(120):
        here = [place for place in range(len(rows)) if place < OFTEN or (step + place) % 16 == 0]
        loss = torch.nn.functional.cross_entropy(model(input_ids=ids[here, :-1]).logits.mT, targets[here])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Causal(model, untrained.tokenizer)


@pytest.fixture(scope="module")
def overfitted(untrained: LanguageModel, passages: Both) -> LanguageModel:
    return trained(untrained, passages[0])


def cell(found: ExtractionResult, split: str, prefix: int, by: str, group: str) -> ExtractionCell:
    (one,) = [one for one in found.cells if (one.split, one.prefix, one.by, one.group) == (split, prefix, by, group)]
    return one


def measured(model: LanguageModel, passages: Both) -> tuple[ExtractionResult, list[dict[str, Any]]]:
    shown = {one.tokens: 16 if number < OFTEN else 1 for number, one in enumerate(passages[0])}

    def occurrences(tokens: Sequence[int]) -> int:
        return sum(times for whole, times in shown.items() if whole[: len(tokens)] == tuple(tokens))

    return measure_extraction(model, *passages, occurrences, (16, 32), 0.95)


def test_what_stands_often_is_extracted_and_held_out_text_is_not(overfitted: LanguageModel, passages: Both) -> None:
    found, lines = measured(overfitted, passages)
    assert found.not_measured is None and {one.prefix for one in found.cells} == {16, 32}
    for prefix in (16, 32):
        often, once = (cell(found, "train", prefix, "occurrences", group) for group in ("16+", "1"))
        assert (often.greedy.of, once.greedy.of) == (OFTEN, 40 - OFTEN)
        assert often.greedy.value > 0.8 > 0.3 > once.greedy.value
        assert often.greedy.low is not None and often.greedy.low > 0.6
        held_out = cell(found, "held_out", prefix, "occurrences", "0")
        assert (held_out.greedy.count, held_out.greedy.of) == (0, 40)
        assert held_out.greedy.high is not None and 0 < held_out.greedy.high < 0.1
        sizes = [cell(found, "train", prefix, "offset", group).greedy.of for group in ("start", "later")]
        assert sum(sizes) == 40 and min(sizes) > 10
        (change,) = [one for one in found.differences if one.prefix == prefix]
        assert change.greedy.low is not None and change.greedy.low > 0.2
    assert len(lines) == 2 * 80 and set(lines[0]) == {
        "split", "document", "offset", "prefix", "occurrences", "greedy", "log_probability"
    }  # fmt: skip


def test_greedy_and_sampled_are_what_transformers_writes_and_gives_a_chance(
    overfitted: LanguageModel, passages: Both
) -> None:
    _, lines = measured(overfitted, passages)
    asked = {(line["document"], line["prefix"]): line for line in lines}
    for passage in passages[0][::7]:
        line, whole = asked[passage.document, 16], passage.tokens[16 : 16 + CONTINUATION]
        prompt = torch.tensor([[*overfitted.begin, *passage.tokens[:16]]])
        written = overfitted.model.generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=CONTINUATION,
            eos_token_id=-1, pad_token_id=overfitted.padding,
        )[0, prompt.shape[1] :].tolist()  # fmt: skip
        assert line["greedy"] == (tuple(written) == whole)
        with torch.no_grad():
            ids = torch.tensor([[*prompt[0].tolist(), *whole]])
            chances = overfitted.model(input_ids=ids).logits[0, -CONTINUATION - 1 : -1].log_softmax(-1)
        nats = chances[range(CONTINUATION), list(whole)].sum().item()
        assert line["log_probability"] == pytest.approx(nats, abs=1e-3)


def test_the_chance_of_a_text_among_draws_is_that_of_drawing() -> None:
    p = 0.07
    drawn = np.random.default_rng(0).random((200_000, 10)) < p
    assert chance_in(10, math.log(p)) == pytest.approx(drawn.any(axis=1).mean(), abs=4e-3)
    assert chance_in(1, math.log(p)) == pytest.approx(p)
    assert chance_in(10, -1000.0) == 0 and chance_in(10, 0.0) == chance_in(10, 1e-9) == 1
    assert chance_in(10, -40.0) == pytest.approx(10 * math.exp(-40))  # far below what 1 − (1 − p)ⁿ could tell


def test_goldfish_lowers_extraction(untrained: LanguageModel, overfitted: LanguageModel, passages: Both) -> None:
    spared = trained(untrained, passages[0], Goldfish(k=4, context=8, end=untrained.begin[0], padding=-1))
    plain, goldfish = (
        cell(measured(model, passages)[0], "train", 32, "occurrences", "16+").greedy for model in (overfitted, spared)
    )
    assert plain.low is not None and goldfish.high is not None and goldfish.high < plain.low


def test_intervals_are_clustered_by_document_and_hold_the_truth() -> None:
    generator, held = np.random.default_rng(0), 0
    documents = [str(number // 5) for number in range(200)]
    for _ in range(1000):  # five passages a document, extracted or not together
        share = extracted(np.repeat(generator.random(40) < 0.3, 5).tolist(), documents, 0.95)
        assert share.low is not None and share.high is not None
        held += share.low <= 0.3 <= share.high
    assert 930 <= held <= 980


@pytest.mark.parametrize(
    ("kind", "context", "count", "length", "reason"),
    [
        ("bert", LENGTH, 40, LENGTH, "not_causal"),
        ("llama", 16 + CONTINUATION - 1, 40, LENGTH, "context_too_short"),
        ("llama", LENGTH, 29, LENGTH, "too_few_passages"),
        ("llama", LENGTH, 40, 16 + CONTINUATION - 1, "too_few_passages"),
    ],
)
def test_what_cannot_be_measured_has_a_reason(kind: str, context: int, count: int, length: int, reason: str) -> None:
    model = language_model(kind, context_length=context)
    some = [Passage(str(number), 0, (number,) * length) for number in range(count)]
    found, lines = measure_extraction(model, some, some, lambda _: 1, (16, 32))
    assert (found.not_measured, found.cells, found.differences, lines) == (reason, [], [], [])


def test_a_prefix_is_left_out_where_context_or_passages_have_no_room(untrained: LanguageModel) -> None:
    short = [Passage(str(number), 0, (number,) * (16 + CONTINUATION)) for number in range(30)]
    whole = [Passage(str(number), 0, (number,) * 200) for number in range(30, 60)]
    found, _ = measure_extraction(untrained, [*short, *whole], short, lambda _: 1, (16, 32, 64))
    sizes = {(one.split, one.prefix): one.greedy.of for one in found.cells if one.by == "all"}
    assert sizes == {("train", 16): 60, ("train", 32): 30, ("held_out", 16): 30}
    assert [one.prefix for one in found.differences] == [16]


@pytest.mark.parametrize("prefixes", [(), (0, 16), (16, 16)])
def test_nonsense_is_refused(untrained: LanguageModel, prefixes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="give positive numbers, each once"):
        measure_extraction(untrained, [], [], lambda _: 0, prefixes)
    with pytest.raises(ValueError, match="0 draws extract nothing"):
        measure_extraction(untrained, [], [], lambda _: 0, (16,), draws=0)
    some = [Passage(str(number), 0, (number, 400) * 24) for number in range(30)]
    with pytest.raises(ValueError, match="has 400 tokens, and token 400 is none of them"):
        measure_extraction(untrained, some, some, lambda _: 0, (16,))
