"""F1 of each label, the mean over labels. Higher is better."""

import datasets
import evaluate
from sklearn.metrics import f1_score

DESCRIPTION = "F1 of each label, the mean over labels. Higher is better."
INPUTS = "One entry a text. predictions: the label that it was given; references: the right one."
CITATION = "Opitz & Burst 2019, Macro F1 and Macro F1, arXiv:1911.03347: the mean of F1 scores"


class MacroF1(evaluate.Metric):
    """Metric module: mean over labels of 2 precision recall / (precision + recall)."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        value = f1_score(references, predictions, average="macro", zero_division=0)
        return {"macro_f1": float(value)}
