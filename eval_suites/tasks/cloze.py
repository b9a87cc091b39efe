"""The last word of a passage, as in LAMBADA (Paperno et al. 2016).

Record   {"text": "He put the letter in the envelope and sealed it."}, or {"context": "He …", "target": " it"}
Unit     a passage
Score    the share of passages whose last word the model would write, token for token, if it took the likeliest each
         time (`cloze_accuracy`); and the perplexity of the word, e to the mean of its −ln P (`cloze_perplexity`)
Chance   none: any word of the language could follow

Caveats  Where only `text` is given, the last word is split off with the space before it, and with the signs after it. A
         masked model is asked for its tokens one at a time, each with the later ones of the word hidden; an
         encoder–decoder for a gap at the end. Perplexities by the word can be compared between tokenizers; those of
         different kinds of models cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from desdecero.eval_suites.metrics import compute
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Measured, SuiteResult
from desdecero.eval_suites.statistics import jackknife_ratio, units
from desdecero.eval_suites.tasks.records import Record, mapped
from desdecero.eval_suites.tasks.task import Asking, Items, Question, Scored, ask, ask_baseline, measured_share

FIELDS = ("text", "context", "target", "cluster")
ACCURACY, PERPLEXITY = "cloze_accuracy", "cloze_perplexity"


@dataclass(frozen=True)
class Cloze:
    """A suite of passages without their last words."""

    name: str
    questions: Sequence[Question]
    kind: str = "cloze"

    @cached_property
    def texts(self) -> list[str]:
        """Return each passage with its last word."""
        return [f"{question.context}{question.continuations[0]}" for question in self.questions]

    def only(self, places: Sequence[int]) -> Cloze:
        """Return the suite with these items alone."""
        return replace(self, questions=[self.questions[place] for place in places])

    def run(self, model: LanguageModel, how: Asking) -> Scored:
        """Return how often the model would write the last word, and its perplexity."""
        answers = ask(model, self.questions, how.progress)
        nats = [-float(scores[0]) for scores in answers.log_likelihoods]
        items = Items(
            hashes=[question.hash for question in self.questions],
            right=[float(greedy[0]) for greedy in answers.greedy],
            texts=self.texts,
            paradigms=[""] * len(self.questions),
            clusters=[question.cluster for question in self.questions],
            log_likelihoods=[[-each] for each in nats],
            tokens=[tokens.tolist() for tokens in answers.tokens],
            shortened=answers.shortened.tolist(),
        )
        interval = jackknife_ratio(nats, [1.0] * len(nats), how.confidence, units(items.clusters))
        ends = np.exp([interval.low, interval.high]).tolist() if interval else (None, None)
        perplexity = Measured(value=_perplexity(nats), low=ends[0], high=ends[1], better="lower", share=False)
        baselines = {
            name: {PERPLEXITY: _perplexity([-float(scores[0]) for scores in ask_baseline(scorer, self.questions)])}
            for name, scorer in how.baselines.items()
        }
        result = SuiteResult(
            name=self.name, kind=self.kind, items=len(self.questions), unit="passage",
            sizes={"bytes": sum(len(text.encode()) for text in self.texts),
                   "tokens": int(sum(tokens.sum() for tokens in answers.tokens))},
            settings={}, main=ACCURACY,
            measures={ACCURACY: measured_share(items.right, how.confidence, None, items.clusters),
                      PERPLEXITY: perplexity},
            not_measured={},
            baselines=baselines,
            clusters=items.templates, shortened=sum(items.shortened),
        )  # fmt: skip
        return Scored(result, items)


def _perplexity(nll: Sequence[float]) -> float:
    return float(compute([PERPLEXITY], {"nll": nll})[PERPLEXITY])


def from_records(name: str, records: Sequence[Record], fields: Mapping[str, str]) -> Cloze:
    """Build the suite from records. Raises `ValueError` for a passage of a single word."""
    column, questions = mapped(fields, FIELDS), list[Question]()
    for record in records:
        cluster = record.label(column["cluster"])
        if record.values.get(column["target"]) is not None:
            context, target = record.text(column["context"]), record.text(column["target"])
        else:
            text = record.text(column["text"]).rstrip()
            context = text[: -len(text.split()[-1])].rstrip()
            target = text[len(context) :]
            if not context:
                raise ValueError(f"{record.place}: a passage of one word: nothing stands before the last")
        questions.append(Question(context, (target,), 0, "", cluster, record.place))
    return Cloze(name, questions)
