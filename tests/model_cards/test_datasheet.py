"""The datasheet calls things by names that a reader knows, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers import ROOT

from desdecero.model_cards.corpus_words import NAMES, named
from desdecero.model_cards.formats import Language
from desdecero.pipelines.corpus.privacy.synthetic import GENERATORS

CORPUS = ROOT / "pipelines" / "corpus"


def sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(CORPUS.rglob("*.py")))


def test_every_reason_to_drop_a_document_has_a_name() -> None:
    text = sources()
    reasons = set(re.findall(r'reason = "(\w+)"', text))
    reasons |= set(
        re.findall(r'yield \(?\s*"(\w+)", ', Path(CORPUS / "cleaning/quality.py").read_text(encoding="utf-8"))
    )
    assert {"too_few_words", "license_denied", "near_duplicate"} <= set(NAMES["drop"])
    assert len(reasons) > 20
    assert reasons - set(NAMES["drop"]) == set()


def test_every_form_of_personal_data_has_a_name() -> None:
    assert GENERATORS.keys() - set(NAMES["identifier"]) == set()


def test_every_step_has_a_name() -> None:
    steps = set(re.findall(r'^    name = "(\w+)"$', sources(), re.MULTILINE))
    assert len(steps) > 10
    assert steps - set(NAMES["step"]) == set()


@pytest.mark.parametrize(("language", "name"), [("en", "telephone numbers"), ("es", "números de teléfono")])
def test_an_edit_that_hides_personal_data_is_called_by_its_kind(language: Language, name: str) -> None:
    assert named(language, "edit", "phone") == name


def test_a_word_without_a_name_is_shown_as_it_is() -> None:
    assert named("es", "edit", "women_before") == "women before"
