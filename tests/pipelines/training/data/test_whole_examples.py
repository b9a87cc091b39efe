"""Examples are packed whole, seen once an epoch, and see nothing of each other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from small_models import PADDING, SENTINELS, SEPARATOR, WORDS, random_model, reading, small
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.load import kind_of
from desdecero.pipelines.finetuning.conversations import encode_conversations
from desdecero.pipelines.finetuning.example import Example, Message
from desdecero.pipelines.recipe import Budget, Chat, Pretrain
from desdecero.pipelines.tokenizer.chat import add_chat
from desdecero.pipelines.training.data.whole_examples import Pair, WholeExamples
from desdecero.pipelines.training.model_with_loss import ModelWithLoss

LENGTH = 48
CAUSAL = ["gpt2", "llama", "qwen3"]


def example(length: int, seed: int, end_at: int | None = None, opening: int = SEPARATOR) -> Pair:
    """Random tokens after an opening; the last half of them are targets. With `end_at`, an end of text inside."""
    tokens = np.random.default_rng(seed).integers(4, SENTINELS[0], length + 1).astype(np.int32)
    tokens[0] = opening
    if end_at is not None:
        tokens[end_at] = SEPARATOR
    targets = np.where(np.arange(1, length + 1) > length // 2, tokens[1:], IGNORED).astype(np.int32)
    return tokens[:-1], targets


def pair(length: int, answer: int, seed: int, end_at: int | None = None) -> Pair:
    """A question and an answer of their own lengths."""
    generator = np.random.default_rng(seed)
    read, written = (generator.integers(4, SENTINELS[0], n).astype(np.int32) for n in (length, answer))
    read[0] = SEPARATOR
    if end_at is not None:
        read[end_at] = SEPARATOR
    return read, written


def packed(examples: list[Pair], **options: Any) -> WholeExamples:
    given: dict[str, Any] = {"length": LENGTH, "size": 4, "seed": 0, "end": SEPARATOR, "padding": PADDING, **options}
    return WholeExamples(examples, **given)


def module(model: PreTrainedModel, data: WholeExamples, sentinels: Sequence[int] = SENTINELS) -> ModelWithLoss:
    settings = Pretrain(budget=Budget(steps=1))
    return ModelWithLoss(model, settings, sentinels=sentinels, context_length=LENGTH, separator=data.separator)


def logits(measured: ModelWithLoss, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        states = measured.states(inputs, targets)
        if measured.model.config.is_encoder_decoder and measured.model.config.scale_decoder_outputs:
            states = states * measured.model.config.d_model**-0.5
        return measured.model.get_output_embeddings()(states)


# --- rows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end_at", [None, 3])
def test_every_example_stands_whole_in_one_row(end_at: int | None) -> None:
    lengths = np.random.default_rng(0).integers(5, LENGTH + 1, 200)
    examples = [example(int(length), seed, end_at) for seed, length in enumerate(lengths)]
    data = packed(examples)
    inputs, targets = data.spread(data.rows)
    assert inputs.shape == targets.shape == (data.rows, LENGTH) and round(data.row_tokens * data.rows) == lengths.sum()
    assert inputs.dtype == targets.dtype == torch.int64
    found = []
    for row, asked in zip(inputs.numpy(), targets.numpy(), strict=True):
        begins = np.flatnonzero(row == SEPARATOR)[:: 1 if end_at is None else 2]
        for begin, after in zip(begins, [*begins[1:], LENGTH], strict=True):
            whole = row[begin:after] != PADDING
            assert whole[: whole.sum()].all() and (asked[begin:after][~whole] == IGNORED).all()
            found.append((row[begin:after][whole].tolist(), asked[begin:after][whole].tolist()))
    assert sorted(found) == sorted((a.tolist(), b.tolist()) for a, b in examples)
    between = 0 if end_at is None else 1
    assert data.rows <= 1.1 * np.ceil((lengths + between).sum() / (LENGTH + between))


def test_each_epoch_sees_every_row_once_in_an_order_of_the_seed() -> None:
    examples = [example(LENGTH, seed) for seed in range(24)]
    data, other = packed(examples), packed(examples, seed=1)
    epochs = [torch.cat([data.batch(step)[0] for step in range(start, start + 6)]) for start in (0, 6)]
    for epoch in epochs:
        assert sorted(epoch.tolist()) == sorted(a.tolist() for a, _ in examples)
    assert not torch.equal(*epochs) and not torch.equal(other.batch(0)[0], data.batch(0)[0])
    fresh = packed(examples).batch(7)
    assert all(torch.equal(one, same) for one, same in zip(fresh, data.batch(7), strict=True))
    assert packed(examples[:1]).batch(3)[0].shape == (4, LENGTH)


def test_rows_to_try_are_spread_and_always_the_same() -> None:
    data = packed([example(length, length) for length in range(10, LENGTH)])
    everything = data.spread(999)[0]
    assert len(everything) == data.rows
    assert torch.equal(data.spread(3)[0], everything[np.arange(3) * data.rows // 3])


def test_pairs_have_rows_of_their_own() -> None:
    pairs = [pair(10 + seed, 3 + seed, seed) for seed in range(6)]
    data = packed(pairs, packed=False)
    inputs, targets = data.spread(6)
    assert (data.length, data.target_length, data.rows) == (LENGTH, 8, 6) and targets.shape == (6, 8)
    for number, (read, written) in enumerate(pairs):
        assert inputs[number].tolist() == [*read, *[PADDING] * (LENGTH - len(read))]
        assert targets[number].tolist() == [*written, *[IGNORED] * (8 - len(written))]


def test_no_examples_and_one_that_is_too_long_are_refused() -> None:
    with pytest.raises(ValueError, match="no examples to train on"):
        packed([])
    with pytest.raises(ValueError, match="an example has 49 tokens, and a row 48"):
        packed([example(5, 0), example(49, 1)])


@pytest.mark.parametrize(
    ("options", "separator"),
    [
        ({}, None),
        ({"end_at": 3}, PADDING),
        ({"opening": 7}, PADDING),
        ({"padding": None}, 1),
        ({"padding": SEPARATOR}, 1),
        ({"padding": 7, "opening": 7}, SEPARATOR),
    ],
)
def test_what_tells_examples_apart_is_in_none_of_them(options: dict[str, Any], separator: int | None) -> None:
    """Published models end turns with the end-of-text token, have no padding token, or the same one for both."""
    padding = {name: value for name, value in options.items() if name == "padding"}
    examples = [example(20, seed, **{k: v for k, v in options.items() if k != "padding"}) for seed in range(5)]
    data = packed(examples, **padding)
    inputs, _ = data.spread(9)
    assert data.separator == separator
    unused = PADDING if separator is None else separator
    assert not any(unused in read for read, _ in examples)
    assert (inputs == unused).sum() == inputs.numel() - round(data.row_tokens * data.rows)


# --- what they see ---------------------------------------------------------------------------------------------

KINDS = [{}, {"end_at": 5}, {"opening": 9, "end_at": 5}]
"""An example that opens with the end-of-text token, as this project's template has it; one that also has it at the
end of a turn; one that does not open with it."""


@pytest.mark.parametrize("architecture", CAUSAL)
@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_example_sees_nothing_of_the_one_before_it(architecture: str, kind: dict[str, Any]) -> None:
    model, second = small(architecture, LENGTH), example(17, 1, **kind)
    found = []
    for first in (example(20, 2, **kind), example(20, 3, **kind)):
        data = packed([first, second], size=1)
        (inputs, targets), measured = data.batch(0), module(model, data)
        (begin,) = [at for at in range(20, LENGTH) if inputs[0, at : at + 17].tolist() == second[0].tolist()]
        assert begin == 20 + data.between
        found.append(logits(measured, inputs, targets)[:, begin : begin + 17])
        loss, _ = measured(inputs, targets)
        assert torch.isfinite(loss)
    torch.testing.assert_close(*found, rtol=0, atol=1e-4)
    with torch.no_grad():  # and it is read as when it stands alone, turns before its own included
        alone = model(input_ids=torch.from_numpy(second[0]).long()[None]).logits
    torch.testing.assert_close(found[0], alone, rtol=0, atol=1e-4)


def test_the_comparison_would_see_a_leak() -> None:
    """Padding stands between the two, but is not told to be what separates them."""
    model, found = small("llama", LENGTH), []
    for seed in (2, 3):
        data = packed([example(20, seed, opening=9), example(17, 1, opening=9)], size=1)
        data.separator = WORDS - 1  # stands nowhere
        inputs, targets = data.batch(0)
        found.append(logits(module(model, data), inputs, targets)[:, 21:38])
    assert (found[0] - found[1]).abs().max() > 1e-2


@pytest.mark.parametrize("end_at", [None, 5])
def test_an_encoder_decoder_sees_no_padding_and_all_of_its_question(end_at: int | None) -> None:
    """Also where the end-of-text token stands inside it."""
    model = small("t5", LENGTH)
    pairs = [pair(12, 9, 0, end_at), pair(30, 4, 1, end_at), pair(LENGTH, 7, 2, end_at)]
    data = packed(pairs, packed=False)
    assert data.separator == PADDING
    inputs, targets = data.spread(3)
    together = logits(module(model, data), inputs, targets)
    for row, (read, written) in enumerate(pairs):
        with torch.no_grad():
            asked = {"input_ids": torch.from_numpy(read).long()[None], "labels": torch.from_numpy(written).long()[None]}
            alone = model(**asked).logits
        torch.testing.assert_close(together[row : row + 1, : len(written)], alone, rtol=0, atol=1e-4)


# --- and it works ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["llama", "t5"])
def test_what_was_learnt_from_conversations_is_answered(architecture: str) -> None:
    """From examples to answers: template, targets, packing, loss and the end of an answer agree."""
    said = {"Return": "a list", "Set": "the items", "Raise": "an error", "If": "not given"}
    talks = [Example(messages=(Message("user", a), Message("assistant", b))) for a, b in said.items()]
    tokenizer = copy.deepcopy(reading(architecture))
    add_chat(tokenizer, Chat())
    model = random_model(architecture, context_length=LENGTH, overrides={})
    torch.manual_seed(0)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    seq2seq = architecture == "t5"
    pairs = encode_conversations(talks, tokenizer, LENGTH, "span_corruption" if seq2seq else "causal").pairs
    ends = tokenizer.eos_token_id, tokenizer.pad_token_id
    data = WholeExamples(pairs, LENGTH, 4, 0, *ends, packed=not seq2seq)
    measured = module(model, data, tokenizer.convert_tokens_to_ids([f"<extra_id_{n}>" for n in range(8 * seq2seq)]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for step in range(60):
        loss, _ = measured(*data.batch(step))
        optimizer.zero_grad()
        (loss / 16).backward()
        optimizer.step()
    asked = [[{"role": "user", "content": content}] for content in said]
    answers = kind_of(architecture)(model, tokenizer).reply(asked, Decoding(12))
    assert [tokenizer.decode(answer.written[0]) for answer in answers] == list(said.values())
