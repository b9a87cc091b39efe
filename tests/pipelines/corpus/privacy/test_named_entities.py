"""Names, addresses and dates through Presidio, with a spaCy model that is trained here on marked clinical cases."""

from __future__ import annotations

import os
import random
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.corpus.privacy.redaction import Redact, redacted_kinds
from desdecero.pipelines.recipe import NamedEntities, PersonalData

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

DATA = os.environ.get("DESDECERO_DATA")
presidio = pytest.mark.skipif(find_spec("presidio_analyzer") is None, reason="the extra `presidio` is not installed")


def section(**named: object) -> PersonalData:
    return PersonalData.model_validate({"kinds": ["email"], "named_entities": named})


def test_a_recipe_that_wants_names_without_a_model_is_refused() -> None:
    with pytest.raises(UserError, match="finding address and person needs a spaCy model"):
        Redact(section(entities=["person", "address"]))


def test_the_report_counts_entities_behind_the_other_kinds() -> None:
    assert redacted_kinds(section(entities=["date", "person"])) == ("email", "date", "person")
    assert NamedEntities().entities == ("person",)


@presidio
def test_dates_are_found_by_their_form_with_an_empty_model() -> None:
    step = Redact(section(entities=["date"]))
    text, counts = step.redact("Nació el 12/03/1971 y escribe a ana@sur.es.")
    assert text == "Nació el <date> y escribe a <email>."
    assert counts == {"date": 1, "email": 1}


@presidio
def test_a_model_that_is_not_installed_is_named() -> None:
    with pytest.raises(UserError, match="es_nowhere_sm is not on this machine: install it"):
        Redact(section(spacy_model="es_nowhere_sm"))


@presidio
def test_a_model_that_finds_no_names_is_refused(tmp_path: Path) -> None:
    import spacy

    spacy.blank("es").to_disk(tmp_path / "blank")
    with pytest.raises(UserError, match="finds no names"):
        Redact(section(spacy_model=str(tmp_path / "blank")))


@pytest.mark.slow
@presidio
@pytest.mark.skipif(not DATA, reason="DESDECERO_DATA is not set")
def test_a_trained_model_finds_the_names_of_people(tmp_path: Path) -> None:
    model, held_out = train_model(tmp_path / "model")
    detector = Detector(section(entities=["person"], spacy_model=str(model)))
    names = found = claimed = right = 0
    for text, marks in held_out:
        people = [match for match in detector.find(text) if match.kind == "person"]
        claimed += len(people)
        right += sum(any(one.start < end and start < one.end for start, end in marks) for one in people)
        names += len(marks)
        found += sum(any(one.start < end and start < one.end for one in people) for start, end in marks)
    assert names > 50 and found / names > 0.4
    assert right / claimed > 0.6


def train_model(folder: Path) -> tuple[Path, list[tuple[str, list[tuple[int, int]]]]]:
    """Train spaCy's recogniser on the heads of 90 cases, where the names are, for a few passes; hold 30 out."""
    import spacy
    from bench_personal_data import meddocan
    from spacy.training import Example

    heads = []
    for text, marks in list(meddocan(Path(str(DATA))))[:120]:
        people = [
            (start, end)
            for start, end, kind in marks
            if kind in {"NOMBRE_SUJETO_ASISTENCIA", "NOMBRE_PERSONAL_SANITARIO"} and end <= 400
        ]
        heads.append((text[:400], people))
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("es")
    nlp.add_pipe("ner").add_label("PER")
    examples = [
        Example.from_dict(nlp.make_doc(text), {"entities": [(start, end, "PER") for start, end in people]})
        for text, people in heads[:90]
    ]
    nlp.initialize(lambda: examples)
    chance = random.Random(0)
    for _ in range(6):
        chance.shuffle(examples)
        for at in range(0, len(examples), 20):
            nlp.update(examples[at : at + 20])
    nlp.to_disk(folder)
    return folder, heads[90:]
