"""Share of the tokens of cut-out spans that were the model's first choice. Higher is better."""

import datasets
import evaluate

DESCRIPTION = "Share of the tokens of cut-out spans that were the model's first choice. Higher is better."
INPUTS = "One entry a document. correct: tokens of the spans that were the first choice; tokens: all of them."
CITATION = (
    "Raffel et al. 2020, Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer, JMLR 21"
)


class SpanAccuracy(evaluate.Metric):
    """Metric module: Σ correct / Σ tokens over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"correct": datasets.Value("float64"), "tokens": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, correct: list[float], tokens: list[float]) -> dict[str, float]:
        return {"span_accuracy": sum(correct) / sum(tokens)}
