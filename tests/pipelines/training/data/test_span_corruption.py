"""Spans are cut out of a text, asked for in their order, and a document's are known from another's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import build_span_corruption
from desdecero.pipelines.training.data.span_corruption import SpanCorruption, documents_of

END, PADDING, LENGTH = 0, 1999, 128
SENTINELS = list(range(1000, 1100))


@pytest.fixture
def collator() -> SpanCorruption:
    return SpanCorruption(LENGTH, SENTINELS, END, PADDING)


def texts(rows: int, span: int, ends: float, seed: int = 0) -> np.ndarray:
    """Random tokens from 1 to 999, and in about a share of `ends` places the end of a document."""
    generator = np.random.default_rng(seed)
    tokens = generator.integers(1, 1000, (rows, span))
    tokens[generator.random(tokens.shape) < ends] = END
    return tokens


def restored(inputs: np.ndarray, targets: np.ndarray) -> list[int]:
    """The text, by putting each answer where its sentinel stands."""
    answers: dict[int, list[int]] = {}
    for token in targets[targets != IGNORED][:-1]:
        if token in SENTINELS:
            current = answers.setdefault(int(token), [])
        else:
            current.append(int(token))
    return [word for token in inputs for word in answers.get(int(token), [int(token)])]


def test_lengths_are_those_of_t5s_own_code() -> None:
    """Which says 568 and 114 for 512, one of which its inputs spend on an end token."""
    collator = SpanCorruption(511, SENTINELS, END, PADDING)
    assert (collator.span, collator.target_length) == (568, 114)


@pytest.mark.parametrize("length", [16, 17, 31, 64, 100, 257, 512])
def test_inputs_fill_the_context_exactly(length: int) -> None:
    collator = SpanCorruption(length, SENTINELS, END, PADDING)
    inputs, targets = collator(texts(50, collator.span, ends=0), np.random.default_rng(0))
    assert inputs.shape == (50, length)
    assert np.isin(inputs, SENTINELS).sum() == 50 * collator.spans
    assert targets.shape == (50, collator.target_length)
    assert (targets != IGNORED).all()


@pytest.mark.parametrize("ends", [0, 0.01, 0.1, 0.5])
def test_answers_restore_the_text(collator: SpanCorruption, ends: float) -> None:
    tokens = texts(200, collator.span, ends)
    inputs, targets = collator(tokens, np.random.default_rng(1))
    for row in range(200):
        text = restored(inputs[row], targets[row])
        assert text == tokens[row, : len(text)].tolist()
        asked = targets[row][targets[row] != IGNORED]
        assert asked[-1] == END and END not in asked[:-1]
        assert np.isin(asked, SENTINELS).sum() == np.isin(inputs[row], SENTINELS).sum()
        # Only what an end of text pushed out at the end is lost: two tokens at most for each that was spared.
        spared = (tokens[row] == END).sum()
        assert collator.span - 2 * spared <= len(text) <= collator.span
        assert ends or len(text) == collator.span


def test_sentinels_come_in_their_order_and_never_twice(collator: SpanCorruption) -> None:
    inputs, targets = collator(texts(100, collator.span, ends=0.05), np.random.default_rng(2))
    for row in (*inputs, *targets):
        found = row[np.isin(row, SENTINELS)]
        assert found.tolist() == SENTINELS[: len(found)]


def test_every_place_is_as_likely_to_be_noise(collator: SpanCorruption) -> None:
    noise = collator._noise(20_000, np.random.default_rng(3))
    assert set(noise.sum(axis=1)) == {collator.noise}
    assert collator.noise / collator.span == pytest.approx(0.15, abs=0.005)
    middle = noise.mean(axis=0)[5:-5]  # at the edges a span has fewer places to begin
    assert abs(middle - middle.mean()).max() < 4.5 * np.sqrt(0.15 * 0.85 / 20_000)


def test_more_spans_than_sentinels_leave_the_rest_as_text() -> None:
    """Documents of two tokens cut most spans in two."""
    collator = SpanCorruption(64, SENTINELS, END, PADDING, density=0.4, mean=8.0)
    scarce = SpanCorruption(64, SENTINELS[: collator.spans], END, PADDING, density=0.4, mean=8.0)
    tokens = texts(100, collator.span, ends=0.3)
    inputs, targets = scarce(tokens, np.random.default_rng(4))
    assert (np.isin(collator(tokens, np.random.default_rng(4))[0], SENTINELS).sum(axis=1) > scarce.spans).any()
    assert not np.isin(inputs, SENTINELS[scarce.spans :]).any()
    for row in range(100):
        text = restored(inputs[row], targets[row])
        assert text == tokens[row, : len(text)].tolist()


def test_each_target_is_known_to_belong_to_the_document_that_its_answer_is_cut_from(collator: SpanCorruption) -> None:
    tokens = texts(100, collator.span, ends=0.03)
    # Each document speaks in hundreds of its own, so that a token tells where it comes from.
    numbers = (tokens == END).cumsum(axis=1)
    tokens = np.where(tokens == END, END, 100 * (numbers % 9) + 1 + tokens % 99)
    inputs, targets = (torch.from_numpy(part) for part in collator(tokens, np.random.default_rng(5)))
    of_inputs, of_targets = documents_of(inputs, targets, torch.tensor(SENTINELS), END, PADDING)
    for ids, documents in ((inputs, of_inputs), (targets, of_targets)):
        words = (ids > 0) & (ids < 1000)
        assert torch.equal(ids[words] // 100, documents[words] % 9)
    assert len(of_targets.unique()) > 3


def test_padding_is_neither_hidden_nor_asked_for(collator: SpanCorruption) -> None:
    tokens = texts(200, collator.span, ends=0.01)
    tokens[:, 40] = PADDING  # before what goes on with a document
    for row in range(200):
        tokens[row, row % 40 + 1 if row < 40 else row // 2 + 45 :] = PADDING
    inputs, targets = collator(tokens, np.random.default_rng(6))
    assert not (targets == PADDING).any()
    assert inputs.shape == (200, LENGTH) and (inputs[:, -1] == PADDING).mean() > 0.8
    asked = (targets != IGNORED).sum(axis=1)
    assert set(asked[asked < 3]) == {0}  # a sentinel, a word and the end, or nothing
    assert 0 < (asked == 0).sum() < 60
    for row in range(200):
        if asked[row]:
            text = restored(inputs[row], targets[row])
            assert text == tokens[row, : len(text)].tolist()


def test_a_batch_is_the_same_however_it_is_reached(tmp_path: Path, collator: SpanCorruption) -> None:
    texts(40, collator.span, ends=0.01).astype("<u2").tofile(tmp_path / "train.bin")
    walked = Batches([tmp_path / "train.bin"], "<u2", collator, 4, 0, 1100)
    for step in range(15):
        expected = walked.batch(step)
    fresh = Batches([tmp_path / "train.bin"], "<u2", collator, 4, 0, 1100).batch(14)
    assert all(torch.equal(one, other) for one, other in zip(expected, fresh, strict=True))
    assert not torch.equal(walked.batch(0)[0], walked.batch(10)[0])  # the second epoch cuts elsewhere


RECIPE = """\
name: spans
purpose: To test.
languages: [en]
corpus: {sources: [{kind: files, path: texts, license: PSF-2.0}]}
pretrain: {budget: {steps: 1}}
"""


def test_a_tokenizer_with_sentinels_serves_span_corruption(prose: list[str], tmp_path: Path) -> None:
    (tmp_path / "spans.yaml").write_text(RECIPE, encoding="utf-8")
    overrides = ["tokenizer={vocab_size: 500, sentinels: 20}", "model.context_length=64"]
    recipe = load_recipe(tmp_path / "spans.yaml", overrides)
    train(recipe.tokenizer, prose).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    collator = build_span_corruption(recipe, tokenizer)
    assert tokenizer.convert_ids_to_tokens(int(collator.sentinels[19])) == "<extra_id_19>"
    ids = np.array(tokenizer("".join(prose[:20]))["input_ids"][: collator.span])[None]
    inputs, targets = collator(ids, np.random.default_rng(0))
    assert tokenizer.decode(inputs[0]).count("<extra_id_0>") == tokenizer.decode(targets[0]).count("<extra_id_0>") == 1

    longer = load_recipe(tmp_path / "spans.yaml", [*overrides, "model.context_length=512"])
    with pytest.raises(UserError, match=r"tokenizer\.sentinels 20 are too few.* has 28 spans"):
        build_span_corruption(longer, tokenizer)
