"""Mean −ln p of the hidden tokens, in nats a token. Lower is better."""

import datasets
import evaluate

DESCRIPTION = "Mean −ln p of the hidden tokens, in nats a token. Lower is better."
INPUTS = "One entry a document. nll: sum of −ln p over the tokens asked for, in nats; tokens: hidden tokens."
CITATION = "Devlin, Chang, Lee & Toutanova 2019, BERT, NAACL, §3.1"


class MaskedLoss(evaluate.Metric):
    """Metric module: Σ nll / Σ tokens over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"nll": datasets.Value("float64"), "tokens": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, nll: list[float], tokens: list[float]) -> dict[str, float]:
        return {"masked_loss": sum(nll) / sum(tokens)}
