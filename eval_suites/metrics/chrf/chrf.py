"""chrF of all answers together, between 0 and 1. Higher is better."""

from typing import Any

import datasets
import evaluate
from sacrebleu.metrics.chrf import CHRF

DESCRIPTION = "chrF of all answers together, between 0 and 1. Higher is better."
INPUTS = "One entry an answer. predictions: the text that was written; references: the texts that would be right."
CITATION = "Popović 2015, chrF: character n-gram F-score, WMT, 392–395; Post 2018, A Call for Clarity, WMT, 186–191"


class Chrf(evaluate.Metric):
    """Metric module: chrF by sacrebleu, of all answers and of each, and its signature."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features(
            {"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))}
        )
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, predictions: list[str], references: list[list[str]]) -> dict[str, Any]:
        most = max(map(len, references))
        streams = [[each[place] if place < len(each) else each[0] for each in references] for place in range(most)]
        whole, one = CHRF(), CHRF()
        return {
            "chrf": whole.corpus_score(predictions, streams).score / 100,
            "chrf_by_item": [
                one.sentence_score(text, ones).score / 100 for text, ones in zip(predictions, references, strict=True)
            ],
            "chrf_signature": str(whole.get_signature()),
        }
