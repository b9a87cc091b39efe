"""A token sees its own document and no other, and the loss is that of the model's own output layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_models import ARCHITECTURES, OTHERS, PADDING, SENTINELS, SEPARATOR, WORDS, small
from transformers import PreTrainedModel

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Budget, Pretrain
from desdecero.pipelines.training.model.document_masking import read_pair
from desdecero.pipelines.training.model_with_loss import ModelWithLoss

LENGTH = 64
ALL = [*ARCHITECTURES, *OTHERS]
ENCODER_DECODERS = ["t5", "umt5"]
SINGLE = [name for name in ALL if name not in ENCODER_DECODERS]


@pytest.fixture
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return small(request.param, LENGTH)


def objective(model: PreTrainedModel, isolate: bool = True, **options: Any) -> ModelWithLoss:
    wanted = Pretrain(budget=Budget(steps=1), isolate_documents=isolate, **options)
    return ModelWithLoss(model, wanted, sentinels=SENTINELS, context_length=LENGTH)


def documents(*lengths: int) -> list[torch.Tensor]:
    texts = [torch.randint(4, SENTINELS[0], (1, length)) for length in lengths]
    for text in texts:
        text[0, 0] = SEPARATOR  # the end of what was before is where a document, or a prompt, begins
    return texts


def question(length: int, *places: int, first: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """(inputs, targets) of a document with spans of two tokens cut out, numbered from `first`."""
    (text,) = documents(length)
    answers = []
    for number, place in enumerate(places, start=first):
        text[0, place] = SENTINELS[number]
        answers.append(torch.tensor([[SENTINELS[number], *torch.randint(4, SENTINELS[0], (2,))]]))
    return text, torch.cat(answers, dim=1)


def hidden(model: PreTrainedModel, inputs: torch.Tensor, isolate: bool = True) -> torch.Tensor:
    with torch.no_grad():
        options = objective(model, isolate).attention(inputs)
        return model.base_model(input_ids=inputs, **options).last_hidden_state


@pytest.mark.parametrize("model", SINGLE, indirect=True)
def test_packed_documents_see_nothing_of_each_other(model: PreTrainedModel) -> None:
    texts = documents(10, 21, 1, 32)
    apart = torch.cat([hidden(model, text) for text in texts], dim=1)
    torch.testing.assert_close(hidden(model, torch.cat(texts, dim=1)), apart, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", SINGLE, indirect=True)
def test_what_is_packed_to_fit_sees_neither_padding_nor_what_stands_before_it(model: PreTrainedModel) -> None:
    """A document, what goes on with another after padding, a document, and padding to the end."""
    (rest,), padding = (text[:, 1:] for text in documents(22)), torch.full((1, 1), PADDING)
    first, last = documents(12, 20)
    rows = [first, padding, rest, last, *[padding] * 10]
    together = hidden(model, torch.cat(rows, dim=1)).split([row.shape[1] for row in rows], dim=1)
    assert torch.isfinite(torch.cat(together, dim=1)).all()
    for place in (0, 2, 3):
        torch.testing.assert_close(together[place], hidden(model, rows[place]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", SINGLE, indirect=True)
def test_the_comparison_would_see_a_leak(model: PreTrainedModel) -> None:
    texts = documents(30, 34)
    apart = torch.cat([hidden(model, text, isolate=False) for text in texts], dim=1)
    assert (hidden(model, torch.cat(texts, dim=1), isolate=False) - apart).abs().max() > 1e-3


@pytest.mark.parametrize("model", SINGLE, indirect=True)
def test_a_document_is_seen_as_plain_transformers_see_it(model: PreTrainedModel) -> None:
    """What is trained is what is used: without separators inside, the model's own call gives the same."""
    (text,) = documents(40)
    with torch.no_grad():
        plain = model.base_model(input_ids=text).last_hidden_state
    torch.testing.assert_close(hidden(model, text), plain, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", ENCODER_DECODERS, indirect=True)
def test_answers_of_packed_documents_see_nothing_of_each_other(model: PreTrainedModel) -> None:
    """Encoder and decoder alike: each document's logits are those of plain transformers on it alone."""
    pairs = [question(14, 3, 8), question(5, 2, first=2), question(30, 1, 9, 20, first=3)]
    pairs[2][0][0, 0] = 7  # goes on with a document, after padding
    padding = torch.full((1, 1), PADDING)
    inputs = torch.cat([pairs[0][0], pairs[1][0], padding, pairs[2][0], padding, padding], dim=1)
    targets = torch.cat([answer for _, answer in pairs], dim=1)
    for isolate in (True, False):
        with torch.no_grad():
            together = objective(model, isolate).states(inputs, targets)
            scale = model.config.d_model**-0.5 if model.config.scale_decoder_outputs else 1.0
            logits = model.get_output_embeddings()(together * scale)
            apart = torch.cat([model(input_ids=x, labels=y).logits for x, y in pairs], dim=1)
        if isolate:
            torch.testing.assert_close(logits, apart, rtol=0, atol=1e-4)
        else:  # the comparison would see a leak
            assert (logits - apart).abs().max() > 1e-2


@pytest.mark.parametrize("model", ALL, indirect=True)
def test_loss_is_that_of_the_whole_logits(model: PreTrainedModel) -> None:
    inputs, targets = torch.cat(documents(LENGTH, LENGTH)), torch.randint(4, WORDS, (2, LENGTH))
    measured_by = objective(model, isolate=False)
    if measured_by.objective == "masked":
        targets[torch.rand(targets.shape) < 0.7] = IGNORED
    if measured_by.objective == "span_corruption":
        targets = targets[:, :12].contiguous()
        targets[0, 9:] = IGNORED
        logits = model(input_ids=inputs, labels=targets).logits
    else:
        logits = model(input_ids=inputs).logits
    total, measured = measured_by(inputs, targets)
    wanted = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    torch.testing.assert_close(total, wanted)
    torch.testing.assert_close(measured, wanted)
    names = [name for name, _ in model.named_parameters()]
    ours = torch.autograd.grad(total, list(model.parameters()), allow_unused=True)
    theirs = torch.autograd.grad(wanted, list(model.parameters()), allow_unused=True)
    for name, one, other in zip(names, ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize(("name", "linear"), [("llama", True), ("gemma2", False), ("roberta", False)])
def test_logits_that_are_more_than_a_linear_layer_are_taken_from_the_model(name: str, linear: bool) -> None:
    """gemma2 caps its logits and roberta has a layer before them: both would train another model than is loaded."""
    assert objective(small(name, LENGTH)).linear is linear


def test_label_smoothing_and_z_loss_are_the_same_whichever_way_the_logits_are_had() -> None:
    inputs, targets = torch.cat(documents(32, 32)), torch.randint(4, WORDS, (2, 32))
    losses = []
    for linear in (True, False):
        measured_by = objective(small("llama", LENGTH), label_smoothing=0.1, z_loss=1e-2)
        measured_by.linear = linear
        losses.append(measured_by(inputs, targets))
    assert losses[0][0] > losses[0][1]
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("model", ALL, indirect=True)
def test_gradient_checkpointing_changes_neither_gradients_nor_isolation(model: PreTrainedModel) -> None:
    model.train()
    if model.config.is_encoder_decoder:
        pairs = [question(24, 3, 8), question(40, 1, 9, 20, first=2)]
        inputs, targets = (torch.cat(part, dim=1) for part in zip(*pairs, strict=True))
    else:
        inputs, targets = torch.cat(documents(24, 40), dim=1), torch.randint(4, WORDS, (1, LENGTH))
    gradients = []
    for checkpointing in (False, True):
        measured_by = objective(model, gradient_checkpointing=checkpointing)
        assert any(getattr(m, "gradient_checkpointing", False) for m in model.modules()) is checkpointing
        loss, _ = measured_by(inputs, targets)
        gradients.append(torch.autograd.grad(loss, list(model.parameters()), allow_unused=True))
    for without, with_it in zip(*gradients, strict=True):
        torch.testing.assert_close(with_it, without)


def test_a_model_that_cannot_keep_documents_apart_is_refused_in_a_sentence() -> None:
    shape = {"num_hidden_layers": 2, "hidden_size": 32, "state_size": 8, "expand": 2}
    mamba = small("mamba", LENGTH, overrides=shape)
    with pytest.raises(UserError, match=r"mamba lets packed documents see each other.*isolate_documents to false"):
        objective(mamba)
    loss, _ = objective(mamba, isolate=False)(*(torch.randint(4, WORDS, (1, 16)) for _ in range(2)))
    assert torch.isfinite(loss)


def test_a_context_that_the_model_has_no_positions_for_is_refused_in_a_sentence() -> None:
    """roberta counts its positions from the one after the padding's, and so needs two more than there are tokens."""
    shape = {**OTHERS["roberta"], "max_position_embeddings": LENGTH}
    with pytest.raises(UserError, match=r"roberta has no positions for the 64 tokens .* raise model\.overrides"):
        objective(small("roberta", LENGTH, overrides=shape))


def test_the_start_of_training_is_the_same_with_and_without_the_trial() -> None:
    """Which must not draw from torch's own generator: dropout and data come from it."""
    model = small("bert", LENGTH, dropout=0.1).train()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    objective(model)
    assert torch.equal(torch.rand(4), expected) and model.training


def test_a_decoder_reads_what_it_should_write_one_place_later() -> None:
    model = small("t5", LENGTH)
    inputs, targets = question(20, 3, 8)
    with torch.no_grad():
        changed = targets.clone()
        changed[0, 4:] = 5
        states = [read_pair(model, inputs, each) for each in (targets, changed)]
    torch.testing.assert_close(states[0][:, :5], states[1][:, :5])
    assert (states[0][:, 5:] - states[1][:, 5:]).abs().max() > 1e-3
