"""What a receipt tells of the runs of a mitigation: gaps, extraction, loss and tasks, before and after.

    values = Values()
    for pair in paired_runs(…):
        values.add(pair)
    values.changes(confidence=0.95)

gap         |mean gap| of each group of paired sentences, on the contexts and pairs that both audits asked; of
            languages that all of these models are competent in
extraction  share of the training passages whose next 32 tokens the model writes, given 32
loss        nats per token of the *base's* held-out text, of both models: counterfactual text is exchanged in the
            held-out documents too, and a loss on another text is no cost. Where both give the text a probability, its
            tokens are counted by the base's tokenizer, because a treated corpus has another
task        the main measure of each suite of the evaluation
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from desdecero.eval_suites.language_modeling import LanguageModeling
from desdecero.eval_suites.mitigation.receipts import change_over_seeds
from desdecero.eval_suites.mitigation.results import Change, Measure
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.paired_sentences.results import PairsResult
from desdecero.eval_suites.paired_sentences.scoring import ProbeScores, scores_of_lines
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import held_out, measured_split, pieces
from desdecero.pipelines.mitigation.runs import PREFIX, Made, Pair

LEAST_PAIRS = 2
"""Pairs that both audits have to have asked of a group, as in an audit."""
Key = tuple[Measure, str]


@dataclass(frozen=True)
class Both:
    """A measure of both models of a seed."""

    base: float
    treated: float
    better: Literal["higher", "lower"] = "lower"
    share: bool = False
    step: float = 0.0
    """Smallest difference that it can show."""


@dataclass
class Values:
    """The measures of all seeds so far."""

    seeds: list[dict[Key, Both]] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)
    """Measure, with a group where it has some, → key of the reason in one of the seeds."""

    def add(self, pair: Pair) -> None:
        """Measure the two models of another seed."""
        found = dict[Key, Both]()
        for one in (gaps(pair), extraction(pair), loss(pair), tasks(pair)):
            for key, value in one:
                if isinstance(value, str):
                    self.not_measured[":".join(filter(None, key))] = value
                else:
                    found[key] = value
        self.seeds.append(found)

    def changes(self, confidence: float) -> list[Change]:
        """Return the changes of what was measured in all seeds; of gaps, first that of their mean over the groups."""
        keys = [key for key in self.seeds[0] if all(key in seed for seed in self.seeds)]
        groups = [key for key in keys if key[0] == "gap"]
        told = [self._change(key, [seed[key] for seed in self.seeds], confidence) for key in keys]
        if groups:
            means = [
                Both(
                    float(np.mean([seed[key].base for key in groups])),
                    float(np.mean([seed[key].treated for key in groups])),
                )
                for seed in self.seeds
            ]
            told.insert(0, self._change(("gap", ""), means, confidence))
        return told

    @staticmethod
    def _change(key: Key, values: list[Both], confidence: float) -> Change:
        step = max(value.step for value in values)
        base, treated = [value.base for value in values], [value.treated for value in values]
        return change_over_seeds(*key, values[0].better, base, treated, confidence, values[0].share, step)


Found = Iterator[tuple[Key, Both | str]]
"""What was measured, or the key of the reason for which it could not be."""


def gaps(pair: Pair) -> Found:
    """Yield the distance of each group's mean gap from 0."""
    results = [made.run.report("audit", made.recipe).suites.pairs for made in (pair.base, pair.treated)]
    if results[0] is None or results[1] is None:
        return
    before, after = ({(one.language, one.name): one for one in _probes(made)} for made in (pair.base, pair.treated))
    for key, one in before.items():
        name, other = "/".join(key), after[key]
        common = [mentions for mentions in one.pairs if mentions in other.pairs]
        if not all(_competent(result, key[0]) for result in results if result):
            yield ("gap", name), "model_not_competent"
        elif len(common) < LEAST_PAIRS:
            yield ("gap", name), "words_not_read"
        else:
            first, second = (
                abs(float(each.gaps[:, [each.pairs.index(mentions) for mentions in common]].mean()))
                for each in (one, other)
            )
            yield ("gap", name), Both(first, second)


def _probes(made: Made) -> list[ProbeScores]:
    text = made.run.sealed_bytes("audit", made.recipe, "audit/pairs.jsonl").decode()
    return scores_of_lines([json.loads(line) for line in text.splitlines()])


def _competent(result: PairsResult, language: str) -> bool:
    return result.languages[language].competence.competent


def extraction(pair: Pair) -> Found:
    """Yield the share of the training passages that are extracted."""
    shares, steps = list[float](), list[float]()
    for made in (pair.base, pair.treated):
        suite = made.run.report("audit", made.recipe).suites.memorization
        if suite is None:
            return
        if suite.extraction.not_measured:
            yield ("extraction", ""), suite.extraction.not_measured
            return
        cell = next(
            one for one in suite.extraction.cells if (one.split, one.prefix, one.by) == ("train", PREFIX, "all")
        )
        shares.append(cell.greedy.value)
        steps.append(1 / cell.greedy.of)
    yield ("extraction", ""), Both(shares[0], shares[1], share=True, step=max(steps))


def loss(pair: Pair) -> Found:
    """Yield the loss on the base's held-out text, in nats per token."""
    recipe = pair.base.recipe
    texts, owners = pieces(held_out(recipe, pair.base.run, measured_split(recipe), recipe.evaluate.max_bytes))
    suite = LanguageModeling(recipe.evaluate.confidence, recipe.seed)
    bar = partial(progress, title="mitigate: held-out text", unit="batch")
    models = [load(made.run.model) for made in (pair.base, pair.treated)]
    scores = [suite.score(model, texts, bar, owners) for model in models]
    nats = [sum(one.nll for one in each) for each in scores]
    tokens = [sum(one.tokens for one in each) for each in scores]
    if models[0].text_probability:
        tokens[1] = tokens[0]
    yield ("loss", ""), Both(nats[0] / tokens[0], nats[1] / tokens[1])


def tasks(pair: Pair) -> Found:
    """Yield the main measure of each suite of the evaluation."""
    suites = [
        {suite.name: suite for suite in made.run.report("evaluate", made.recipe).suites}
        for made in (pair.base, pair.treated)
    ]
    for name, suite in suites[0].items():
        before, after = (each[name].measures[each[name].main] for each in suites)
        step = 1 / suite.items if before.share else 0.0
        yield ("task", name), Both(before.value, after.value, before.better, before.share, step)
