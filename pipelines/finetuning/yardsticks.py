"""What a fine-tuned model has to beat: in classification the commonest label, and a linear classifier of words; where
spans are labelled, a list of the words of the training examples.

They take seconds, need no accelerator, and answer for each test example, in its order.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from desdecero.pipelines.finetuning.example import Example, Examples, Span

Labels = tuple[str, ...]

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Values of `C` that are tried: the inverse strength of the regularization."""
DEFAULT_STRENGTH = 1.0
"""scikit-learn's own, where there is nothing to choose on."""
WORDS, CHARACTERS = (1, 2), (2, 5)
"""Lengths of the runs of words and of the letters within words that are counted. Words and pairs of them are the usual
features (Wang & Manning 2012); runs of letters also see inflected and misspelt forms as alike."""
_ITERATIONS = 10_000
"""Ten times scikit-learn's limit: large C on few texts takes some thousand."""


def majority(examples: Examples) -> list[Labels]:
    """Return for each test example the commonest label of the training examples, or commonest set of labels."""
    seen = Counter(example.labels for example in examples.train)
    commonest = min(seen, key=lambda labels: (-seen[labels], labels))
    return [commonest] * len(examples.test)


def linear_svm(examples: Examples, seed: int) -> list[Labels]:
    """Return the labels of the test examples by a linear support vector machine.

    Its features are weighted counts (TF–IDF) of words, pairs of words, and runs of letters. `C` is chosen by the
    accuracy on the validation examples, or by micro-averaged F1 where a text may have several labels; then it is
    trained on these too, so that the yardstick has seen as much as the model that is compared with it.
    """
    strength = _chosen(examples, seed) if examples.validation else DEFAULT_STRENGTH
    known = [*examples.train, *examples.validation]
    features = _Features(known, pairs=_in_pairs(examples))
    classifier = _Classifier(strength, seed, examples)
    return classifier.fit(features(known), known).predict(features(examples.test))


def dictionary(examples: Examples) -> list[list[Span]]:
    """Return the spans of the test examples that a list of words gives: those that stood in spans of the training
    examples, each with its commonest label there. Of words that overlap, the longest counts; they are whole words, in
    the same letters."""
    seen: dict[str, Counter[str]] = {}
    for example in (*examples.train, *examples.validation):
        for span in example.spans:
            seen.setdefault(example.text[span.start : span.end], Counter())[span.label] += 1
    labels = {words: min(counts, key=lambda label: (-counts[label], label)) for words, counts in seen.items()}
    longest_first = sorted(labels, key=lambda words: (-len(words), words))
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)") if labels else None
    return [
        [Span(*found.span(), labels[found.group()]) for found in pattern.finditer(example.text)] if pattern else []
        for example in examples.test
    ]


def _chosen(examples: Examples, seed: int) -> float:
    """Return the strength that is best on the validation examples; of equals, the strongest regularization."""
    features = _Features(examples.train, pairs=_in_pairs(examples))
    train, held = features(examples.train), features(examples.validation)
    reached = [
        _score(_Classifier(strength, seed, examples).fit(train, examples.train).predict(held), examples)
        for strength in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(reached))]


def _score(answers: Sequence[Labels], examples: Examples) -> float:
    right = [example.labels for example in examples.validation]
    if not examples.several:
        return float(np.mean([answer == labels for answer, labels in zip(answers, right, strict=True)]))
    both = MultiLabelBinarizer(classes=examples.labels).fit([])
    return float(f1_score(both.transform(right), both.transform(answers), average="micro", zero_division=0))


def _in_pairs(examples: Examples) -> bool:
    return any(example.text_b for example in examples.all())


class _Features:
    """Weighted counts of the texts of some examples; those of a second text are counted apart."""

    def __init__(self, examples: Sequence[Example], pairs: bool):
        self._columns = ("text", "text_b") if pairs else ("text",)
        self._counters = {
            column: [
                TfidfVectorizer(sublinear_tf=True, ngram_range=WORDS, token_pattern=r"(?u)\w+"),
                TfidfVectorizer(sublinear_tf=True, ngram_range=CHARACTERS, analyzer="char_wb"),
            ]
            for column in self._columns
        }
        for column, counters in self._counters.items():
            for counter in counters:
                counter.fit(getattr(example, column) for example in examples)

    def __call__(self, examples: Sequence[Example]) -> Any:
        return sparse.hstack(
            [
                counter.transform(getattr(example, column) for example in examples)
                for column, counters in self._counters.items()
                for counter in counters
            ],
            format="csr",
        )


class _Classifier:
    """One decision for each label; the one that is furthest on its side counts, or all that are on it."""

    def __init__(self, strength: float, seed: int, examples: Examples):
        self._machine = LinearSVC(C=strength, random_state=seed, max_iter=_ITERATIONS)
        self._several = MultiLabelBinarizer(classes=examples.labels).fit([]) if examples.several else None
        if self._several is not None:
            self._machine = OneVsRestClassifier(self._machine)

    def fit(self, features: Any, examples: Sequence[Example]) -> _Classifier:
        """Train it."""
        labels = [example.labels for example in examples]
        with warnings.catch_warnings():
            # A label that all or no examples have is not decided upon, and scikit-learn says so for each.
            warnings.filterwarnings("ignore", message="Label .* is present in all training examples")
            self._machine.fit(
                features, self._several.transform(labels) if self._several else [one for (one,) in labels]
            )
        return self

    def predict(self, features: Any) -> list[Labels]:
        """Return the labels of each row of features."""
        found = self._machine.predict(features)
        if self._several is None:
            return [(str(label),) for label in found]
        return [tuple(sorted(map(str, labels))) for labels in self._several.inverse_transform(found)]
