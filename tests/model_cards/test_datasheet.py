"""The datasheet calls things by names that a reader knows, in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

from helpers import ROOT

from desdecero.model_cards.words import catalogue
from desdecero.pipelines.corpus.licensing.policy import Verdict
from desdecero.pipelines.corpus.privacy.synthetic import GENERATORS
from desdecero.pipelines.licenses.obligations import Certainty, Use
from desdecero.pipelines.licenses.obligations import ObligationKind as Ask
from desdecero.pipelines.recipe import PersonalData
from desdecero.pipelines.recipe.corpus_sources import SOURCES
from desdecero.pipelines.recipe.corpus_steps import NamedEntities, TextForm
from desdecero.pipelines.run.layout import SPLITS

CORPUS = ROOT / "pipelines" / "corpus"


def names(family: str) -> set[str]:
    """What the catalogue has names for."""
    return {key.partition(".")[2] for key in catalogue()["en"] if key.startswith(f"{family}.")}


def sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(CORPUS.rglob("*.py")))


def test_every_reason_to_drop_a_document_has_a_name() -> None:
    text = sources()
    reasons = set(re.findall(r'reason = "(\w+)"', text))
    reasons |= set(
        re.findall(r'yield \(?\s*"(\w+)", ', Path(CORPUS / "cleaning/quality.py").read_text(encoding="utf-8"))
    )
    assert {"too_few_words", "license_denied", "near_duplicate"} <= names("drop")
    assert len(reasons) > 20
    assert reasons - names("drop") == set()


def test_every_form_of_personal_data_has_a_name() -> None:
    assert GENERATORS.keys() - names("identifier") == set()


def test_every_step_has_a_name() -> None:
    steps = set(re.findall(r'^    name = "(\w+)"$', sources(), re.MULTILINE))
    assert len(steps) > 10
    assert steps - names("step") == set()


def literals(annotation: Any) -> set[str]:
    """The words that an annotation allows."""
    inner = get_args(annotation)
    return {word for part in inner for word in ({part} if isinstance(part, str) else literals(part))}


def test_the_words_of_the_recipe_and_of_licences_all_have_names_and_no_others_do() -> None:
    fields = PersonalData.model_fields["kinds"], NamedEntities.model_fields["entities"]
    assert set().union(*(literals(field.annotation) for field in fields)) == names("personal_data")
    assert set(SOURCES) == names("source")
    assert set(SPLITS) == names("split") == names("used_for")
    for annotation, family in ((TextForm, "form"), (Ask, "ask"), (Use, "use"), (Certainty, "certainty")):
        assert literals(annotation) == names(family), family
    assert literals(Verdict) == names("license_verdict")


def test_every_edit_has_a_name() -> None:
    kinds = set(re.findall(r'edits\["(\w+)"\]', sources()))
    kinds |= {f"{who}_{when}" for who in ("men", "women") for when in ("before", "after")}
    assert len(kinds) > 10
    assert kinds - names("edit") == set()
