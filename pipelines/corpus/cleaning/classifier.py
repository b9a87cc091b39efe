"""Small text classifiers: trained on the team's own examples, measured on held-out ones, with readable weights.

Logistic regression on the words of a text, its pairs of neighbouring words, and the beginnings of its longer words
(Spanish inflects at the end). A text is the set of these, divided by the root of their number, so that long texts
do not score higher for their length. The model is a weight for each feature: a small readable file that scores a text
with a look-up for each word, and needs no library.

The measured figures come from five folds. Each example is scored by a model that never saw it (nor those that the
caller wants kept together, such as sentences of one template), and judged by a calibration (Platt 1999) and a threshold
that were fitted on the other folds.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.statistics import Interval, wilson
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.cleaning.unicode import clean
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.letters import LETTERS
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.recipe import Files

READ_CHARACTERS = 10_000
"""Characters read from the start of a text: some three printed pages show its subject."""
FOLDS = 5
MIN_EXAMPLES = 30
"""Least number of examples of each class. With fewer, a perfect score's interval begins below 88%, too wide to use."""
MAX_FEATURES = 100_000
"""Number of features kept, the most frequent: some 3 MB of file."""
CONFIDENCE = 0.95
DIGITS = 5
"""Decimals of a stored weight: far finer than the examples determine, and coarser than differences of processors."""

_PREFIX = 5

Feature = str | tuple[str, str]
"""A word, "begin*", or a pair of neighbouring words. A pair is a tuple in memory and "two words" in a file."""
Chooser = Callable[[NDArray[np.float64], NDArray[np.intp]], float]
"""(calibrated probabilities, indexes of their examples) → a threshold."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """`probability` that a text belongs to the class, if both classes were equally common."""

    weights: Mapping[Feature, float]
    bias: float
    slope: float
    """Slope of the calibration: logit = slope · score + offset."""
    offset: float
    least_known: float = 0.0
    """Share of a text's features that must be known. Nothing is known of a text in words that no example used."""

    def probability(self, found: set[Feature]) -> float | None:
        """Return the probability for a text's `features`; None if the classifier knows none, or too few, of them."""
        known = self.weights.keys() & found
        if not known or len(known) < self.least_known * len(found):
            return None
        # fsum: the order of a set differs between processes, and rounding with it
        score = math.fsum(map(self.weights.__getitem__, known)) / math.sqrt(len(known)) + self.bias
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, self.slope * score + self.offset))))

    def tell_tales(self, number: int) -> dict[Literal["for", "against"], list[str]]:
        """Return the features with the highest weights for and against the class."""
        ranked = sorted((weight, _name(feature)) for feature, weight in self.weights.items())
        return {
            "for": [name for _, name in ranked[: -number - 1 : -1]],
            "against": [name for _, name in ranked[:number]],
        }

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON values."""
        return {
            "bias": self.bias, "slope": self.slope, "offset": self.offset, "least_known": self.least_known,
            "weights": {_name(feature): weight for feature, weight in self.weights.items()},
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Classifier:
        """Build from the values of `to_dict`."""
        weights = {_feature(name): weight for name, weight in data["weights"].items()}
        return cls(weights, data["bias"], data["slope"], data["offset"], data["least_known"])


@dataclass(frozen=True, slots=True)
class Trained:
    """A classifier from all examples, with the threshold chosen on them and the decision on each when held out."""

    classifier: Classifier
    threshold: float
    decisions: NDArray[np.bool_]
    """Decisions in the order of the examples."""
    labels: NDArray[np.bool_]

    def rate(self, chosen: NDArray[np.bool_]) -> Interval | None:
        """Return the share of the chosen examples that were assigned to the class; None if none is chosen."""
        return wilson(int(self.decisions[chosen].sum()), int(chosen.sum()), CONFIDENCE) if chosen.any() else None

    @property
    def recall(self) -> Interval:
        """Share of the class' examples that were assigned to it."""
        return wilson(int((self.decisions & self.labels).sum()), int(self.labels.sum()), CONFIDENCE)

    @property
    def false_positives(self) -> Interval:
        """Share of the other examples that were assigned to the class."""
        return wilson(int((self.decisions & ~self.labels).sum()), int((~self.labels).sum()), CONFIDENCE)

    @property
    def precision(self) -> Interval | None:
        """Precision at the examples' own mixture of the classes."""
        decided = int(self.decisions.sum())
        return wilson(int((self.decisions & self.labels).sum()), decided, CONFIDENCE) if decided else None

    @property
    def beats_chance(self) -> bool:
        """True if recall exceeds the false-positive rate, beyond both intervals."""
        return self.recall.low > self.false_positives.high


def words(text: str) -> list[str]:
    """Split the part that is read into words, in lower case."""
    return LETTERS.findall(text[:READ_CHARACTERS].lower())


def features(found: Sequence[str]) -> set[Feature]:
    """Return the features of a text's `words`: the words, the pairs, and the beginnings of longer words."""
    present: set[Feature] = set(found)
    present.update([word[:_PREFIX] + "*" for word in set(found) if len(word) > _PREFIX])
    present.update(pairwise(found))
    return present


def read_examples(path: str, text_field: str, role: str) -> list[Document]:
    """Read the texts of a file or folder, as the `files` source reads them, cleaned as documents are.

    role: the recipe's key that names the path, for messages. Raises `UserError` for a damaged record: a filter's
    examples must be complete.
    """
    read: list[Document] = []
    for item in read_source(Files(kind="files", path=path, text_field=text_field)):
        if not isinstance(item, Document):
            raise UserError(f"{role}: {path}: {item.place}: {item.reason}; fix or remove it")
        # Twice the characters used: cleaning removes some, and a library of long books would not fit into memory.
        text = clean(item.text[: 2 * READ_CHARACTERS])[0]
        if text.strip():
            read.append(Document(item.id, text, item.source, "", "", item.language, item.meta))
    return read


