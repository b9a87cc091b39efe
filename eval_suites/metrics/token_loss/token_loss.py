"""Mean −ln p of the tokens, in nats a token. Lower is better."""

import datasets
import evaluate

DESCRIPTION = "Mean −ln p of the tokens, in nats a token. Lower is better."
INPUTS = "One entry a document. nll: sum of −ln p over the tokens, in nats; tokens: predicted tokens."
CITATION = "Bengio, Ducharme, Vincent & Janvin 2003, A Neural Probabilistic Language Model, JMLR 3, 1137–1155"


class TokenLoss(evaluate.Metric):
    """Metric module: Σ nll / Σ tokens over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"nll": datasets.Value("float64"), "tokens": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, nll: list[float], tokens: list[float]) -> dict[str, float]:
        return {"token_loss": sum(nll) / sum(tokens)}
