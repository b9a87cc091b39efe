"""The metric modules, through the library that they are written for."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import evaluate
import pytest

from desdecero import eval_suites
from desdecero.eval_suites.metrics import compute

METRICS = Path(eval_suites.__file__).parent / "metrics"


def load(name: str) -> evaluate.EvaluationModule:
    return evaluate.load(str(METRICS / name), keep_in_memory=True)


@pytest.mark.parametrize(
    ("name", "inputs", "value"),
    [
        ("bits_per_byte", {"nll": [2 * math.log(2), 6 * math.log(2)], "bytes": [1, 3]}, 2.0),
        ("word_perplexity", {"nll": [math.log(8), 0.0], "words": [1, 2]}, 2.0),
        ("perplexity", {"nll": [math.log(8), 0.0], "tokens": [1, 2]}, 2.0),
        ("token_accuracy", {"correct": [1, 2], "tokens": [2, 4]}, 0.5),
        ("token_loss", {"nll": [4.0, 5.0], "tokens": [1, 3]}, 2.25),
        ("masked_accuracy", {"correct": [0, 3], "tokens": [2, 10]}, 0.25),
        ("masked_loss", {"nll": [3.0, 5.0], "tokens": [1, 3]}, 2.0),
        ("span_accuracy", {"correct": [1, 2], "tokens": [2, 10]}, 0.25),
        ("span_loss", {"nll": [1.0, 5.0], "tokens": [1, 3]}, 1.5),
        ("accuracy", {"right": [1.0, 0.0, 0.5], "group": ["a", "a", "b"]}, 0.5),
        ("scaled_accuracy", {"right": [1.0, 0.0, 1.0], "group": [""] * 3, "choices": [2, 4, 4]}, 0.5),
        ("cloze_perplexity", {"nll": [math.log(8), math.log(2)]}, 4.0),
    ],
)
def test_a_metric_is_a_function_of_what_its_items_have(name: str, inputs: dict[str, list[Any]], value: float) -> None:
    assert load(name).compute(**inputs) == {name: pytest.approx(value)}


def test_documents_can_be_added_one_by_one() -> None:
    metric = load("bits_per_byte")
    metric.add(nll=math.log(2), bytes=1)
    metric.add_batch(nll=[3 * math.log(2)], bytes=[3])
    assert metric.compute() == {"bits_per_byte": pytest.approx(1.0)}


def test_metrics_of_the_same_sums_combine() -> None:
    both = evaluate.combine([load("perplexity"), load("masked_loss")])
    assert both.compute(nll=[2.0, 4.0], tokens=[1, 2]) == {
        "perplexity": pytest.approx(math.exp(2)),
        "masked_loss": pytest.approx(2.0),
    }


def test_every_module_explains_itself() -> None:
    folders = sorted(path for path in METRICS.iterdir() if (path / f"{path.name}.py").is_file())
    assert len(folders) == 19
    for folder in folders:
        metric = load(folder.name)
        assert "is better" in metric.description and re.search(r"\b(19|20)\d\d\b", metric.citation)
        assert all(feature in metric.inputs_description for feature in metric.features)


def test_metrics_of_labels_are_scikit_learns_and_those_of_texts_their_libraries() -> None:
    labels = {"predictions": ["a", "b", "b", "c"], "references": ["a", "b", "c", "c"]}
    found = compute(["macro_f1", "mcc"], labels)
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    # Gorodkin's R_K by its covariances: 7 / sqrt(10 · 10) for these counts.
    assert found["mcc"] == pytest.approx(0.7)
    texts = {"predictions": ["the cat sat on it", "a dog"], "references": [["the cat sat on it", "x"], ["the dog ran"]]}
    found = compute(["bleu", "chrf", "rouge", "answer_match"], texts)
    assert found["bleu_by_item"][0] == pytest.approx(1) and found["chrf_by_item"][0] == pytest.approx(1)
    assert found["rouge1_by_item"] == [1.0, pytest.approx(0.4)] and found["rouge1"] == pytest.approx(0.7)
    assert "version:2" in found["bleu_signature"] and found["exact_match"] == 0.5
    assert 0 < found["bleu"] < 1 and 0 < found["chrf"] < 1
