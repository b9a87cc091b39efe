"""Mean −ln p of the tokens of spans that were cut out, in nats a token. Lower is better."""

import datasets
import evaluate

DESCRIPTION = "Mean −ln p of the tokens of spans that were cut out, in nats a token. Lower is better."
INPUTS = "One entry a document. nll: sum of −ln p over the tokens asked for, in nats; tokens: tokens of the spans."
CITATION = (
    "Raffel et al. 2020, Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer, JMLR 21"
)


class SpanLoss(evaluate.Metric):
    """Metric module: Σ nll / Σ tokens over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"nll": datasets.Value("float64"), "tokens": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, nll: list[float], tokens: list[float]) -> dict[str, float]:
        return {"span_loss": sum(nll) / sum(tokens)}
