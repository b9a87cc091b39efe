"""The suite: its report, its intervals, and which documents it is asked about."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from small_models import byte_level, language_model, reading, texts, wordpiece

from desdecero.eval_suites.language_modeling import MEASURES, LanguageModeling, loss_measure
from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.models.windows import DocumentScore

SUITE = LanguageModeling(resamples=300, confidence=0.9, seed=0)
BITS, PERPLEXITY, ACCURACY = MEASURES["causal"]


def uniform_counts(size: int) -> np.ndarray:
    return np.ones(size, dtype=np.int64)


def test_a_causal_model_beside_its_yardsticks() -> None:
    report, scores = SUITE.run(language_model("llama"), texts(), uniform_counts(len(byte_level())))
    json.dumps(report, allow_nan=False)
    assert (report["documents"], report["bytes"]) == (len(texts()), sum(len(text.encode()) for text in texts()))
    total = sum(score.nll for score in scores)
    assert report["bits_per_byte"]["value"] == pytest.approx(total / math.log(2) / report["bytes"])
    assert report["perplexity"]["value"] == pytest.approx(math.exp(total / report["tokens"]))
    assert report["masked_accuracy"] is None
    for name in ("bits_per_byte", "perplexity", "token_accuracy"):
        assert report[name]["low"] <= report[name]["value"] <= report[name]["high"]
    assert report["yardsticks"]["unigram"]["perplexity"] == pytest.approx(len(byte_level()))
    assert set(report["yardsticks"]) == {"untrained", "unigram", "xz"}


def test_a_masked_model_beside_its_yardsticks() -> None:
    report, scores = SUITE.run(language_model("bert"), texts(), uniform_counts(len(wordpiece())))
    json.dumps(report, allow_nan=False)
    assert report["mask_probability"] == 0.15 and report["mean_span_length"] is None
    assert report["tokens"] == sum(score.tokens for score in scores)
    assert report["masked_loss"]["value"] == pytest.approx(sum(s.nll for s in scores) / report["tokens"])
    assert report["bits_per_byte"] is None
    assert report["yardsticks"]["unigram"]["masked_loss"] == pytest.approx(math.log(len(wordpiece())))
    assert set(report["yardsticks"]) == {"untrained", "unigram"}


def test_an_encoder_decoder_beside_its_yardsticks() -> None:
    tokenizer = reading("t5")
    report, scores = SUITE.run(language_model("t5"), texts(), uniform_counts(len(tokenizer)))
    json.dumps(report, allow_nan=False)
    assert (report["mask_probability"], report["mean_span_length"]) == (0.15, 3.0)
    assert report["tokens"] == sum(score.tokens for score in scores)
    assert report["tokens"] == pytest.approx(0.15 * sum(len(ids) for ids in encode(tokenizer, texts())), rel=0.1)
    assert report["span_loss"]["value"] == pytest.approx(sum(s.nll for s in scores) / report["tokens"])
    assert report["span_accuracy"]["low"] <= report["span_accuracy"]["value"] <= report["span_accuracy"]["high"]
    assert report["bits_per_byte"] is None
    assert report["yardsticks"]["unigram"]["span_loss"] == pytest.approx(math.log(len(tokenizer)))
    assert set(report["yardsticks"]) == {"untrained", "unigram"}


@pytest.mark.parametrize(
    ("architecture", "name"), [("llama", "bits_per_byte"), ("bert", "masked_loss"), ("t5", "span_loss")]
)
def test_each_kind_has_a_measure_of_its_loss(architecture: str, name: str) -> None:
    assert loss_measure(language_model(architecture)).name == name


def test_the_interval_of_perplexity_is_that_of_the_mean_loss_through_exp() -> None:
    scores = [DocumentScore(nll, 100, 300, 5) for nll in (310.0, 290.0, 405.0, 350.0, 366.0)]
    loss = SUITE.estimate(MEASURES["masked"][1], scores)
    perplexity = SUITE.estimate(PERPLEXITY, scores)
    assert perplexity == {end: pytest.approx(math.exp(value)) for end, value in loss.items() if value is not None}


def test_the_interval_of_a_share_stays_a_share() -> None:
    few = SUITE.estimate(ACCURACY, [DocumentScore(1.0, 10, 30, hits) for hits in (0, 0, 0, 4)])
    many = SUITE.estimate(ACCURACY, [DocumentScore(1.0, 10, 30, hits) for hits in (10, 10, 10, 6)])
    assert few["high"] == 1
    assert many["low"] == 0


def test_one_document_has_a_value_and_no_interval() -> None:
    score = DocumentScore(math.log(2) * 60, 20, 30, 5)
    assert SUITE.estimate(BITS, [score]) == {"value": pytest.approx(2.0), "low": None, "high": None}
    assert SUITE.change(BITS, [score], [score]) == {"value": 0.0, "low": None, "high": None}


def test_a_change_is_told_by_the_documents_that_changed() -> None:
    before = [DocumentScore(nll, 100, 300, 5) for nll in (310.0, 290.0, 405.0, 350.0, 366.0)]
    after = [DocumentScore(score.nll - 30 - i, 100, 300, 5) for i, score in enumerate(before)]
    change = SUITE.change(BITS, before, after)
    assert change["value"] == pytest.approx(-160 / math.log(2) / 1500)
    assert change["low"] is not None and change["high"] is not None
    assert change["low"] < change["value"] < change["high"] < 0
    assert SUITE.change(BITS, before, before) == {"value": 0.0, "low": 0.0, "high": 0.0}
