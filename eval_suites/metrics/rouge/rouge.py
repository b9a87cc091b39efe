"""ROUGE-1, -2 and -L, the mean over answers, between 0 and 1. Higher is better."""

import re
from typing import Any

import datasets
import evaluate
from rouge_score.rouge_scorer import RougeScorer

DESCRIPTION = "ROUGE-1, -2 and -L, the mean over answers, between 0 and 1. Higher is better."
INPUTS = "One entry an answer. predictions: the text that was written; references: the texts that would be right."
CITATION = "Lin 2004, ROUGE: A Package for Automatic Evaluation of Summaries, Text Summarization Branches Out, 74–81"


class _Words:
    """Tokenizer for rouge-score, whose own drops every letter with an accent."""

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text in lower case."""
        return re.findall(r"\w+", text.lower())


class Rouge(evaluate.Metric):
    """Metric module: F-measures of ROUGE by rouge-score, the best of the references; the mean, and of each answer."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features(
            {"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))}
        )
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, predictions: list[str], references: list[list[str]]) -> dict[str, Any]:
        names = ["rouge1", "rouge2", "rougeL"]
        scorer = RougeScorer(names, tokenizer=_Words())
        best = [scorer.score_multi(ones, text) for text, ones in zip(predictions, references, strict=True)]
        by_item = {name: [float(each[name].fmeasure) for each in best] for name in names}
        means = {name: sum(values) / len(values) for name, values in by_item.items()}
        return means | {f"{name}_by_item": values for name, values in by_item.items()}
