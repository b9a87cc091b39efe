"""The loss of models with labels, against transformers' own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_models import reading, wanted
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.training.model.attention import BLOCKWISE
from desdecero.pipelines.training.model.build import build_config
from desdecero.pipelines.training.model_with_labels import ModelWithLabels

LENGTHS = (5, 9, 7)


def with_head(auto: Any, architecture: str, several: bool = False) -> tuple[Any, int, torch.Tensor]:
    """Return a small model with three labels, its padding, and rows of several lengths, padded."""
    tokenizer = reading(architecture)
    config = build_config(wanted(architecture), tokenizer)
    config.num_labels = 3
    config.problem_type = "multi_label_classification" if several else None
    torch.manual_seed(0)
    model = auto.from_config(config).eval()
    inputs = torch.full((len(LENGTHS), max(LENGTHS) + 3), tokenizer.pad_token_id)
    for row, length in zip(inputs, LENGTHS, strict=True):
        row[:length] = torch.randint(10, 200, (length,))
        row[length - 1] = tokenizer.eos_token_id
    return model, tokenizer.pad_token_id, inputs


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "bert", "t5"])
def test_the_loss_of_texts_is_that_of_transformers_one_by_one(architecture: str) -> None:
    model, padding, inputs = with_head(AutoModelForSequenceClassification, architecture)
    targets = torch.tensor([[2], [0], [1]])
    loss, measured = ModelWithLabels(model, padding)(inputs, targets)
    alone = [
        model(input_ids=row[None, :length], labels=target).loss
        for row, length, target in zip(inputs, LENGTHS, targets, strict=True)
    ]
    assert loss.item() == pytest.approx(sum(alone).item(), rel=1e-5) and measured.item() == loss.item()
    assert loss.requires_grad and not measured.requires_grad


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "bert"])
def test_blockwise_attention_gives_padded_rows_the_same_loss_and_gradients(architecture: str) -> None:
    model, padding, inputs = with_head(AutoModelForSequenceClassification, architecture)
    targets, found = torch.tensor([[2], [0], [1]]), []
    for attention in ("sdpa", BLOCKWISE):
        model.set_attn_implementation(attention)
        loss, _ = ModelWithLabels(model, padding)(inputs, targets)
        loss.backward()
        weights = [weight for weight in model.parameters() if weight.grad is not None]
        found.append((loss.item(), torch.cat([weight.grad.flatten() for weight in weights])))
        model.zero_grad()
    (loss, gradient), (own, own_gradient) = found
    assert own == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(own_gradient, gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_batches_of_many_lengths_share_their_programs() -> None:
    torch._dynamo.reset()  # other tests have compiled the same code in other precisions
    model, padding, _ = with_head(AutoModelForSequenceClassification, "bert")
    module, targets = ModelWithLabels(model, padding), torch.zeros(4, 1, dtype=torch.long)
    module.compile()
    with torch.no_grad():
        module(torch.randint(10, 200, (4, 6)), targets)
        with torch._dynamo.config.patch(error_on_recompile=True):
            for length in range(7, 20):
                module(torch.randint(10, 200, (4, length)), targets)


def test_the_loss_of_several_labels_is_that_of_a_decision_for_each() -> None:
    model, padding, inputs = with_head(AutoModelForSequenceClassification, "bert", several=True)
    targets = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    loss, _ = ModelWithLabels(model, padding, several=True)(inputs, targets)
    alone = [
        3 * model(input_ids=row[None, :length], labels=target[None].float()).loss  # its mean is over the labels
        for row, length, target in zip(inputs, LENGTHS, targets, strict=True)
    ]
    assert loss.item() == pytest.approx(sum(alone).item(), rel=1e-5)
    ignored, _ = ModelWithLabels(model, padding, several=True)(inputs, torch.full_like(targets, IGNORED))
    assert ignored.item() == 0


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_the_loss_of_tokens_leaves_out_those_without_a_target(architecture: str) -> None:
    model, padding, inputs = with_head(AutoModelForTokenClassification, architecture)
    targets = torch.randint(0, 3, inputs.shape)
    targets[:, 0] = IGNORED
    targets[inputs == padding] = IGNORED
    loss, _ = ModelWithLabels(model, padding, by_token=True)(inputs, targets)
    alone = [
        (length - 1) * model(input_ids=row[None, :length], labels=target[None, :length]).loss
        for row, length, target in zip(inputs, LENGTHS, targets, strict=True)
    ]
    assert loss.item() == pytest.approx(sum(alone).item(), rel=1e-5)
