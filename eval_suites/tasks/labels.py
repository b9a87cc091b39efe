"""Classification by a linear probe on frozen features: how much of a task does the model already know?

Record   {"text": "My card has not arrived.", "label": "card_arrival"}, in a file to train on and one to test on
Unit     a text of the test
Score    accuracy, macro-averaged F1 and Matthews' correlation (`mcc`: Gorodkin 2004, for any number of labels) of a
         logistic regression on the mean hidden state of a text's tokens, the mean of five seeds. Each seed keeps
         another tenth of the training texts apart, on which the strength of the regularization is chosen, and trains on
         the rest
Chance   the share of the most common label of the training texts (`majority`)

Caveats  Beside it stands a bag of words (TF–IDF of words and pairs of words, same classifier, same choice): it is what
         a model of one's own has to beat, and on texts with telling words it often does not. A probe says what is in
         the features, not what fine-tuning would reach. Texts longer than the context are cut to their beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.metrics import compute
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Measured, SuiteResult
from desdecero.eval_suites.tasks.records import Record, mapped
from desdecero.eval_suites.tasks.task import Asking, Items, Scored, accuracy, item_hash, measured_share

FIELDS = ("text", "label", "cluster")
SEEDS = 5
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse strengths of the regularization that are tried, as scikit-learn's `C`."""
CHOSEN_ON = 0.1
"""Share of the training texts on which the strength is chosen."""
ITERATIONS = 1000
"""Of the optimizer at most. Features of a small model converge in some hundred."""


@dataclass(frozen=True)
class Labelled:
    """Texts with their labels."""

    texts: Sequence[str]
    labels: Sequence[str]
    clusters: Sequence[str]


@dataclass(frozen=True)
class Labels:
    """A suite of texts to classify."""

    name: str
    train: Labelled
    test: Labelled
    kind: str = "labels"

    @cached_property
    def texts(self) -> list[str]:
        """Return the texts of the test."""
        return list(self.test.texts)

    def run(self, model: LanguageModel, how: Asking) -> Scored:
        """Return how well a linear classifier on the model's features tells the labels of texts it has not seen."""
        train, test = model.features(self.train.texts), model.features(self.test.texts)
        center, spread = train.mean(axis=0), train.std(axis=0) + 1e-6
        answers = self._classify((train - center) / spread, (test - center) / spread, how.seed)
        right = np.mean([answer == np.array(self.test.labels) for answer in answers], axis=0)
        items = Items(
            hashes=[item_hash(text, label) for text, label in zip(self.test.texts, self.test.labels, strict=True)],
            right=right.tolist(),
            texts=[f"{text} → {label}" for text, label in zip(self.test.texts, self.test.labels, strict=True)],
            paradigms=[""] * len(right),
            clusters=list(self.test.clusters),
            answers=answers[0].tolist(),
        )
        measured = measured_share(items.right, how.confidence, None, items.clusters)
        commonest = max(sorted(set(self.train.labels)), key=self.train.labels.count)
        majority = np.array([commonest] * len(self.test.labels))
        result = SuiteResult(
            name=self.name, kind=self.kind, items=len(self.test.texts), unit="text",
            sizes={"bytes": sum(len(text.encode()) for text in self.test.texts), "labels": len(set(self.train.labels)),
                   "training_texts": len(self.train.texts)},
            settings={"seeds": SEEDS}, main="label_accuracy",
            measures={"label_accuracy": measured} | {
                name: _without_interval(value) for name, value in self._others(answers).items()
            },
            not_measured={},
            baselines={"majority": self._all([majority]), "bag_of_words": self._all(self._bag_of_words(how.seed))},
            chance={"label_accuracy": float(np.mean(majority == np.array(self.test.labels))), "mcc": 0.0},
            clusters=items.templates,
        )  # fmt: skip
        return Scored(result, items)

    def _all(self, answers: Sequence[NDArray[Any]]) -> dict[str, float]:
        right = np.mean([answer == np.array(self.test.labels) for answer in answers], axis=0)
        return {"label_accuracy": accuracy(right.tolist()), **self._others(answers)}

    def _others(self, answers: Sequence[NDArray[Any]]) -> dict[str, float]:
        """Return the means of the other measures over the seeds."""
        names = ["macro_f1", "mcc"]
        found = [compute(names, {"predictions": each.tolist(), "references": self.test.labels}) for each in answers]
        return {name: float(np.mean([values[name] for values in found])) for name in names}

    def _bag_of_words(self, seed: int) -> list[NDArray[Any]]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"(?u)\w+")
        return self._classify(words.fit_transform(self.train.texts), words.transform(self.test.texts), seed)

    def _classify(self, train: Any, test: Any, seed: int) -> list[NDArray[Any]]:
        """Return each seed's labels of the test."""
        labels = np.array(self.train.labels)
        return [fit_probe(train, labels, np.random.default_rng([seed, number]))(test) for number in range(SEEDS)]


def fit_probe(train: Any, labels: NDArray[Any], generator: np.random.Generator) -> Callable[[Any], NDArray[Any]]:
    """Train a logistic regression on rows of features; return what gives the labels of other rows.

    `generator` draws the texts on which its strength is chosen; it is trained on the rest.
    """
    from sklearn.linear_model import LogisticRegression

    def fitted(strength: float, chosen: NDArray[np.int64]) -> Callable[[Any], NDArray[Any]]:
        classifier = LogisticRegression(C=strength, max_iter=ITERATIONS)
        predict: Callable[[Any], NDArray[Any]] = classifier.fit(train[chosen], labels[chosen]).predict
        return predict

    order = generator.permutation(len(labels))
    held, rest = np.split(order, [max(1, round(CHOSEN_ON * len(labels)))])
    if len(set(labels[rest].tolist())) < 2:
        held, rest = order, order
    accuracies = [np.mean(fitted(strength, rest)(train[held]) == labels[held]) for strength in STRENGTHS]
    return fitted(STRENGTHS[int(np.argmax(accuracies))], rest)


def _without_interval(value: float) -> Measured:
    return Measured(value=value, low=None, high=None, better="higher", share=False)


def from_records(name: str, train: Sequence[Record], test: Sequence[Record], fields: Mapping[str, str]) -> Labels:
    """Build the suite from records. Raises `ValueError` for one label alone, or one that training has not seen."""
    column = mapped(fields, FIELDS)
    seen = _labelled(train, column)
    if len(set(seen.labels)) < 2:
        raise ValueError(
            f"suite {name}: all texts to train on have the label {seen.labels[0]!r}: there is nothing to tell"
        )
    known, asked = set(seen.labels), _labelled(test, column)
    for record, label in zip(test, asked.labels, strict=True):
        if label not in known:
            raise ValueError(f"{record.place}: no text to train on has the label {label!r}: add some, or fix the label")
    return Labels(name, seen, asked)


def _labelled(records: Sequence[Record], column: Mapping[str, str]) -> Labelled:
    return Labelled(
        [record.text(column["text"]) for record in records],
        [str(record.value(column["label"])) for record in records],
        [record.label(column["cluster"]) for record in records],
    )
