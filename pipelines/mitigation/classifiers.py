"""Mitigate the classifier of the recipe's swaps in use: a logistic regression on the features of the run's model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from desdecero.eval_suites.mitigation.classifiers import classifier_changes
from desdecero.eval_suites.mitigation.results import Change
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.in_use import SETTING
from desdecero.pipelines.auditing.labelled_file import read_labelled
from desdecero.pipelines.auditing.people import people_of
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import check_inputs
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages

Classified = Literal["threshold", "reduction"]
METHODS: tuple[Classified, ...] = ("threshold", "reduction")


def mitigated_classifier(recipe: Recipe, run: RunDir, method: Classified, seeds: Sequence[int]) -> list[Change]:
    """Return what a mitigation changes in the classifier, of the texts that name men alone or women alone.

    seeds: of the draws of texts to train and to test on

    Raises `UserError` for a recipe without swaps in use, a model that is not trained, and a file that is of no use.
    """
    section = recipe.audit.suites.swaps
    if section is None:
        raise UserError(f"{method} needs {SETTING}, the file of texts and labels to classify: give the recipe one")
    check_inputs(stages(recipe)["audit"], recipe, run)
    data = read_labelled(Path(section.path), section.text, section.label, SETTING)
    people = people_of(section.language or recipe.audit.languages[0])["gender"]
    model = Asked(recipe, run, None).model
    read = {model.beginning(text): label for text, label in zip(data.texts, data.labels, strict=True)}
    sides = {text: people.sides_of(text) for text in read}
    texts = [text for text in read if text.strip() and len(sides[text]) == 1]
    if not texts:
        raise UserError(
            f"{SETTING}: no text of {section.path} names men alone or women alone: give one with such texts"
        )
    names = [people.sides[min(sides[text])] for text in texts]
    try:
        return classifier_changes(
            model.features(texts), [read[text] for text in texts], names, method, seeds, recipe.audit.confidence
        )
    except ValueError as error:
        raise UserError(f"{SETTING}: {error}") from None
