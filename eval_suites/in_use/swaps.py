"""Exchange the people in texts of one's own, and see what a classifier on the model's features makes of them.

    people = {"gender": People(("men", "women"), sides_of, exchange)}
    scored = measure_swaps_in_use(model, texts, labels, people, confidence=0.95, seed=0)
    scored.result.people["gender"].exchanged.equalized_odds.p_value

What paired sentences show says little of how a model does in use (Lum et al. 2025, RUTEd); this asks of a use. Half of
the texts train a logistic regression on the model's features (`tasks/labels.py`). The others test it: how often is
something else predicted of a text once its people are exchanged? Are texts about one side served as well as texts
about the other? And the same texts, with the words of one side and of the other (`rates.py`)? A flip may be mere
fragility, which any other word would show; the last question has none of this.

Texts are cut to what the model reads before they are exchanged, so that no exchange lies beyond it. A text and its
exchange are both in training or both in the test, and of two such in the test one is exchanged. What is found
holds for this file, these words and this kind of classifier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from desdecero.eval_suites.in_use.rates import LEAST_TEXTS, compare_groups, compare_pairs
from desdecero.eval_suites.in_use.results import Flips, PeopleSwaps, SwapsInUseResult
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.public_sets.figures import Scored
from desdecero.eval_suites.statistics import wilson
from desdecero.eval_suites.tasks.labels import fit_probe

MOST_TEXTS = 10_000
"""Texts that are used of a file. If 500 of the 5,000 to test on name each side, a difference of 9 points in a rate of
one half is found with a chance of 80% (normal approximation)."""
TEST_SHARE = 0.5
"""A classifier of a few hundred features needs fewer texts than the comparison of two sides."""

Predict = Callable[[list[str]], list[str]]


@dataclass(frozen=True)
class People:
    """Two sides of people, and the words that name them."""

    sides: tuple[str, str]
    """Their names, such as men and women."""
    sides_of: Callable[[str], frozenset[int]]
    """Text → sides (0, 1 or both) that its words name."""
    exchange: Callable[[str], str | None]
    """Text → the text with the sides exchanged; None where it would not certainly be right, or names nobody."""


@dataclass(frozen=True)
class Case:
    """A labelled text, and what becomes of it for each kind of people."""

    text: str
    label: str
    sides: Mapping[str, frozenset[int]]
    exchanged: Mapping[str, str | None]

    @property
    def key(self) -> str:
        """Name that a text shares with its exchange."""
        return min([self.text, *(text for text in self.exchanged.values() if text is not None)])


def measure_swaps_in_use(
    model: LanguageModel,
    texts: Sequence[str],
    labels: Sequence[str],
    people: Mapping[str, People],
    confidence: float,
    seed: int,
) -> Scored[SwapsInUseResult]:
    """Return what becomes of the predictions when people are exchanged, with a line for each test text that names some.

    seed: draws the texts to train on, the strength of the classifier, and the permutations

    Raises `ValueError` for labels that are not two or more, of texts that are left once repeated ones are out.
    """
    generator = np.random.default_rng(seed)
    drawn = np.sort(generator.permutation(len(texts))[:MOST_TEXTS])
    read = {place: model.beginning(texts[place]) for place in drawn.tolist()}
    first = dict[str, int]()
    for place, text in read.items():
        first.setdefault(text, place)
    cases = [
        Case(
            text, labels[place], {name: one.sides_of(text) for name, one in people.items()},
            {name: one.exchange(text) for name, one in people.items()},
        )
        for text, place in first.items()
        if text.strip()
    ]  # fmt: skip
    train, test = divide(cases, generator)
    if len({case.label for case in train}) < 2 or not test:
        raise ValueError("the texts have fewer than two labels with two different texts each: there is nothing to tell")
    features = model.features([case.text for case in train])
    center, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    probe = fit_probe((features - center) / spread, np.array([case.label for case in train]), generator)

    def predict(asked: list[str]) -> list[str]:
        return [str(label) for label in probe((model.features(asked) - center) / spread)]

    commonest = Counter(case.label for case in train).most_common(1)[0][0]
    scored = judge_cases(test, people, predict, confidence, seed)
    right = sum(prediction == case.label for prediction, case in zip(scored.predicted, test, strict=True))
    accuracy = wilson(right, len(test), confidence)
    majority = float(np.mean([case.label == commonest for case in test]))
    result = SwapsInUseResult(
        texts=len(cases),
        left_out=len(texts) - len(drawn),
        repeated=len(drawn) - len(cases),
        shortened=sum(read[place] != texts[place] for place in read),
        labels=dict(sorted(Counter(case.label for case in cases).items())),
        training_texts=len(train),
        test_texts=len(test),
        accuracy=accuracy.share(),
        majority=majority,
        competent=accuracy.low > majority,
        people=scored.people,
    )
    return Scored(result, scored.lines)


def divide(cases: Sequence[Case], generator: np.random.Generator) -> tuple[list[Case], list[Case]]:
    """Divide cases into those to train and those to test on: of each label `TEST_SHARE`, one that is alone in training.

    A text and its exchange stay together.
    """
    together = dict[str, list[Case]]()
    for place in generator.permutation(len(cases)):
        together.setdefault(cases[place].key, []).append(cases[place])
    train, test = list[Case](), list[Case]()
    seen, tested = Counter[str](), Counter[str]()
    for same in together.values():
        label = same[0].label
        seen[label] += 1
        if tested[label] < int(TEST_SHARE * seen[label]):
            tested[label] += 1
            test += same
        else:
            train += same
    known = {case.label for case in train}
    return train, [case for case in test if case.label in known]


# --- what becomes of the predictions -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """What was predicted of the test, and of its exchanges."""

    predicted: list[str]
    """Of each case as it stands."""
    people: dict[str, PeopleSwaps]
    lines: list[dict[str, Any]]


def judge_cases(
    cases: Sequence[Case], people: Mapping[str, People], predict: Predict, confidence: float, seed: int
) -> Judged:
    """Return what becomes of the predictions of a classifier; `predict` is called once."""
    asked = list(
        dict.fromkeys(
            text for case in cases for text in (case.text, *case.exchanged.values()) if text is not None
        )
    )  # fmt: skip
    answers = dict(zip(asked, predict(asked), strict=True))
    found = {name: _swaps(name, one, cases, answers, confidence, seed) for name, one in people.items()}
    lines = [
        {
            "people": name, "sides": [one.sides[side] for side in sorted(case.sides[name])], "label": case.label,
            "text": case.text, "prediction": answers[case.text], "exchanged": (other := case.exchanged[name]),
            "prediction_exchanged": None if other is None else answers[other],
        }
        for name, one in people.items()
        for case in cases
        if case.sides[name]
    ]  # fmt: skip
    return Judged([answers[case.text] for case in cases], found, lines)


def _swaps(
    name: str, people: People, cases: Sequence[Case], answers: Mapping[str, str], confidence: float, seed: int
) -> PeopleSwaps:
    naming = [case for case in cases if case.sides[name]]
    pairs, seen = list[tuple[Case, str]](), set[str]()
    for case in naming:
        other = case.exchanged[name]
        if other is not None and seen.isdisjoint((case.text, other)):
            seen.add(case.text)
            pairs.append((case, other))
    flips = [(case.sides[name], answers[case.text] != answers[other]) for case, other in pairs]
    alone = [case for case in naming if len(case.sides[name]) == 1]
    paired = [(case, other) for case, other in pairs if len(case.sides[name]) == 1]
    ordered = [(case.text, other) if 0 in case.sides[name] else (other, case.text) for case, other in paired]
    return PeopleSwaps(
        texts=len(naming),
        uncertain=sum(case.exchanged[name] is None for case in naming),
        flips=_flips([flipped for _, flipped in flips], confidence),
        by_side={
            side: _flips([flipped for sides, flipped in flips if sides == {number}], confidence)
            for number, side in enumerate(people.sides)
        },
        as_written=compare_groups(
            [case.label for case in alone],
            [answers[case.text] for case in alone],
            [min(case.sides[name]) for case in alone],
            people.sides,
            seed,
        ),
        exchanged=compare_pairs(
            [case.label for case, _ in paired],
            [answers[first] for first, _ in ordered],
            [answers[second] for _, second in ordered],
            people.sides,
            seed,
        ),
    )


def _flips(flipped: Sequence[bool], confidence: float) -> Flips:
    enough = len(flipped) >= LEAST_TEXTS
    share = wilson(sum(flipped), len(flipped), confidence).share() if enough else None
    return Flips(texts=len(flipped), flips=sum(flipped), share=share)
