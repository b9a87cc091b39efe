"""Likelihoods of continuations, and features, against one text at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_models import ARCHITECTURES, language_model, texts

from desdecero.eval_suites.models.interface import BATCH_TOKENS


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_words_and_their_ids_are_one_question(architecture: str) -> None:
    model = language_model(architecture, context_length=64)
    contexts, continuations = ["Return the", "If it is true, return", ""], [" value of the array", " it", "Return"]
    found = model.log_likelihood(contexts, continuations)
    assert (found < 0).all()
    ids = [[model.prompt_ids(text) for text in part] for part in (contexts, continuations)]
    assert model.log_likelihood(*ids) == pytest.approx(found, rel=1e-5)
    assert model.log_likelihood([], []).shape == (0,)


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_the_company_of_a_pair_does_not_matter(architecture: str) -> None:
    model = language_model(architecture, context_length=64)
    pairs = [(text[:20], text[20 : 20 + 3 * number]) for number, text in enumerate(texts(), start=1)]
    together = model.log_likelihood(*zip(*pairs, strict=True))
    for pair, found in zip(pairs, together, strict=True):
        assert model.log_likelihood(*([part] for part in pair)) == pytest.approx([found], rel=1e-4)


def test_words_that_the_tokenizer_joins_are_taken_each_for_itself() -> None:
    model, context, continuation = language_model("llama", context_length=64), "Return th", "e number"
    parts = [model.prompt_ids(context), model.prompt_ids(continuation)]
    assert model.prompt_ids(f"{context}{continuation}")[: len(parts[0])] != parts[0]
    found = model.log_likelihood([context], [continuation])
    assert found == model.log_likelihood(parts[:1], parts[1:])


@torch.no_grad()
def test_a_continuation_is_cut_as_in_the_whole() -> None:
    model = language_model("llama", context_length=64)
    whole = model.prompt_ids("Return the number of elements")
    before = model.prompt_ids("Return the number")
    assert whole[: len(before)] == before
    (found,) = model.log_likelihood(["Return the number"], [" of elements"])
    logits = model.model(input_ids=torch.tensor([[*model.begin, *whole[:-1]]])).logits[0].log_softmax(-1)
    expected = sum(float(logits[place, whole[place]]) for place in range(len(before), len(whole)))
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_long_context_is_cut_from_the_left_and_a_long_continuation_is_refused() -> None:
    model = language_model("llama")
    context, continuation = list(range(10, 40)), list(range(50, 60))
    found = model.log_likelihood([context], [continuation])
    assert found == model.log_likelihood([context[-5:]], [continuation])
    assert found != model.log_likelihood([context[-4:]], [continuation])
    with pytest.raises(ValueError, match="16 tokens is more than the 15 that fit"):
        model.log_likelihood([[]], [list(range(10, 26))])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.no_grad()
def test_features_are_the_mean_hidden_state_of_a_texts_own_tokens(architecture: str) -> None:
    model = language_model(architecture, context_length=64)
    sample = [text[:length] for text, length in zip(texts(), (200, 40, 8, 120), strict=False)]
    for layer in (-1, 0):
        found = model.features(sample, layer)
        assert found.shape == (4, 32) and found.dtype == np.float32
        for text, feature in zip(sample, found, strict=True):
            ids = model.prompt_ids(text)[: model.room()]
            row = torch.tensor([[*model.begin, *ids, *model.end]])
            reader = model.model.get_encoder() if architecture == "t5" else model.model.base_model
            states = reader(input_ids=row, output_hidden_states=True).hidden_states[layer][0]
            own = states[len(model.begin) : len(model.begin) + len(ids)]
            assert feature == pytest.approx(own.mean(dim=0).numpy(), abs=1e-4)
        assert model.features([], layer).shape == (0, 32)


def test_a_text_without_tokens_has_no_features() -> None:
    with pytest.raises(ValueError, match="text 1 has no tokens"):
        language_model("bert").features(["a", ""])


def test_rows_of_a_batch_fit_its_tokens_and_are_all_taken() -> None:
    model, rows = language_model("llama"), [[7] * length for length in (3, 700, 90, 1, 2000, 90, 400)]
    found = model._batches(rows)
    assert sorted(i for batch in found for i in batch) == list(range(7))
    assert found[0] == [4]  # too long for the limit, and alone
    assert all(len(batch) * len(rows[batch[0]]) <= BATCH_TOKENS for batch in found[1:])
