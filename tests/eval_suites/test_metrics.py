"""The metric modules, through the library that they are written for."""

from __future__ import annotations

import math
from pathlib import Path

import evaluate
import pytest

from desdecero import eval_suites

METRICS = Path(eval_suites.__file__).parent / "metrics"


def load(name: str) -> evaluate.EvaluationModule:
    return evaluate.load(str(METRICS / name), keep_in_memory=True)


@pytest.mark.parametrize(
    ("name", "inputs", "value"),
    [
        ("bits_per_byte", {"nll": [2 * math.log(2), 6 * math.log(2)], "bytes": [1, 3]}, 2.0),
        ("perplexity", {"nll": [math.log(8), 0.0], "tokens": [1, 2]}, 2.0),
        ("token_accuracy", {"correct": [1, 2], "tokens": [2, 4]}, 0.5),
        ("token_loss", {"nll": [4.0, 5.0], "tokens": [1, 3]}, 2.25),
        ("masked_accuracy", {"correct": [0, 3], "tokens": [2, 10]}, 0.25),
        ("masked_loss", {"nll": [3.0, 5.0], "tokens": [1, 3]}, 2.0),
        ("span_accuracy", {"correct": [1, 2], "tokens": [2, 10]}, 0.25),
        ("span_loss", {"nll": [1.0, 5.0], "tokens": [1, 3]}, 1.5),
    ],
)
def test_a_metric_is_a_function_of_totals(name: str, inputs: dict[str, list[float]], value: float) -> None:
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
    assert len(folders) == 8
    for folder in folders:
        metric = load(folder.name)
        assert "is better" in metric.description
        assert all(feature in metric.inputs_description for feature in metric.features)
