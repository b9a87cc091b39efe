"""A token sees its own document and no other, and the loss is that of the model's own output layer."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from pipelines.recipe import Budget, Model, Pretrain
from pipelines.training.batches import IGNORED
from pipelines.training.models import MASKED, build_config, build_model
from pipelines.training.objective import Objective

ARCHITECTURES = ["llama", "qwen3", "gpt2", "bert", "modernbert"]
SEPARATOR, LENGTH = 0, 64


@pytest.fixture(params=ARCHITECTURES)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    special = {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>", "mask_token": "[MASK]", "cls_token": "[CLS]"}
    vocabulary = {word: i for i, word in enumerate([*special.values(), *(f"t{i}" for i in range(4, 320))])}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(vocabulary, "t4")), **special)
    torch.manual_seed(0)
    size = Model(architecture=request.param, layers=4, hidden_size=64, heads=4, context_length=LENGTH)
    return build_model(build_config(size, tokenizer)).eval()


def objective(model: PreTrainedModel, isolate: bool = True) -> Objective:
    return Objective(model, Pretrain(budget=Budget(steps=1), isolate_documents=isolate), in_bfloat16=False)


def documents(*lengths: int) -> list[torch.Tensor]:
    texts = [torch.randint(4, 320, (1, length)) for length in lengths]
    for text in texts:
        text[0, 0] = SEPARATOR  # the end of what was before is where a document, or a prompt, begins
    return texts


def hidden(model: PreTrainedModel, inputs: torch.Tensor, isolate: bool = True) -> torch.Tensor:
    with torch.no_grad():
        options = objective(model, isolate).attention(inputs)
        return model.base_model(input_ids=inputs, **options).last_hidden_state


def test_packed_documents_see_nothing_of_each_other(model: PreTrainedModel) -> None:
    texts = documents(10, 21, 1, 32)
    apart = torch.cat([hidden(model, text) for text in texts], dim=1)
    torch.testing.assert_close(hidden(model, torch.cat(texts, dim=1)), apart, rtol=0, atol=1e-5)


def test_the_comparison_would_see_a_leak(model: PreTrainedModel) -> None:
    texts = documents(30, 34)
    apart = torch.cat([hidden(model, text, isolate=False) for text in texts], dim=1)
    assert (hidden(model, torch.cat(texts, dim=1), isolate=False) - apart).abs().max() > 1e-3


def test_a_document_is_seen_as_plain_transformers_see_it(model: PreTrainedModel) -> None:
    """What is trained is what is used: without separators inside, the model's own call gives the same."""
    (text,) = documents(40)
    with torch.no_grad():
        plain = model.base_model(input_ids=text).last_hidden_state
    torch.testing.assert_close(hidden(model, text), plain, rtol=0, atol=1e-5)


def test_loss_is_that_of_the_whole_logits(model: PreTrainedModel) -> None:
    inputs, targets = torch.cat(documents(LENGTH, LENGTH)), torch.randint(4, 320, (2, LENGTH))
    if model.config.model_type in MASKED:
        targets[torch.rand(targets.shape) < 0.7] = IGNORED
    total, measured = objective(model, isolate=False)(inputs, targets)
    logits = model(input_ids=inputs).logits
    wanted = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    torch.testing.assert_close(total, wanted)
    torch.testing.assert_close(measured, wanted)
    names = [name for name, _ in model.named_parameters()]
    ours = torch.autograd.grad(total, list(model.parameters()), allow_unused=True)
    theirs = torch.autograd.grad(wanted, list(model.parameters()), allow_unused=True)
    for name, one, other in zip(names, ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}")
