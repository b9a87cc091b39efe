"""Scores of labels and spans against scikit-learn and the metric modules; intervals against simulated draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import compress

import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.metrics import f1_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from desdecero.eval_suites.label_scores import compare_labels, compare_spans, score_labels, score_spans
from desdecero.eval_suites.metrics import compute
from desdecero.eval_suites.models.labelled import TaggedSpan
from desdecero.eval_suites.predictions import label_predictions, span_predictions
from desdecero.eval_suites.results import Estimate

DRAWS = 300  # a coverage of 0.95 is then known to ±0.025 (two standard errors)
LEAST = 0.915

Spans = list[list[TaggedSpan]]


def ones(labels: Sequence[object]) -> list[tuple[str, ...]]:
    return [(str(label),) for label in labels]


def answers(generator: np.random.Generator, texts: int, rates: Sequence[float], skew: float) -> list[np.ndarray]:
    """Gold labels, and those of models that are right at these rates and tend to miss the same texts."""
    frequency = np.exp(-skew * np.arange(5))
    frequency /= frequency.sum()
    gold = generator.choice(5, texts, p=frequency)
    ease = generator.normal(size=texts)
    found = [gold]
    for rate in rates:
        right = np.sqrt(0.6) * ease + np.sqrt(0.4) * generator.normal(size=texts) < ndtri(rate)
        found.append(np.where(right, gold, generator.choice(5, texts, p=frequency)))
    return found


def spans(generator: np.random.Generator, texts: int, rates: Sequence[float]) -> tuple[Spans, list[Spans]]:
    """Gold spans of texts of very unequal length and difficulty, and those of models that find as many of them, and
    as many others in addition, as their rates say."""
    gold, found = Spans(), [Spans() for _ in rates]
    for number in np.minimum(1 + generator.geometric(0.2, texts), 20):
        ease = generator.uniform(-0.2, 0.2)
        gold.append([TaggedSpan(10 * i, 10 * i + 5, "ab"[i % 2], 1.0) for i in range(number)])
        for rate, of_model in zip(rates, found, strict=True):
            known = generator.random(number) < np.clip(rate + ease, 0, 1)
            made_up = generator.random(number) > np.clip(rate + ease, 0, 1)
            others = [TaggedSpan(span.start + 1, span.end, span.label, 0.5) for span in gold[-1]]
            of_model.append([*compress(gold[-1], known), *compress(others, made_up)])
    return gold, found


def covers(estimate: Estimate, truth: float) -> bool:
    assert estimate.interval is not None
    return estimate.interval[0] <= truth <= estimate.interval[1]


# --- values ----------------------------------------------------------------------------------------------------


def test_scores_of_one_label_a_text_are_scikit_learns() -> None:
    gold, found = answers(np.random.default_rng(0), 120, [0.7], skew=0.8)
    scores = score_labels(ones(gold), ones(found))
    module = compute(["macro_f1"], {"predictions": [*map(str, found)], "references": [*map(str, gold)]})
    assert scores.measures["macro_f1"].value == pytest.approx(module["macro_f1"])
    assert scores.measures["accuracy"].value == pytest.approx(np.mean(gold == found)) and scores.items == 120
    expected = precision_recall_fscore_support(gold, found, zero_division=0)
    for place, score in enumerate(scores.by_label.values()):
        assert (score.precision, score.recall, score.f1, score.support) == pytest.approx([e[place] for e in expected])
        assert score.given == np.sum(found == place)
    assert [*scores.by_label] == ["0", "1", "2", "3", "4"] and scores.calibration is None


def test_scores_of_several_labels_a_text_are_scikit_learns() -> None:
    generator = np.random.default_rng(1)
    truth = generator.random((90, 4)) < [0.5, 0.3, 0.2, 0.1]
    given = truth ^ (generator.random(truth.shape) < 0.1)
    gold, found = ([tuple(np.array([*"abcd"])[row]) for row in side] for side in (truth, given))
    scores = score_labels(gold, found, several=True)
    table = MultiLabelBinarizer(classes=[*"abcd"]).fit([])
    for average in ("micro", "macro"):
        expected = f1_score(table.transform(gold), table.transform(found), average=average)
        assert scores.measures[f"{average}_f1"].value == pytest.approx(expected)
    assert scores.measures["exact_match"].value == pytest.approx(np.mean(np.all(truth == given, axis=1)))


def test_scores_of_spans_are_those_of_the_metric_module() -> None:
    gold, (found,) = spans(np.random.default_rng(2), 40, [0.7])
    scores = score_spans(gold, found)
    as_rows = [
        [[{"start": s.start, "end": s.end, "label": s.label} for s in part] for part in side] for side in (found, gold)
    ]
    module = compute(["span_f1"], dict(zip(("predictions", "references"), as_rows, strict=True)))
    assert scores.measures["span_f1"].value == pytest.approx(module["span_f1"])
    assert sum(score.support for score in scores.by_label.values()) == sum(map(len, gold))
    one = [[TaggedSpan(0, 3, "a", 1.0)]]
    for other in (TaggedSpan(0, 3, "b", 1.0), TaggedSpan(0, 4, "a", 1.0), TaggedSpan(1, 3, "a", 1.0)):
        assert score_spans(one, [[other]]).measures["span_f1"].value == 0
    assert score_spans(one, one).measures["span_f1"] == Estimate(value=1.0, low=None, high=None)  # of one text


def test_the_calibration_is_of_the_answers_that_were_given() -> None:
    gold, found = [("a",), ("b",), ("b",)], [("a",), ("a",), ("b",)]
    sure = np.array([[0.93, 0.07], [0.75, 0.25], [0.25, 0.75]])
    scored = score_labels(gold, found, probabilities=sure, labels=("a", "b")).calibration
    assert scored is not None and scored.error == pytest.approx((0.07 + 2 * 0.25) / 3)
    assert [(each.tokens, each.accuracy) for each in scored.bins] == [(2, 0.5), (1, 1.0)]
    several = score_labels(gold, found, several=True, probabilities=sure, labels=("a", "b")).calibration
    assert several is not None and sum(each.tokens for each in several.bins) == 6
    assert several.error == pytest.approx((2 * 0.07 + 4 * 0.25) / 6)
    given = [[TaggedSpan(0, 2, "a", 0.9), TaggedSpan(3, 4, "a", 0.6)], []]
    of_spans = score_spans([[given[0][0]], []], given, probabilities=[[0.9, 0.6], []]).calibration
    assert of_spans is not None and of_spans.error == pytest.approx((0.1 + 0.6) / 2)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="2 texts have 1 predictions"):
        score_labels(ones("ab"), ones("a"))
    with pytest.raises(ValueError, match="no text has a label or span"):
        score_spans([[], []], [[], []])


# --- intervals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("texts", "rate", "skew"), [(60, 0.95, 0.0), (150, 0.7, 0.5), (150, 0.9, 0.5)])
def test_intervals_of_labels_hold_the_truth(texts: int, rate: float, skew: float) -> None:
    generator = np.random.default_rng(3)
    many, answered = answers(generator, 300_000, [rate], skew)
    truth = f1_score(many, answered, average="macro"), float(np.mean(many == answered))
    held = np.zeros(2)
    for _ in range(DRAWS):
        gold, found = answers(generator, texts, [rate], skew)
        measures = score_labels(ones(gold), ones(found)).measures
        held += covers(measures["macro_f1"], truth[0]), covers(measures["accuracy"], truth[1])
    assert held.min() >= LEAST * DRAWS


@pytest.mark.parametrize(("texts", "rates"), [(80, (0.9, 0.9)), (150, (0.9, 0.75))])
def test_intervals_of_differences_of_labels_hold_the_truth(texts: int, rates: tuple[float, float]) -> None:
    generator = np.random.default_rng(4)
    many, one, other = answers(generator, 300_000, rates, 0.4)
    truth = f1_score(many, one, average="macro") - f1_score(many, other, average="macro")
    held, decided = np.zeros(2), 0
    for _ in range(DRAWS):
        gold, first, second = map(ones, answers(generator, texts, rates, 0.4))
        found = compare_labels(gold, first, second)
        held += (
            covers(found["macro_f1"].difference, truth),
            covers(found["accuracy"].difference, float(np.mean(many == one) - np.mean(many == other))),
        )
        decided += found["macro_f1"].verdict == "better"
    assert held.min() >= LEAST * DRAWS
    assert decided >= 0.8 * DRAWS if rates[0] > rates[1] else decided <= 0.05 * DRAWS


def test_intervals_of_spans_hold_the_truth_over_texts() -> None:
    """Texts differ as wholes: intervals over spans would be too narrow."""
    generator = np.random.default_rng(5)
    many, both = spans(generator, 10_000, (0.8, 0.7))
    truth = [score_spans(many, of_model).measures["span_f1"].value for of_model in both]
    held = np.zeros(2)
    for _ in range(DRAWS):
        gold, (first, second) = spans(generator, 60, (0.8, 0.7))
        held += (
            covers(score_spans(gold, first).measures["span_f1"], truth[0]),
            covers(compare_spans(gold, first, second)["span_f1"].difference, truth[0] - truth[1]),
        )
    assert held.min() >= LEAST * DRAWS


def test_too_few_texts_a_label_give_a_value_without_interval() -> None:
    gold, found = answers(np.random.default_rng(6), 24, [0.7], 0.0)
    measures = score_labels(ones(gold), ones(found)).measures
    assert measures["macro_f1"].interval is None and measures["accuracy"].interval is not None
    assert compare_labels(ones(gold), ones(found), ones(gold))["macro_f1"].verdict == "cannot be told apart"


# --- differences -----------------------------------------------------------------------------------------------


def test_differences_are_those_of_the_scores_and_change_sign_with_the_order() -> None:
    gold, first, second = map(ones, answers(np.random.default_rng(7), 400, (0.95, 0.7), 0.5))
    first[0] = ("never asked for",)  # the two models then differ in what labels their means are over
    one, other = compare_labels(gold, first, second), compare_labels(gold, second, first)
    for measure in ("accuracy", "macro_f1"):
        values = [score_labels(gold, found).measures[measure].value for found in (first, second)]
        assert [one[measure].first, one[measure].second] == pytest.approx(values)
        assert one[measure].difference.value == pytest.approx(values[0] - values[1])
        assert one[measure].difference.low == pytest.approx(-(other[measure].difference.high or 0))
    assert (one["accuracy"].verdict, other["accuracy"].verdict) == ("better", "worse")


def test_one_model_cannot_be_told_from_itself_nor_by_a_handful_of_texts() -> None:
    gold, found = answers(np.random.default_rng(8), 200, [0.9], 0.0)
    better = np.where(np.cumsum(gold != found) <= 4, gold, found)
    assert np.sum(better != found) == 4
    for other in (found, better):
        compared = compare_labels(ones(gold), ones(other), ones(found))
        assert {each.verdict for each in compared.values()} == {"cannot be told apart"}
        assert all(each.difference.interval is not None for each in compared.values())
    several = compare_labels(ones(gold), ones(found), ones(found), several=True)
    assert [*several] == ["exact_match", "micro_f1", "macro_f1"]


# --- tables ----------------------------------------------------------------------------------------------------


def test_predictions_are_tables_with_a_row_a_text() -> None:
    gold, found = [("a",), ("a", "b")], [("b",), ("b", "a")]
    table = label_predictions(["x", "y"], gold, found, np.array([[0.1, 0.9], [0.6, 0.7]]), ("a", "b"), ["p", "q"])
    assert table.to_pylist() == [
        {"text": "x", "text_b": "p", "gold": ["a"], "predicted": ["b"], "probability": [0.1, 0.9], "right": False},
        {"text": "y", "text_b": "q", "gold": ["a", "b"], "predicted": ["b", "a"], "probability": [0.6, 0.7],
         "right": True},
    ]  # fmt: skip
    assert json.loads(table.schema.metadata[b"labels"]) == ["a", "b"]
    one = TaggedSpan(0, 2, "a", 0.75)
    tagged = span_predictions(["x", "y"], [[one], [one]], [[one], []])
    drug = {"start": 0, "end": 2, "label": "a"}
    assert tagged.to_pylist() == [
        {"text": "x", "gold": [drug], "predicted": [drug], "probability": [0.75], "right": True},
        {"text": "y", "gold": [drug], "predicted": [], "probability": [], "right": False},
    ]
    assert span_predictions(["x"], [[]], [[]]).schema == tagged.schema
