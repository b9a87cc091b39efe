"""Minimal pairs: is the grammatical sentence the likelier one?

Record   {"sentence_good": "The cats are here.", "sentence_bad": "The cats is here.", "UID": "agreement"}
Unit     a pair; `cluster` may name the template that pairs were made from
Score    the share of pairs whose grammatical sentence has the higher log-likelihood; a tie counts half. The main
         measure is the mean over paradigms, which the field `UID` names, or the file where there is none (Warstadt et
         al. 2020)
Chance   one half

Caveats  No space is put before a sentence: some harnesses do, and a byte-level tokenizer then reads other tokens. The
         sentences are not normalised by length, so that a shorter one has an advantage where the pair differs in
         length. Identical sentences say nothing: such pairs are left out and named. Accuracies of masked models come
         from pseudo-log-likelihoods, those of encoder–decoders from a gap that is the whole text: do not put them in
         one table with causal models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources

import yaml

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import SuiteResult
from desdecero.eval_suites.tasks.records import Record, mapped
from desdecero.eval_suites.tasks.task import (
    Asking,
    Items,
    Question,
    Scored,
    accuracy,
    ask,
    ask_baseline,
    by_paradigm,
    first_choice,
    measured_share,
)

FIELDS = ("sentence_good", "sentence_bad", "UID", "cluster")
SHIPPED = ("pares_es",)
"""Suites that come with the project."""
ACCURACY = "pair_accuracy"


@dataclass(frozen=True)
class Pairs:
    """A suite of minimal pairs."""

    name: str
    questions: Sequence[Question]
    identical: Sequence[str] = field(default_factory=tuple)
    """Places of the pairs that were left out because both sentences are the same."""
    kind: str = "pairs"

    @cached_property
    def texts(self) -> list[str]:
        """Return the grammatical sentence of each pair."""
        return [question.continuations[0] for question in self.questions]

    def only(self, places: Sequence[int]) -> Pairs:
        """Return the suite with these items alone."""
        return replace(self, questions=[self.questions[place] for place in places])

    def run(self, model: LanguageModel, how: Asking) -> Scored:
        """Return the share of pairs in which the model prefers the grammatical sentence."""
        answers = ask(model, self.questions, how.progress)
        items = Items(
            hashes=[question.hash for question in self.questions],
            right=[first_choice(scores, 0) for scores in answers.log_likelihoods],
            texts=[" | ".join(question.continuations) for question in self.questions],
            paradigms=[question.paradigm for question in self.questions],
            clusters=[question.cluster for question in self.questions],
            log_likelihoods=[scores.tolist() for scores in answers.log_likelihoods],
            tokens=[tokens.tolist() for tokens in answers.tokens],
            shortened=answers.shortened.tolist(),
            answers=[
                question.continuations[int(scores.argmax())]
                for question, scores in zip(self.questions, answers.log_likelihoods, strict=True)
            ],
        )
        others = {}
        for name, scorer in how.baselines.items():
            right = [first_choice(scores, 0) for scores in ask_baseline(scorer, self.questions)]
            others[name] = {ACCURACY: accuracy(right, items.paradigms)}
        result = SuiteResult(
            name=self.name, kind=self.kind, items=len(self.questions), unit="pair",
            sizes={"bytes": sum(len(text.encode()) for each in self.questions for text in each.continuations),
                   "tokens": int(sum(tokens.sum() for tokens in answers.tokens))},
            settings={}, main=ACCURACY,
            measures={ACCURACY: measured_share(items.right, how.confidence, items.paradigms, items.clusters)},
            not_measured={}, baselines=others, chance={ACCURACY: 0.5}, groups=by_paradigm(items, how.confidence),
            clusters=items.templates,
            left_out={"identical": list(self.identical)} if self.identical else {},
            shortened=sum(items.shortened),
        )  # fmt: skip
        return Scored(result, items)


def from_records(name: str, records: Sequence[Record], fields: Mapping[str, str]) -> Pairs:
    """Build the suite from records. Raises `ValueError` for a record that is not a pair, or if none is left."""
    column, questions, identical = mapped(fields, FIELDS), list[Question](), list[str]()
    for record in records:
        good, bad = (record.text(column[each]) for each in ("sentence_good", "sentence_bad"))
        if good == bad:
            identical.append(record.place)
            continue
        paradigm, cluster = (record.label(column[each]) for each in ("UID", "cluster"))
        questions.append(Question("", (good, bad), 0, paradigm or record.file, cluster, record.place))
    if not questions:
        raise ValueError(f"suite {name}: both sentences of every pair are the same: fix the file")
    return Pairs(name, questions, identical)


def shipped_file(name: str) -> bytes:
    """Return the file of a suite that comes with the project; raise `ValueError` for an unknown name."""
    if name not in SHIPPED:
        raise ValueError(f"no suite {name!r} comes with the project: there is {', '.join(SHIPPED)}")
    return (resources.files("desdecero.eval_suites") / "tasks" / "data" / f"{name}.yaml").read_bytes()


def shipped(name: str) -> Pairs:
    """Return a suite that comes with the project."""
    phenomena = yaml.safe_load(shipped_file(name).decode())
    return Pairs(
        name,
        [
            Question("", (good, bad), 0, phenomenon, "", f"{name}.yaml, {phenomenon} {number}")
            for phenomenon, entry in phenomena.items()
            for number, (good, bad) in enumerate(entry["pairs"], start=1)
        ],
        kind="shipped",
    )
