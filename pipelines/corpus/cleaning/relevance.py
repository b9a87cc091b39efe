"""Relevance: keeps documents that resemble the team's wanted examples rather than its unwanted ones.

The classifier is `classifier.train`'s. It is trained once, before the first document is read, and refused if the
held-out examples show that it is not better than chance.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.cleaning.classifier import (
    FOLDS,
    READ_CHARACTERS,
    Classifier,
    Trained,
    features,
    load,
    read_examples,
    save,
    train,
    words,
)
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.run.reports.corpus import RelevanceRates, RelevanceReport

FILE = "relevance.json"
KEEP_RECALL = 0.95
TELL_TALES = 15


class RelevanceFilter:
    """The step: drops as `irrelevant` documents that the classifier scores below the threshold.

    A text none of whose words the classifier knows is kept, and counted as `relevance_unknown`: there is no evidence
    against it.
    """

    name = "relevance"

    def __init__(self, folder: Path):
        data = load(folder / FILE)
        self._classifier = Classifier.from_dict(data["classifier"])
        self._threshold: float = data["threshold"]

    def __call__(self, draft: Draft) -> None:
        """Drop the draft if it is irrelevant."""
        probability = self._classifier.probability(features(words(draft.text)))
        if probability is None:
            draft.edits["relevance_unknown"] += 1
        elif probability < self._threshold:
            draft.reason = "irrelevant"


def train_relevance(section: recipes.Relevance, folder: Path) -> RelevanceReport:
    """Train, measure, write `relevance.json` into `folder`, and return the report's section.

    Raises `UserError` if examples are too few, are both wanted and unwanted, or do not separate the classes.
    """
    wanted = {e.text: e for e in read_examples(section.wanted, section.text_field, "corpus.relevance.wanted")}
    unwanted = {e.text: e for e in read_examples(section.unwanted, section.text_field, "corpus.relevance.unwanted")}
    if both := sorted(e.id for text, e in wanted.items() if text in unwanted):
        raise UserError(
            f"corpus.relevance: {len(both)} texts are both wanted and unwanted ({both[0]}, …): remove them from one "
            "of the two"
        )
    texts = [*wanted, *unwanted]
    labels = [True] * len(wanted) + [False] * len(unwanted)

    def choose(probabilities: NDArray[np.float64], places: NDArray[np.intp]) -> float:
        if section.threshold is not None:
            return section.threshold
        mine = np.sort(probabilities[np.asarray(labels)[places]])
        return float(mine[int((1 - (section.keep_recall or KEEP_RECALL)) * len(mine))])

    trained = train([features(words(text)) for text in texts], labels, texts, choose,
                    "corpus.relevance", least_known=0.0, unknown=True)  # fmt: skip
    if not trained.beats_chance:
        kept, mistaken = trained.recall, trained.false_positives
        raise UserError(
            f"corpus.relevance: of examples held out, the filter keeps {kept.value:.0%} of the wanted and "
            f"{mistaken.value:.0%} of the unwanted ones, which is no better than chance: give more examples, or ones "
            "that differ more"
        )
    save(folder / FILE, {"classifier": trained.classifier.to_dict(), "threshold": trained.threshold})
    return _report(trained, len(wanted), len(unwanted))


def _report(trained: Trained, wanted: int, unwanted: int) -> RelevanceReport:
    precision = trained.precision
    return RelevanceReport(
        examples={"wanted": wanted, "unwanted": unwanted},
        folds=FOLDS,
        read_characters=READ_CHARACTERS,
        threshold=trained.threshold,
        held_out=RelevanceRates(
            kept_of_wanted=trained.recall.share(),
            kept_of_unwanted=trained.false_positives.share(),
            wanted_of_kept=precision.share() if precision else None,
        ),
        words=trained.classifier.tell_tales(TELL_TALES),
    )
