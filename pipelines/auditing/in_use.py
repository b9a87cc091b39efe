"""Swaps in use in the audit: a classifier on labelled texts of one's own, with the people in them exchanged."""

from __future__ import annotations

from pathlib import Path

from desdecero.eval_suites.in_use.results import SwapsInUseResult
from desdecero.eval_suites.in_use.swaps import MOST_TEXTS, measure_swaps_in_use
from desdecero.eval_suites.public_sets.figures import Scored
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.labelled_file import read_labelled
from desdecero.pipelines.auditing.people import people_of
from desdecero.pipelines.auditing.work import Work
from desdecero.pipelines.recipe.audit import Swaps

SETTING = "audit.suites.swaps"


def swaps(asked: Asked, section: Swaps) -> Scored[SwapsInUseResult]:
    """Measure swaps in use.

    Raises `UserError` for a file that cannot be used, and `ValueError` for one with too few different texts.
    """
    recipe = asked.recipe
    data = read_labelled(Path(section.path), section.text, section.label, SETTING)
    people = people_of(section.language or recipe.audit.languages[0])
    return measure_swaps_in_use(asked.model, data.texts, data.labels, people, recipe.audit.confidence, recipe.seed)


def swaps_work(_: Asked, section: Swaps) -> Work:
    """Return the work of the features of texts and of what they are exchanged for."""
    texts = read_labelled(Path(section.path), section.text, section.label, SETTING).texts[:MOST_TEXTS]
    return Work(len(texts), read=2 * sum(map(len, texts)))


def p_values(result: SwapsInUseResult) -> dict[str, float]:
    """Return `gender.exchanged.equalized_odds` and alike → p-value."""
    return result.p_values
