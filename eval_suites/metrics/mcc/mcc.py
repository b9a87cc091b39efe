"""Matthews correlation of labels and predictions, 0 for chance. Higher is better."""

import datasets
import evaluate
from sklearn.metrics import matthews_corrcoef

DESCRIPTION = "Matthews correlation of labels and predictions, 0 for chance. Higher is better."
INPUTS = "One entry a text. predictions: the label that it was given; references: the right one."
CITATION = "Gorodkin 2004, Comparing two K-category assignments by a K-category correlation coefficient"


class Mcc(evaluate.Metric):
    """Metric module: the correlation of Matthews, for any number of labels."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        return {"mcc": float(matthews_corrcoef(references, predictions))}
