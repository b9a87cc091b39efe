"""Share of hidden tokens that were the model's first choice. Higher is better."""

import datasets
import evaluate

DESCRIPTION = "Share of hidden tokens that were the model's first choice. Higher is better."
INPUTS = "One entry a document. correct: hidden tokens that were the first choice; tokens: hidden tokens."
CITATION = "Devlin, Chang, Lee & Toutanova 2019, BERT, NAACL, §3.1"


class MaskedAccuracy(evaluate.Metric):
    """Metric module: Σ correct / Σ tokens over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"correct": datasets.Value("float64"), "tokens": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, correct: list[float], tokens: list[float]) -> dict[str, float]:
        return {"masked_accuracy": sum(correct) / sum(tokens)}
