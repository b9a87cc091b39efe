"""The suite: its report, its intervals, and which documents it is asked about."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_models import CONTEXT, byte_level, language_model, reading, texts, wanted, wordpiece

from desdecero.eval_suites.language_modeling import MEASURES, LanguageModeling, loss_measure
from desdecero.eval_suites.models.batching import encode, given_back
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import kind_of
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.eval_suites.ngram import NGram
from desdecero.eval_suites.results import Estimate
from desdecero.pipelines.training.model.build import build_config, build_model

SUITE = LanguageModeling(confidence=0.9, seed=0)
BITS, _, PERPLEXITY, ACCURACY = MEASURES["causal"]
LOSSES = (310.0, 290.0, 405.0, 350.0, 366.0, 298.0, 331.0, 402.0, 377.0, 345.0)


def uniform_counts(size: int) -> np.ndarray:
    return np.ones(size, dtype=np.int64)


def test_a_causal_model_beside_its_baselines() -> None:
    halves = [half for text in texts() for half in (text[: len(text) // 2], text[len(text) // 2 :])]
    result, scores = SUITE.run(language_model("llama"), halves, uniform_counts(len(byte_level())))
    assert (result.items, result.sizes["bytes"]) == (len(halves), sum(len(text.encode()) for text in halves))
    total = sum(score.nll for score in scores)
    assert list(result.measures) == ["bits_per_byte", "word_perplexity", "perplexity", "token_accuracy"]
    assert result.settings == {}
    assert result.main == "bits_per_byte" and result.given_back == 1 and result.not_measured == {}
    sizes = np.array([score.bytes for score in scores])
    assert result.effective_items == pytest.approx(sizes.sum() ** 2 / np.sum(sizes**2)) and result.effective_items > 8
    assert result.measures["bits_per_byte"].value == pytest.approx(total / math.log(2) / result.sizes["bytes"])
    assert result.measures["perplexity"].value == pytest.approx(math.exp(total / result.sizes["tokens"]))
    words = sum(len(half.split()) for half in halves)
    assert result.measures["word_perplexity"].value == pytest.approx(math.exp(total / words))
    for measured in result.measures.values():
        assert measured.interval and measured.interval[0] <= measured.value <= measured.interval[1]
    assert result.baselines["unigram"]["perplexity"] == pytest.approx(len(byte_level()))
    assert set(result.baselines) == {"untrained", "unigram", "xz"}


def test_a_text_without_spaces_has_no_perplexity_a_word() -> None:
    joined = ["".join(text.split()) for text in texts()]
    result, _ = SUITE.run(language_model("llama"), joined, uniform_counts(len(byte_level())))
    assert result.not_measured == {"word_perplexity": "no_words"} and "word_perplexity" not in result.measures


def test_an_ngram_is_a_baseline_of_causal_models_alone() -> None:
    nothing = NGram.train(np.array([], dtype=np.uint16), len(byte_level()))
    counts = uniform_counts(len(byte_level()))
    result, _ = SUITE.run(language_model("llama"), texts(), counts, ngram=nothing)
    assert list(result.baselines) == ["untrained", "unigram", "ngram", "xz"]
    assert result.baselines["ngram"]["perplexity"] == pytest.approx(len(byte_level()))
    masked, _ = SUITE.run(language_model("bert"), texts(), uniform_counts(len(wordpiece())), ngram=nothing)
    assert set(masked.baselines) == {"untrained", "unigram"}


def lossy_causal() -> LanguageModel:
    """A causal model whose tokenizer writes everything in lower case, and its spaces anew."""
    torch.manual_seed(0)
    model = build_model(build_config(wanted("llama", CONTEXT, layers=1, hidden_size=16, heads=2), wordpiece()))
    return kind_of("llama")(model.eval(), wordpiece())


def test_bits_are_not_counted_by_bytes_that_the_tokenizer_does_not_give_back() -> None:
    result, scores = SUITE.run(lossy_causal(), texts(), uniform_counts(len(wordpiece())))
    assert list(result.measures) == ["perplexity", "token_accuracy"] and result.main == "perplexity"
    assert set(result.not_measured.values()) == {"text_changed"} and result.given_back == 0
    assert set(result.baselines) == {"untrained", "unigram"}
    assert all("bits_per_byte" not in values for values in result.baselines.values())
    measure = loss_measure(lossy_causal(), texts())
    assert measure.name == "token_loss"
    total, tokens = sum(score.nll for score in scores), sum(score.tokens for score in scores)
    assert SUITE.estimate(measure, scores).value == pytest.approx(total / tokens)


def test_a_tokenizer_that_changes_one_text_in_a_hundred_is_counted_by_bytes_and_says_so() -> None:
    assert given_back(wordpiece(), ["the text", "The text"]) == [True, False]
    assert given_back(byte_level(), ["The text", "ñ\r\n <|endoftext|>"]) == [True, True]
    few = ["the text"] * 199 + ["The text"]
    assert loss_measure(lossy_causal(), few).name == "bits_per_byte"
    result, _ = SUITE.run(lossy_causal(), few, uniform_counts(len(wordpiece())))
    assert result.main == "bits_per_byte" and result.given_back == pytest.approx(0.995)
    assert loss_measure(lossy_causal(), few[100:] + ["The text"] * 2).name == "token_loss"


def test_the_pieces_of_a_document_are_one_document() -> None:
    model, whole = language_model("llama"), texts()[:6]
    cuts = [part for text in whole for part in (text[:40], text[40:])]
    owners = [number for number in range(len(whole)) for _ in range(2)]
    each = SUITE.score(model, cuts)
    result, scores = SUITE.run(model, cuts, uniform_counts(len(byte_level())), owners=owners)
    assert [score.bytes for score in scores] == [len(text.encode()) for text in whole]
    assert [score.nll for score in scores] == pytest.approx(
        [one.nll + two.nll for one, two in zip(each[::2], each[1::2], strict=True)]
    )
    assert (result.items, result.given_back) == (len(whole), 1)
    measured = SUITE.estimate(BITS, scores)
    assert (result.measures["bits_per_byte"].low, result.measures["bits_per_byte"].value) == (
        measured.low,
        measured.value,
    )


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
    scores = [DocumentScore(nll, 100, 300, 50, 5) for nll in LOSSES]
    loss = SUITE.estimate(MEASURES["masked"][1], scores)
    perplexity = SUITE.estimate(PERPLEXITY, scores)
    ends = [pytest.approx(math.exp(value)) for value in (loss.value, *(loss.interval or ()))]
    assert [perplexity.value, perplexity.low, perplexity.high] == ends


def test_the_interval_of_a_share_stays_a_share() -> None:
    few = SUITE.estimate(ACCURACY, [DocumentScore(1.0, 10, 30, 5, hits) for hits in (0,) * 7 + (1,)])
    many = SUITE.estimate(ACCURACY, [DocumentScore(1.0, 10, 30, 5, hits) for hits in (10,) * 7 + (9,)])
    assert few.low == 0 and 0 < (few.high or 0) < 0.1
    assert many.high == 1 and 0.9 < (many.low or 0) < 1


def test_too_few_documents_have_a_value_and_no_interval() -> None:
    score = DocumentScore(math.log(2) * 60, 20, 30, 5, 5)
    for scores in ([score], [score] * 7):
        few = SUITE.estimate(BITS, scores)
        assert few.value == pytest.approx(2.0) and few.interval is None
        assert SUITE.change(BITS, scores, scores) == Estimate(value=0.0, low=None, high=None)
    result, _ = SUITE.run(language_model("llama"), texts()[-1:], uniform_counts(len(byte_level())))
    assert (result.items, result.effective_items) == (1, 1.0)
    assert [measured.interval for measured in result.measures.values()] == [None] * 4


def test_a_change_is_told_by_the_documents_that_changed() -> None:
    before = [DocumentScore(nll, 100, 300, 50, 5) for nll in LOSSES]
    after = [DocumentScore(score.nll - 30 - i, 100, 300, 50, 5) for i, score in enumerate(before)]
    change = SUITE.change(BITS, before, after)
    assert change.value == pytest.approx(-(30 * 10 + 45) / math.log(2) / 3000)
    assert change.low is not None and change.high is not None
    assert change.low < change.value < change.high < 0
    assert SUITE.change(BITS, before, before) == Estimate(value=0.0, low=0.0, high=0.0)
