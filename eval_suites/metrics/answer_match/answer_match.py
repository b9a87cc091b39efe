"""Exact match and F1 of the words of an answer, the mean over answers. Higher is better."""

import re
from collections import Counter
from typing import Any

import datasets
import evaluate

DESCRIPTION = "Exact match and F1 of the words of an answer, the mean over answers. Higher is better."
INPUTS = "One entry an answer. predictions: the text that was written; references: the texts that would be right."
CITATION = "Rajpurkar, Zhang, Lopyrev & Liang 2016, SQuAD, EMNLP, §6.1"

ARTICLES = {"a", "an", "the", "el", "la", "los", "las", "un", "una", "unos", "unas"}
"""Words that are left out: SQuAD's English articles, and the Spanish ones."""


def _words(text: str) -> list[str]:
    """Return the words of an answer, in lower case, without signs and articles."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in ARTICLES]


def _f1(answer: list[str], reference: list[str]) -> float:
    """Return the harmonic mean of precision and recall of an answer's words."""
    if not answer or not reference:
        return float(answer == reference)
    return 2 * (Counter(answer) & Counter(reference)).total() / (len(answer) + len(reference))


class AnswerMatch(evaluate.Metric):
    """Metric module: SQuAD's exact match and F1 of words, the best of the references; the mean, and of each answer."""

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features(
            {"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))}
        )
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=features
        )

    def _compute(self, predictions: list[str], references: list[list[str]]) -> dict[str, Any]:
        exact, f1 = [], []
        for text, ones in zip(predictions, references, strict=True):
            exact.append(max(float(_words(text) == _words(one)) for one in ones))
            f1.append(max(_f1(_words(text), _words(one)) for one in ones))
        return {
            "exact_match": sum(exact) / len(exact),
            "exact_match_by_item": exact,
            "f1": sum(f1) / len(f1),
            "f1_by_item": f1,
        }
