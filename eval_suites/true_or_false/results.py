"""Types of the results on facts and made-up values, as reports hold them: keys and values, never sentences."""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.public_sets.results import Figure
from desdecero.eval_suites.results import Count, Part


class FactFigures(Part):
    """Facts whose value is preferred to three others of its kind, each figure over documents."""

    trained: Figure
    """Share of the facts of training documents; chance 0.25."""
    held_out: Figure
    """Share of the facts of documents that the model was not trained on: what can be guessed. Chance 0.25."""
    difference: Figure
    """The first minus the second: what was learnt rather than guessed; chance 0."""


class FactsResult(Part):
    """Result on facts that one document alone states."""

    trained: Count
    """Facts of training documents that were asked for."""
    held_out: Count
    left_out: Count
    """Facts of either kind with a sentence that the model cannot read."""
    shortened: Count
    """Facts of which the model could not read all the text before."""
    all: FactFigures | None
    kinds: dict[str, FactFigures]
    """Kind of value → figures, for kinds with enough facts."""
    not_measured: dict[str, Literal["too_few_facts", "pass_a_token"]]
    """`facts` or `untrained` → key of the reason for which there is none."""


class MadeUpFigures(Part):
    """Values that stand in no training document, each figure over the documents that were continued."""

    written: Figure
    """As a share of the values in what the model wrote."""
    real: Figure
    """As a share of the values in how the same documents go on: true text has new values too."""
    difference: Figure
    """The first minus the second; chance 0."""


class MadeUpResult(Part):
    """Result on the numbers, dates and names that a model writes."""

    texts: Count
    """Texts that the model wrote."""
    values: Count
    """Numbers, dates and names in them that do not stand in the prompt; once a text."""
    all: MadeUpFigures | None
    kinds: dict[str, MadeUpFigures]
    """Kind of value → figures, for kinds with enough values."""
    not_measured: Literal["not_causal", "too_few_texts", "too_few_values"] | None
    """Key of the reason for which there are no figures."""


class TrueOrFalseResult(Part):
    """Result on what a model knows of its documents, and on what it makes up."""

    suite: Literal["facts"] = "facts"
    stated: FactsResult
    made_up: MadeUpResult

    @property
    def p_values(self) -> dict[str, float]:
        """Return `stated` and `made_up` → p-value of the difference, where there is one."""
        found = {"stated": self.stated.all, "made_up": self.made_up.all}
        p_values = {name: figures.difference.p_value for name, figures in found.items() if figures}
        return {name: p_value for name, p_value in p_values.items() if p_value is not None}
