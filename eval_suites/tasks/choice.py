"""Questions with given answers: is the right one the likeliest?

Record   {"question": "What boils at 100 °C?", "choices": ["iron", "water", "sand"], "answer": 1}
         `choices` may also be {"text": […], "label": ["A", …]}; `answer` a number from 0, a label, or the answer's text
Unit     a question; `cluster` may name the template that questions were made from
Score    the share of questions whose right answer has the highest score; ties share. Scores: the log-likelihood of the
         answer after the question as it is (`raw`), divided by the answer's characters, bytes or tokens, or minus its
         log-likelihood after the answer prompt alone (`unconditional`: Brown et al. 2020, §2.4). The main one is named
         in the recipe, before anything is measured. Beside it, the accuracy scaled so that chance is 0 and all right is
         1
Chance   the mean of 1 / number of answers

Caveats  Which score is best differs from model to model: choosing it after the fact flatters. With `show: letters` the
         answers stand in the prompt and the model is asked for a letter, which small models cannot do. An answer
         follows the prompt after one space (`join`), which a byte-level tokenizer reads as part of its first word.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.metrics import compute
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.results import Measured, SuiteResult
from desdecero.eval_suites.tasks.records import Record, mapped
from desdecero.eval_suites.tasks.task import (
    Answers,
    Asking,
    Items,
    Question,
    Scored,
    Scorer,
    accuracy,
    ask,
    ask_baseline,
    by_paradigm,
    first_choice,
    measured_share,
)

Normalization = Literal["raw", "characters", "bytes", "tokens", "unconditional"]
FIELDS = ("question", "choices", "answer", "group", "cluster")
PROMPTS = {"en": "Question: {question}\nAnswer:", "es": "Pregunta: {question}\nRespuesta:"}
"""Language → prompt of a question where the recipe gives none; English for other languages."""
JOIN = " "
"""Text between a prompt and its answer."""


@dataclass(frozen=True)
class Choices:
    """A question, its answers, and which is right."""

    question: str
    answers: tuple[str, ...]
    right: int
    group: str
    cluster: str
    place: str


@dataclass(frozen=True)
class Choice:
    """A suite of questions with given answers."""

    name: str
    choices: Sequence[Choices]
    main: Normalization
    prompt: str
    """Text in which `{question}` is asked."""
    letters: bool = False
    shots: Sequence[Choices] = ()
    """Questions that stand before each, with their right answers."""
    kind: str = "choice"

    @cached_property
    def texts(self) -> list[str]:
        """Return each question with its answers."""
        return [" ".join([each.question, *each.answers]) for each in self.choices]

    @cached_property
    def questions(self) -> list[Question]:
        """Return each question as the model is asked it."""
        before = "".join(f"{self._asked(shot)}{JOIN}{self._answers(shot)[shot.right]}\n\n" for shot in self.shots)
        return [
            Question(
                f"{before}{self._asked(each)}", tuple(f"{JOIN}{answer}" for answer in self._answers(each)),
                each.right, each.group, each.cluster, each.place,
            )
            for each in self.choices
        ]  # fmt: skip

    def _asked(self, each: Choices) -> str:
        question = each.question
        if self.letters:
            lines = zip(string.ascii_uppercase, each.answers, strict=False)
            question = "\n".join([question, *(f"{letter}. {answer}" for letter, answer in lines)])
        return self.prompt.replace("{question}", question)

    def _answers(self, each: Choices) -> Sequence[str]:
        return string.ascii_uppercase[: len(each.answers)] if self.letters else each.answers

    @property
    def answer_prompt(self) -> str:
        """Return the last line of the prompt, without the question: `Answer:`."""
        return self.prompt.replace("{question}", "").rpartition("\n")[2].strip()

    def only(self, places: Sequence[int]) -> Choice:
        """Return the suite with these items alone."""
        return replace(self, choices=[self.choices[place] for place in places])

    def run(self, model: LanguageModel, how: Asking) -> Scored:
        """Return the share of questions whose right answer the model finds likeliest, by each way to score."""
        answers = ask(model, self.questions, how.progress)
        alone = self._alone(model.log_likelihood)
        right = {
            way: [first_choice(self._scores(way, i, answers.log_likelihoods[i], answers.tokens[i], alone), each.right)
                  for i, each in enumerate(self.choices)]
            for way in get_args(Normalization)
        }  # fmt: skip
        best = [self._scores(self.main, i, answers.log_likelihoods[i], answers.tokens[i], alone).argmax()
                for i in range(len(self.choices))]  # fmt: skip
        items = Items(
            hashes=[question.hash for question in self.questions],
            right=right[self.main],
            texts=[f"{each.question} → {each.answers[each.right]}" for each in self.choices],
            paradigms=[each.group for each in self.choices],
            clusters=[each.cluster for each in self.choices],
            log_likelihoods=[scores.tolist() for scores in answers.log_likelihoods],
            tokens=[tokens.tolist() for tokens in answers.tokens],
            shortened=answers.shortened.tolist(),
            answers=[each.answers[int(place)] for each, place in zip(self.choices, best, strict=True)],
        )
        return Scored(self._result(items, right, answers, how.baselines, how.confidence), items)

    def _result(
        self, items: Items, right: Mapping[str, list[float]], answers: Answers,
        baselines: Mapping[str, Scorer], confidence: float,
    ) -> SuiteResult:  # fmt: skip
        chance = float(np.mean([1 / len(each.answers) for each in self.choices]))
        main = f"choice_{self.main}"
        measures = {
            f"choice_{way}": measured_share(values, confidence, items.paradigms, items.clusters)
            for way, values in right.items()
        }
        answers_each = [len(each.answers) for each in self.choices]
        inputs: dict[str, Sequence[Any]] = {"right": items.right, "group": items.paradigms, "choices": answers_each}
        scaled = compute(["scaled_accuracy"], inputs)["scaled_accuracy"]
        ends = (measures[main].low, measures[main].high)
        low, high = (None if end is None else (end - chance) / (1 - chance) for end in ends)
        measures["choice_scaled"] = Measured(value=scaled, low=low, high=high, better="higher", share=False)
        others = {}
        for name, scorer in baselines.items():
            alone, found = self._alone(scorer), ask_baseline(scorer, self.questions)
            values = [
                first_choice(self._scores(self.main, i, found[i], answers.tokens[i], alone), each.right)
                for i, each in enumerate(self.choices)
            ]
            others[name] = {main: accuracy(values, items.paradigms)}
        return SuiteResult(
            name=self.name, kind=self.kind, items=len(self.choices), unit="question",
            sizes={"bytes": sum(len(text.encode()) for text in self.texts),
                   "tokens": int(sum(tokens.sum() for tokens in answers.tokens))},
            settings={"shots": len(self.shots)}, main=main,
            measures={main: measures.pop(main), **measures}, not_measured={}, baselines=others,
            chance={f"choice_{way}": chance for way in right} | {"choice_scaled": 0.0},
            groups=by_paradigm(items, confidence), clusters=items.templates,
            shortened=sum(items.shortened),
        )  # fmt: skip

    def _alone(self, scorer: Scorer) -> list[NDArray[np.float64]]:
        """Return the log-likelihood of each answer after the answer prompt alone."""
        if self.letters:
            return []
        asked = [Question(self.answer_prompt, question.continuations, 0) for question in self.questions]
        return ask_baseline(scorer, asked)

    def _scores(
        self, way: str, item: int, scores: NDArray[np.float64], tokens: NDArray[np.int64],
        alone: Sequence[NDArray[np.float64]],
    ) -> NDArray[np.float64]:  # fmt: skip
        written = self._answers(self.choices[item])
        sizes: NDArray[np.float64] | None = None
        if way == "characters":
            sizes = np.array([len(answer) for answer in written], dtype=np.float64)
        elif way == "bytes":
            sizes = np.array([len(answer.encode()) for answer in written], dtype=np.float64)
        elif way == "tokens":
            sizes = tokens.astype(np.float64)
        elif way == "unconditional" and alone:
            scores = scores - alone[item]
        return scores if sizes is None else scores / sizes


def from_records(
    name: str,
    records: Sequence[Record],
    fields: Mapping[str, str],
    main: Normalization,
    prompt: str,
    letters: bool = False,
    shots: Sequence[Record] = (),
) -> Choice:
    """Build the suite from records.

    Raises `ValueError` for a record that is not a question with answers, or a shot that is also asked.
    """
    column = mapped(fields, FIELDS)
    choices = [_choices(record, column) for record in records]
    before = [_choices(record, column) for record in shots]
    asked = {each.question for each in choices}
    if shown := next((shot for shot in before if shot.question in asked), None):
        raise ValueError(
            f"{shown.place}: this shot is also a question of the suite {name}: take it out of one of the two"
        )
    if "{question}" not in prompt:
        raise ValueError(f"suite {name}: prompt has no {{question}} in it: add it")
    return Choice(name, choices, main, prompt, letters, before)


def _choices(record: Record, column: Mapping[str, str]) -> Choices:
    given: Any = record.value(column["choices"])
    labels = None
    if isinstance(given, Mapping):
        given, labels = given.get("text"), given.get("label")
    if not isinstance(given, list) or not all(isinstance(each, str) and each.strip() for each in given):
        raise ValueError(f"{record.place}: {column['choices']!r} is not a list of texts: fix the record")
    if len(given) < 2:
        raise ValueError(f"{record.place}: one answer to choose from: a question needs two at least")
    if len(set(given)) < len(given):
        raise ValueError(f"{record.place}: an answer stands twice among {', '.join(given)[:80]}: fix the record")
    right = _right(record.value(column["answer"]), given, labels)
    if right is None:
        answer = record.values[column["answer"]]
        raise ValueError(
            f"{record.place}: {column['answer']} {answer!r} is not among the {len(given)} choices: fix the record"
        )
    group, cluster = (record.label(column[each]) for each in ("group", "cluster"))
    return Choices(record.text(column["question"]), tuple(given), right, group, cluster, record.place)


def _right(answer: Any, given: Sequence[str], labels: Sequence[Any] | None) -> int | None:
    """Return the index of the right answer: by label, by its text, by number, by letter; None if it is none."""
    if labels and answer in labels:
        return list(labels).index(answer)
    if isinstance(answer, str) and answer in given:
        return given.index(answer)
    if isinstance(answer, int) or (isinstance(answer, str) and answer.isdigit()):
        return int(answer) if 0 <= int(answer) < len(given) else None
    if isinstance(answer, str) and len(answer) == 1 and answer in string.ascii_uppercase[: len(given)]:
        return string.ascii_uppercase.index(answer)
    return None
