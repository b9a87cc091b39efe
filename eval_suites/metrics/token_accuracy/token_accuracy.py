"""Share of tokens that were the model's first choice, given those before. Higher is better."""

import datasets
import evaluate

DESCRIPTION = "Share of tokens that were the model's first choice, given those before. Higher is better."
INPUTS = (
    "correct: tokens that were the first choice, one entry a document. tokens: tokens asked for, one entry a document."
)
CITATION = "Shannon 1951, Prediction and Entropy of Printed English, Bell System Technical Journal 30, 50–64"


class TokenAccuracy(evaluate.Metric):
    """Metric module: Σ correct / Σ tokens over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"correct": datasets.Value("float64"), "tokens": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, correct: list[float], tokens: list[float]) -> dict[str, float]:
        return {"token_accuracy": sum(correct) / sum(tokens)}
