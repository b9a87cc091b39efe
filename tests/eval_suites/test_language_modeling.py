"""The suite: its report, its intervals, and which documents it is asked about."""

from __future__ import annotations

import math

import numpy as np
import pytest
from small_models import byte_level, language_model, reading, texts, wordpiece

from desdecero.eval_suites.language_modeling import MEASURES, LanguageModeling, loss_measure
from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.eval_suites.results import Estimate

SUITE = LanguageModeling(resamples=300, confidence=0.9, seed=0)
BITS, PERPLEXITY, ACCURACY = MEASURES["causal"]


def uniform_counts(size: int) -> np.ndarray:
    return np.ones(size, dtype=np.int64)


def test_a_causal_model_beside_its_baselines() -> None:
    result, scores = SUITE.run(language_model("llama"), texts(), uniform_counts(len(byte_level())))
    assert (result.items, result.sizes["bytes"]) == (len(texts()), sum(len(text.encode()) for text in texts()))
    total = sum(score.nll for score in scores)
    assert list(result.measures) == ["bits_per_byte", "perplexity", "token_accuracy"] and result.settings == {}
    assert result.main == "bits_per_byte"
    assert result.measures["bits_per_byte"].value == pytest.approx(total / math.log(2) / result.sizes["bytes"])
    assert result.measures["perplexity"].value == pytest.approx(math.exp(total / result.sizes["tokens"]))
    for measured in result.measures.values():
        assert measured.interval and measured.interval[0] <= measured.value <= measured.interval[1]
    assert result.baselines["unigram"]["perplexity"] == pytest.approx(len(byte_level()))
    assert set(result.baselines) == {"untrained", "unigram", "xz"}


def test_a_masked_model_beside_its_baselines() -> None:
    result, scores = SUITE.run(language_model("bert"), texts(), uniform_counts(len(wordpiece())))
    assert result.settings == {"mask_probability": 0.15}
    tokens = result.sizes["tokens"]
    assert tokens == sum(score.tokens for score in scores)
    assert result.measures["masked_loss"].value == pytest.approx(sum(s.nll for s in scores) / tokens)
    assert "bits_per_byte" in result.not_measured
    assert result.baselines["unigram"]["masked_loss"] == pytest.approx(math.log(len(wordpiece())))
    assert set(result.baselines) == {"untrained", "unigram"}


def test_an_encoder_decoder_beside_its_baselines() -> None:
    tokenizer = reading("t5")
    result, scores = SUITE.run(language_model("t5"), texts(), uniform_counts(len(tokenizer)))
    assert result.settings == {"mask_probability": 0.15, "mean_span_length": 3.0}
    tokens = result.sizes["tokens"]
    assert tokens == sum(score.tokens for score in scores)
    assert tokens == pytest.approx(0.15 * sum(len(ids) for ids in encode(tokenizer, texts())), rel=0.1)
    assert result.measures["span_loss"].value == pytest.approx(sum(s.nll for s in scores) / tokens)
    accuracy = result.measures["span_accuracy"]
    assert accuracy.interval and accuracy.interval[0] <= accuracy.value <= accuracy.interval[1]
    assert result.baselines["unigram"]["span_loss"] == pytest.approx(math.log(len(tokenizer)))
    assert set(result.baselines) == {"untrained", "unigram"}


@pytest.mark.parametrize(
    ("architecture", "name"), [("llama", "bits_per_byte"), ("bert", "masked_loss"), ("t5", "span_loss")]
)
def test_each_kind_has_a_measure_of_its_loss(architecture: str, name: str) -> None:
    assert loss_measure(language_model(architecture)).name == name


def test_the_interval_of_perplexity_is_that_of_the_mean_loss_through_exp() -> None:
    scores = [DocumentScore(nll, 100, 300, 5) for nll in (310.0, 290.0, 405.0, 350.0, 366.0)]
    loss = SUITE.estimate(MEASURES["masked"][1], scores)
    perplexity = SUITE.estimate(PERPLEXITY, scores)
    ends = [pytest.approx(math.exp(value)) for value in (loss.value, *(loss.interval or ()))]
    assert [perplexity.value, perplexity.low, perplexity.high] == ends


def test_the_interval_of_a_share_stays_a_share() -> None:
    few = SUITE.estimate(ACCURACY, [DocumentScore(1.0, 10, 30, hits) for hits in (0, 0, 0, 4)])
    many = SUITE.estimate(ACCURACY, [DocumentScore(1.0, 10, 30, hits) for hits in (10, 10, 10, 6)])
    assert few.high == 1
    assert many.low == 0


def test_one_document_has_a_value_and_no_interval() -> None:
    score = DocumentScore(math.log(2) * 60, 20, 30, 5)
    alone = SUITE.estimate(BITS, [score])
    assert alone.value == pytest.approx(2.0) and alone.interval is None
    assert SUITE.change(BITS, [score], [score]) == Estimate(value=0.0, low=None, high=None)


def test_a_change_is_told_by_the_documents_that_changed() -> None:
    before = [DocumentScore(nll, 100, 300, 5) for nll in (310.0, 290.0, 405.0, 350.0, 366.0)]
    after = [DocumentScore(score.nll - 30 - i, 100, 300, 5) for i, score in enumerate(before)]
    change = SUITE.change(BITS, before, after)
    assert change.value == pytest.approx(-160 / math.log(2) / 1500)
    assert change.low is not None and change.high is not None
    assert change.low < change.value < change.high < 0
    assert SUITE.change(BITS, before, before) == Estimate(value=0.0, low=0.0, high=0.0)