def train(
    found: Sequence[set[Feature]],
    labels: Sequence[bool],
    fold_keys: Sequence[str],
    choose: Chooser,
    where: str,
    least_known: float,
    unknown: bool,
) -> Trained:
    """Train on all examples, and measure on folds of them.

    found: the `features` of each. where: name of the examples, for messages. unknown: the caller's decision on a text
    that the classifier cannot judge (see `Classifier.least_known`).
    Raises `UserError` if they are too few, or have too few distinct keys to hold any out.
    """
    truth = np.asarray(labels, dtype=bool)
    fewest = min(int(truth.sum()), int((~truth).sum()))
    if fewest < MIN_EXAMPLES:
        raise UserError(
            f"{where}: {int(truth.sum())} positive and {int((~truth).sum())} negative examples are too few to learn "
            f"from and to measure on: give at least {MIN_EXAMPLES} different ones of each"
        )
    folds = _folds(truth, fold_keys)
    scores = np.full(len(truth), np.nan)
    for fold in range(FOLDS):
        rest: list[int] = np.flatnonzero(folds != fold).tolist()
        held: list[int] = np.flatnonzero(folds == fold).tolist()
        if len(set(truth[rest])) < 2 or not held:
            raise UserError(f"{where}: its examples fall into too few groups for {FOLDS} folds: give more of them")
        weights, bias = _fit([found[place] for place in rest], truth[rest])
        raw = Classifier(weights, bias, 1.0, 0.0, least_known)
        for place in held:
            scores[place] = _score(raw, found[place])
    judged = ~np.isnan(scores)
    decisions = np.full(len(truth), unknown)
    for fold in range(FOLDS):
        others, held_out = np.flatnonzero((folds != fold) & judged), np.flatnonzero((folds == fold) & judged)
        if len(set(truth[others])) < 2:
            raise UserError(f"{where}: the examples have too few words in common to learn from: give more of them")
        slope, offset = _calibrate(scores[others], truth[others])
        threshold = choose(_sigmoid(slope * scores[others] + offset), others)
        decisions[held_out] = _sigmoid(slope * scores[held_out] + offset) >= threshold
    slope, offset = _calibrate(scores[judged], truth[judged])
    threshold = choose(_sigmoid(slope * scores[judged] + offset), np.flatnonzero(judged))
    weights, bias = _fit(found, truth)
    return Trained(Classifier(weights, bias, slope, offset, least_known), round(threshold, DIGITS), decisions, truth)


def save(path: Path, data: Mapping[str, Any]) -> None:
    """Write a trained filter; the same examples give the same bytes."""
    path.write_text(json.dumps(data, ensure_ascii=False, indent=0, sort_keys=True) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def _name(feature: Feature) -> str:
    return feature if isinstance(feature, str) else " ".join(feature)


def _feature(name: str) -> Feature:
    first, space, second = name.partition(" ")
    return (first, second) if space else name


def _folds(truth: NDArray[np.bool_], keys: Sequence[str]) -> NDArray[np.intp]:
    """Assign each example a fold: keys in rotation, in the order of their hash, separately for each class."""
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    fold: dict[str, int] = {}
    for label in (False, True):
        members = [key for key, place in first.items() if truth[place] == label]
        for number, key in enumerate(sorted(members, key=lambda key: hashlib.sha256(key.encode()).digest())):
            fold[key] = number % FOLDS
    return np.asarray([fold[key] for key in keys], dtype=np.intp)


def _fit(found: Sequence[set[Feature]], truth: NDArray[np.bool_]) -> tuple[dict[Feature, float], float]:
    """Return (weight by feature, bias). Features of a single example do not generalize, and are left out."""
    from scipy.sparse import csr_matrix  # lazy: the workers, which only look up weights, need neither library
    from sklearn.linear_model import LogisticRegression

    counts = Counter(feature for features in found for feature in features)
    ranked = sorted((feature for feature, n in counts.items() if n > 1), key=lambda f: (-counts[f], _name(f)))
    index = {feature: place for place, feature in enumerate(ranked[:MAX_FEATURES])}
    rows = [sorted(index[feature] for feature in features if feature in index) for features in found]
    values = np.concatenate([np.full(len(row), 1 / math.sqrt(max(1, len(row)))) for row in rows])
    starts = np.cumsum([0, *map(len, rows)])
    matrix = csr_matrix(
        (values, np.concatenate([np.asarray(row, dtype=np.int64) for row in rows]), starts),
        shape=(len(rows), len(index)),
    )
    # C = 10: rows have length 1, and the default of 1 keeps their weights near zero.
    model = LogisticRegression(C=10.0, class_weight="balanced", solver="liblinear", random_state=0, max_iter=1000)
    model.fit(matrix, truth)
    return {f: round(float(model.coef_[0, place]), DIGITS) for f, place in index.items()}, round(
        float(model.intercept_[0]), DIGITS
    )


def _score(classifier: Classifier, found: set[Feature]) -> float:
    """Return the score before calibration; NaN for a text that the classifier cannot judge."""
    probability = classifier.probability(found)
    return math.nan if probability is None else math.log(probability / (1 - probability))


def _calibrate(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit (slope, offset) of the logistic curve from scores to the share of the class, both classes equally
    weighted."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(class_weight="balanced", solver="liblinear", random_state=0, max_iter=1000)
    model.fit(scores[:, None], truth)
    return round(float(model.coef_[0, 0]), DIGITS), round(float(model.intercept_[0]), DIGITS)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
