"""exp of the mean −ln p of the word that ends a passage. Lower is better."""

import math

import datasets
import evaluate

DESCRIPTION = "exp of the mean −ln p of the word that ends a passage. Lower is better."
INPUTS = "One entry a passage. nll: −ln p of its last word, the sum over the word's tokens."
CITATION = (
    "Paperno et al. 2016, The LAMBADA dataset: Word prediction requiring a broad discourse context, ACL, 1525–1534"
)


class ClozePerplexity(evaluate.Metric):
    """Metric module: exp of the mean of `nll`."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"nll": datasets.Value("float64")})
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, nll: list[float]) -> dict[str, float]:
        return {"cloze_perplexity": math.exp(sum(nll) / len(nll))}
