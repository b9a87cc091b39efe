"""The suites of the `evaluate` section: where their items come from, and how a model is asked them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from desdecero.pipelines.recipe.base import LocalPath, Section


class HubData(Section):
    """A split of a dataset of the Hub."""

    name: str
    """Name of the dataset, `owner/name`."""
    config: str | None = None
    """Configuration of the dataset."""
    split: str = "test"
    """Split of the dataset."""
    revision: str | None = None
    """Branch, tag or commit. Default: the main branch."""


class _Suite(Section):
    """What all kinds of suites have."""

    fields: Mapping[str, str] = {}
    """Names of columns where they are not those that the kind expects: `{question: pregunta}`."""


class _WithData(_Suite):
    path: LocalPath | None = None
    """A JSONL (.gz), CSV, TSV or Parquet file, or a folder of them."""
    hub: HubData | None = None
    """In place of `path`: a dataset of the Hub, as `{name: owner/name, config: …, split: test, revision: …}`."""
    leave_out_shortened: bool = False
    """Leave out items whose context does not fit the model whole; otherwise it is cut on the left, and they are
    counted."""

    @model_validator(mode="after")
    def _check_data(self) -> _WithData:
        if (self.path is None) == (self.hub is None):
            raise ValueError("give path or hub, one of the two: where are the items?")
        return self


class ShippedSuite(Section):
    """A suite that comes with the project: `pares_es`, minimal pairs of Spanish grammar."""

    kind: Literal["shipped"]


class PairsSuite(_WithData):
    """Minimal pairs: is the grammatical sentence the likelier one? Columns: sentence_good, sentence_bad, UID,
    cluster."""

    kind: Literal["pairs"]


class Shots(Section):
    """Questions that stand before each, with their right answers."""

    path: LocalPath
    """Their file. None of them may be a question of the suite."""
    count: Annotated[int, Field(ge=1, le=100)] = 5
    """How many are taken, in an order drawn with the seed."""


class ChoiceSuite(_WithData):
    """Questions with given answers: is the right one the likeliest? Columns: question, choices, answer, group,
    cluster."""

    kind: Literal["choice"]
    normalise: Literal["raw", "characters", "bytes", "tokens", "unconditional"] = "bytes"
    """Score that counts: the answer's log-likelihood as it is, divided by its characters, bytes or tokens, or minus its
    log-likelihood without the question. The others are in the report."""
    show: Literal["text", "letters"] = "text"
    """`letters` shows the answers in the prompt and asks for a letter."""
    prompt: str | None = None
    """Text in which `{question}` is asked. Default: `Question: {question}` and `Answer:` on the next line; in Spanish
    recipes `Pregunta: {question}` and `Respuesta:`."""
    shots: Shots | None = None
    """Questions that stand before each with their right answers: `{path: train.jsonl, count: 5}`, drawn with the
    seed."""


class ClozeSuite(_WithData):
    """The last word of a passage. Columns: text, or context and target; cluster."""

    kind: Literal["cloze"]


class LabelsSuite(_Suite):
    """Classification by a linear probe on the model's features."""

    kind: Literal["labels"]
    train: LocalPath
    """File to train the probe on."""
    test: LocalPath
    """File to test it on."""
    text: str = "text"
    """Column of the text."""
    label: str = "label"
    """Column of the label."""


class WriteSuite(_WithData):
    """Text that the model writes, against references. Columns: prompt, references, cluster."""

    kind: Literal["write"]
    metrics: Annotated[tuple[Literal["bleu", "chrf", "rouge", "exact_match", "f1"], ...], Field(min_length=1)]
    """What is measured; the first one counts."""
    tokens: Annotated[int, Field(ge=1, le=10_000)] = 60
    """Maximum number of tokens in an answer."""
    stop: str = ""
    """Text at which an answer ends. Default: only the end of the text, or `tokens`."""


class HarnessSuite(Section):
    """A task file of lm-eval (`pip install 'desdecero[lm-eval]'`), with its data on this machine."""

    kind: Literal["lm_eval"]
    path: LocalPath
    """The task's YAML file."""


SuiteSection = Annotated[
    ShippedSuite | PairsSuite | ChoiceSuite | ClozeSuite | LabelsSuite | WriteSuite | HarnessSuite,
    Field(discriminator="kind"),
]

Goal = Literal["generation", "classification", "translation", "question_answering"]

GOALS: dict[Goal, tuple[str, ...]] = {
    "generation": ("language_modeling", "shipped", "pairs", "cloze", "write"),
    "classification": ("labels",),
    "translation": ("write",),
    "question_answering": ("choice", "write"),
}
"""Use of the model → the kinds of suites that say something about it."""
