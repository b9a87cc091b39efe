"""BLEU of all answers together, between 0 and 1. Higher is better."""

from typing import Any

import datasets
import evaluate
from sacrebleu.metrics.bleu import BLEU

DESCRIPTION = "BLEU of all answers together, between 0 and 1. Higher is better."
INPUTS = "One entry an answer. predictions: the text that was written; references: the texts that would be right."
CITATION = (
    "Papineni et al. 2002, BLEU, ACL, 311–318; Post 2018, A Call for Clarity in Reporting BLEU Scores, WMT, 186–191"
)


class Bleu(evaluate.Metric):
    """Metric module: BLEU by sacrebleu, of all answers and of each, and its signature."""

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
        whole, one = BLEU(), BLEU(effective_order=True)
        return {
            "bleu": whole.corpus_score(predictions, streams).score / 100,
            "bleu_by_item": [
                one.sentence_score(text, ones).score / 100 for text, ones in zip(predictions, references, strict=True)
            ],
            "bleu_signature": str(whole.get_signature()),
        }
