"""Exponential of the mean −ln p per token: comparable only between models that share a tokenizer. Lower is better."""

import math

import datasets
import evaluate

DESCRIPTION = "exp of the mean −ln p a token: comparable only between models that share a tokenizer. Lower is better."
INPUTS = "One entry a document. nll: sum of −ln p over the tokens asked for, in nats; tokens: tokens asked for."
CITATION = (
    "Jelinek, Mercer, Bahl & Baker 1977, Perplexity: a measure of the difficulty of speech recognition tasks, JASA 62"
)


class Perplexity(evaluate.Metric):
    """Metric module: exp(Σ nll / Σ tokens) over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"nll": datasets.Value("float64"), "tokens": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, nll: list[float], tokens: list[float]) -> dict[str, float]:
        return {"perplexity": math.exp(sum(nll) / sum(tokens))}
