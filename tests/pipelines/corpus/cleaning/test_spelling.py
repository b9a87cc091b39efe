"""Slips of a scanner are mended where that is sure, and nothing that somebody wrote is touched."""

from __future__ import annotations

import gzip
import itertools
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.cleaning.spelling import CorrectSpelling, correct, count_words
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Spelling

DATA = os.environ.get("DESDECERO_DATA", "")
MODERN = (
    "El gobierno regional aprobó el artículo según la región, y el gobierno regional publicó también la resolución "
    "en línea. Los gobiernos locales tendrán además la atención, la gestión y la planificación que el artículo da a "
    "cada gobierno regional. La política de la institución es pública, única, rápida y económica. Así lo declaró. "
) * 2


def corrections(text: str) -> dict[str, str]:
    return dict(correct(text)[1].keys())


@pytest.mark.parametrize(
    ("slip", "word"),
    [
        ("gobiemo", "gobierno"), ("goblerno", "gobierno"), ("reqional", "regional"), ("resoluclón", "resolución"),
        ("gestion", "gestión"), ("institucién", "institución"), ("iocales", "locales"),
    ],
)  # fmt: skip
def test_slips_of_a_scanner_are_mended(slip: str, word: str) -> None:
    text = MODERN + f"La resolución y la institución, la gestión, los locales. Con el {slip} en marcha."
    assert corrections(text) == {slip: word}
    assert f"Con el {word} en marcha." in correct(text)[0]


@pytest.mark.parametrize(
    "untouched",
    [
        "Gobiemo", "GOBIEMO", "gobiemo23", "www.gobiemo.pe", "info@gobiemo.pe", "/gobiemo/", "gobiemo-local",
        "regionalísimo", "gobernarlo", "comuníquesele", "gobiernillo", "antigobierno", "bierno", "gobier",
        "government", "Huancavelica", "veinticinco", "gobiemo gobiemo gobiemo",
    ],
)  # fmt: skip
def test_names_addresses_forms_fragments_and_habits_stay(untouched: str) -> None:
    text = MODERN + f"Con el {untouched} en marcha."
    assert correct(text) == (text, Counter())


def test_accents_are_not_given_to_a_text_that_does_not_write_them() -> None:
    bare = "La situacion de la nacion pedia tambien atencion, y la razon decia que debia haber ocasion de hablar. "
    assert corrections(bare * 2 + "La situación, la situación, la situación. Una gestion.") == {}
    old = "Fué á la ciudad ó á la aldea, y vió á su padre á la puerta con el gobierno. "
    assert corrections(old * 4 + MODERN + "Con el gobiemo.") == {}


def test_a_word_of_the_clean_text_is_right_and_bears_witness() -> None:
    clean = count_words(["El thalweg y la agrobiodiversidad de la cuenca. La cuenca hidrográfica."] * 5)
    assert correct("Según el thalweg de la agrobiodiversidad " + MODERN, clean)[1] == {}
    assert correct("Según la hidroqráfica " + MODERN, clean)[1] == {("hidroqráfica", "hidrográfica"): 1}


def test_every_change_is_on_record_and_other_languages_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "clean.txt").write_text(MODERN * 3, encoding="utf-8")
    step = CorrectSpelling(Spelling(clean_text=str(tmp_path / "clean.txt")))
    text = "Con el gobiemo, el gobiemo y la reqional; un iocales y la resoluclón."
    for language, edits in (("es", {"spelling": 5}), ("pt", {}), ("", {})):
        draft = Draft(Document("d", text, "s", "CC0-1.0", "declared", language, {}), text, language)
        step(draft)
        assert draft.edits == edits
        if language == "es":
            assert Counter((change.before, change.after) for change in draft.changes) == {
                ("gobiemo", "gobierno"): 2, ("reqional", "regional"): 1, ("iocales", "locales"): 1,
                ("resoluclón", "resolución"): 1,
            }  # fmt: skip


@pytest.mark.skipif(not DATA, reason="DESDECERO_DATA names no folder of text")
def test_clean_text_is_changed_less_than_once_in_a_hundred_thousand_words() -> None:
    for name in ("novelas_es", "leyes_pe"):
        with gzip.open(Path(DATA) / "corpora" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in itertools.islice(lines, 0, None, 12)]
        changed = sum(correct(text)[1].total() for text in texts)
        assert changed <= max(1, sum(len(text.split()) for text in texts) // 100_000)
