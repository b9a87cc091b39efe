"""Yardsticks against what they are named after."""

from __future__ import annotations

import math
import shutil
import subprocess

import numpy as np
import pytest
import torch
from small_models import byte_level, language_model, random_model, texts, wordpiece

from desdecero.eval_suites.baselines import ngram_scores, unigram_scores, untrained_twin, xz_bits_per_byte
from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.models.windows import masked_positions
from desdecero.eval_suites.ngram import NGram


@pytest.mark.skipif(shutil.which("xz") is None, reason="no xz on this machine")
def test_xz_is_what_the_command_makes() -> None:
    raw = "".join(texts()).encode()
    packed = subprocess.run(["xz", "-9e", "--threads=1", "--stdout"], input=raw, capture_output=True, check=True).stdout
    assert xz_bits_per_byte(texts()) == pytest.approx(8 * len(packed) / len(raw), rel=0.01)


def test_unigram_is_the_cross_entropy_of_smoothed_counts() -> None:
    counts = np.bincount(np.concatenate(encode(byte_level(), texts())), minlength=len(byte_level()))
    for text, score in zip(texts(), unigram_scores(language_model("gpt2"), texts(), counts, seed=0), strict=True):
        (ids,) = encode(byte_level(), [text])
        expected = -sum(math.log((counts[i] + 1) / (counts.sum() + len(counts))) for i in ids)
        assert score.nll == pytest.approx(expected)
        assert (score.tokens, score.bytes) == (len(ids), len(text.encode()))
        assert score.correct == int((ids == counts.argmax()).sum())


def test_a_token_that_training_never_saw_has_a_finite_price() -> None:
    (score,) = unigram_scores(language_model("gpt2"), ["z"], np.zeros(len(byte_level()), dtype=np.int64), seed=0)
    assert score.nll == pytest.approx(math.log(len(byte_level())))


def test_the_masked_unigram_answers_the_same_questions_as_the_model() -> None:
    counts = np.bincount(np.concatenate(encode(wordpiece(), texts())), minlength=len(wordpiece()))
    for document, score in enumerate(unigram_scores(language_model("bert"), texts(), counts, seed=9)):
        (ids,) = encode(wordpiece(), [texts()[document]])
        hidden = ids[masked_positions(len(ids), 0.15, 9, document)]
        assert score.tokens == len(hidden)
        assert score.correct == int((hidden == counts.argmax()).sum())


def test_the_ngram_predicts_each_token_from_the_beginning_of_the_text_on() -> None:
    model = language_model("gpt2")
    (end,) = model.begin
    documents = encode(byte_level(), texts())
    ngram = NGram.train(np.concatenate([np.r_[end, ids] for ids in documents[1:]]), len(byte_level()), separator=end)
    for text, ids, score in zip(texts(), documents, ngram_scores(model, texts(), ngram, seed=0), strict=True):
        before = [ngram.distribution([end, *ids[:place]]) for place in range(len(ids))]
        expected = -sum(math.log(probability[token]) for probability, token in zip(before, ids, strict=True))
        assert score.nll == pytest.approx(expected)
        assert (score.tokens, score.bytes) == (len(ids), len(text.encode()))
        assert score.correct == sum(
            bool(probability.argmax() == token) for probability, token in zip(before, ids, strict=True)
        )


@pytest.mark.parametrize("architecture", ["bert", "t5"])
def test_the_ngram_is_no_baseline_of_a_model_that_sees_what_follows(architecture: str) -> None:
    with pytest.raises(ValueError, match="from left to right"):
        ngram_scores(language_model(architecture), texts(), NGram.train(np.array([3, 4]), 400), seed=0)


@pytest.mark.parametrize(("architecture", "tied"), [("llama", True), ("t5", True), ("t5", False)])
def test_the_twin_has_the_weights_that_the_seed_draws(architecture: str, tied: bool) -> None:
    model = language_model(architecture, 1, tie_embeddings=tied)
    same = random_model(architecture, 5, tie_embeddings=tied)
    state = torch.get_rng_state()
    twin = untrained_twin(model, seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(twin.model.parameters(), same.parameters(), strict=True))
    assert not torch.equal(next(twin.model.parameters()), next(model.model.parameters()))
