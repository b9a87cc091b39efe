"""Exponential of the mean −ln p of a word: comparable between tokenizers on the same text. Lower is better."""

import math

import datasets
import evaluate

DESCRIPTION = "exp of the mean −ln p of a word: comparable between tokenizers on the same text. Lower is better."
INPUTS = "One entry a document. nll: sum of −ln p over the tokens asked for, in nats; words: words of the text."
CITATION = (
    "Jelinek, Mercer, Bahl & Baker 1977, Perplexity: a measure of the difficulty of speech recognition tasks, JASA 62"
)


class WordPerplexity(evaluate.Metric):
    """Metric module: exp(Σ nll / Σ words) over documents."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"nll": datasets.Value("float64"), "words": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, nll: list[float], words: list[float]) -> dict[str, float]:
        return {"word_perplexity": math.exp(sum(nll) / sum(words))}
