"""What the kinds of suites share: questions, the scores of each item, and the measures made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.metrics import compute
from desdecero.eval_suites.models.batching import Progress
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Group, Measured, SuiteResult
from desdecero.eval_suites.statistics import Interval, stratified_mean, units, wilson

Scorer = Callable[[Sequence[str], Sequence[str]], NDArray[np.float64]]
"""Log-likelihoods in nats of continuations after their contexts, as `LanguageModel.log_likelihood` returns them."""


@dataclass(frozen=True)
class Question:
    """An item: a context, and continuations of which one is right."""

    context: str
    continuations: tuple[str, ...]
    right: int
    """Index of the right continuation."""
    paradigm: str = ""
    """Group of items with a score of its own."""
    cluster: str = ""
    """Name that items share which were made from one template; empty for items that are independent."""
    place: str = ""
    """File and line, for messages."""

    @property
    def hash(self) -> str:
        """Digest of the item, by which two models' scores of it find each other."""
        return item_hash(self.context, *self.continuations, str(self.right))


def item_hash(*parts: str) -> str:
    """Return a digest of an item's texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Items:
    """The scores of a suite's items, one element of each list per item."""

    hashes: list[str]
    right: list[float]
    """1 for a right answer, 0 for a wrong one, a half for a tie; of other suites the item's score."""
    texts: list[str]
    """The item in words, to look at and to search the training text for."""
    paradigms: list[str]
    clusters: list[str]
    log_likelihoods: list[list[float]] = field(default_factory=list)
    """Of each continuation, in nats."""
    tokens: list[list[int]] = field(default_factory=list)
    """Number of tokens of each continuation."""
    shortened: list[bool] = field(default_factory=list)
    """True where a context lost tokens on the left."""
    answers: list[str] = field(default_factory=list)
    """What the model answered, in words."""
    places: list[int] = field(default_factory=list)
    """Place of each item in its suite, where some were left out."""

    @property
    def templates(self) -> int:
        """Return the number of templates that items were made from, where their data name them."""
        return len(set(self.clusters) - {""})


@dataclass(frozen=True)
class Scored:
    """The result of a suite, and the scores that it was made from."""

    result: SuiteResult
    items: Items


@dataclass(frozen=True)
class Asking:
    """How suites are asked, whatever their kind."""

    confidence: float
    """Of all intervals."""
    seed: int
    baselines: Mapping[str, Scorer] = field(default_factory=dict)
    """Baselines that give likelihoods, by name."""
    progress: Progress = iter


class Suite(Protocol):
    """A suite that a model can be asked."""

    name: str
    kind: str

    @property
    def texts(self) -> list[str]:
        """The text of each item that training must not have read."""

    def run(self, model: LanguageModel, how: Asking) -> Scored:
        """Ask a model."""

    def only(self, places: Sequence[int]) -> Suite:
        """Return the suite with these items alone."""


@dataclass(frozen=True)
class Answers:
    """Scores of the continuations of each question."""

    log_likelihoods: list[NDArray[np.float64]]
    tokens: list[NDArray[np.int64]]
    greedy: list[NDArray[np.bool_]]
    shortened: NDArray[np.bool_]


def ask(model: LanguageModel, questions: Sequence[Question], progress: Progress = iter) -> Answers:
    """Score every continuation of every question, all in one call."""
    contexts, continuations, cuts = _flat(questions)
    found = model.score(contexts, continuations, progress)
    return Answers(
        _parts(found.log_likelihood, cuts),
        _parts(found.tokens, cuts),
        _parts(found.greedy, cuts),
        np.array([part.any() for part in _parts(found.shortened, cuts)], dtype=np.bool_),
    )


def ask_baseline(scorer: Scorer, questions: Sequence[Question]) -> list[NDArray[np.float64]]:
    """Return a baseline's log-likelihoods of every continuation of every question."""
    contexts, continuations, cuts = _flat(questions)
    return _parts(scorer(contexts, continuations), cuts)


def _flat(questions: Sequence[Question]) -> tuple[list[str], list[str], list[int]]:
    contexts = [question.context for question in questions for _ in question.continuations]
    continuations = [each for question in questions for each in question.continuations]
    return contexts, continuations, np.cumsum([len(each.continuations) for each in questions])[:-1].tolist()


def _parts(values: NDArray[Any], cuts: Sequence[int]) -> list[NDArray[Any]]:
    return np.split(values, cuts)


def first_choice(scores: NDArray[np.float64], right: int) -> float:
    """Return 1 if the right continuation has the highest score alone, and its share of the win where several tie."""
    best = scores >= scores.max()
    return float(best[right]) / int(best.sum())


def measured_share(
    values: Sequence[float],
    confidence: float,
    strata: Sequence[str] | None = None,
    clusters: Sequence[str] | None = None,
) -> Measured:
    """Return the mean of scores between 0 and 1 with its interval: of items, of clusters of them, or over strata.

    A mean over strata weighs each alike, and its interval is for these strata and not for others.
    """
    if not any(clusters or ()) and len(set(strata or ())) < 2 and set(values) <= {0.0, 1.0}:
        interval: Interval | None = wilson(int(sum(values)), len(values), confidence)
    else:
        interval = stratified_mean(values, strata or [""] * len(values), units(clusters or ()), confidence)
    ends = (interval.low, interval.high) if interval else (None, None)
    return Measured(value=accuracy(values, strata), low=ends[0], high=ends[1], better="higher", share=True)


def accuracy(values: Sequence[float], strata: Sequence[str] | None = None) -> float:
    """Return the mean of scores, over strata of which each weighs alike."""
    inputs = {"right": values, "group": strata or [""] * len(values)}
    return float(compute(["accuracy"], inputs)["accuracy"])


def by_paradigm(items: Items, confidence: float) -> dict[str, Group]:
    """Return the share of right answers of each paradigm; empty if there is only one."""
    names = list(dict.fromkeys(items.paradigms))
    if len(names) < 2:
        return {}
    groups = {}
    for name in names:
        own = [number for number, paradigm in enumerate(items.paradigms) if paradigm == name]
        values, clusters = [items.right[i] for i in own], [items.clusters[i] for i in own]
        groups[name] = Group(items=len(own), score=measured_share(values, confidence, clusters=clusters))
    return groups
