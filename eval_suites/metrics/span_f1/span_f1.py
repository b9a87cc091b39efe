"""F1 of whole spans: one counts if start, end and label all agree. Higher is better."""

from typing import Any

import datasets
import evaluate

DESCRIPTION = "F1 of whole spans: one counts if start, end and label all agree. Higher is better."
INPUTS = (
    "One entry a text. predictions: the spans that were found in it, each with start, end and label; references: those "
    "that are in it."
)
CITATION = "Tjong Kim Sang & De Meulder 2003, Introduction to the CoNLL-2003 Shared Task, CoNLL 2003, 142–147"


class SpanF1(evaluate.Metric):
    """Metric module: 2 · right / (found + to be found), over the spans of all texts."""

    def _info(self) -> evaluate.MetricInfo:
        span = {"start": datasets.Value("int64"), "end": datasets.Value("int64"), "label": datasets.Value("string")}
        features = datasets.Features({"predictions": [span], "references": [span]})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(
        self, predictions: list[list[dict[str, Any]]], references: list[list[dict[str, Any]]]
    ) -> dict[str, float]:
        right = total = 0
        for found, wanted in zip(predictions, references, strict=True):
            one, other = ({(span["start"], span["end"], span["label"]) for span in part} for part in (found, wanted))
            right, total = right + len(one & other), total + len(one) + len(other)
        return {"span_f1": 2 * right / total if total else 0.0}
