"""Languages that look alike are told apart, and what has no language gets none."""

from __future__ import annotations

import gzip
import inspect
import itertools
import json
import os
import textwrap
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.cleaning.language import IdentifyLanguage, identify
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Language

DATA = Path(os.environ.get("DESDECERO_DATA", ""))
needs_data = pytest.mark.skipif(not os.environ.get("DESDECERO_DATA"), reason="DESDECERO_DATA names no folder of text")

# The same thought in five neighbours, written for this test.
SENTENCES = {
    "es": "Cuando llegamos al pueblo, los vecinos ya habían cerrado las ventanas y nadie quiso abrirnos la puerta.",
    "pt": "Quando chegamos à aldeia, os vizinhos já tinham fechado as janelas e ninguém nos quis abrir a porta.",
    "ca": "Quan vam arribar al poble, els veïns ja havien tancat les finestres i ningú no ens va voler obrir la porta.",
    "gl": "Cando chegamos á aldea, os veciños xa pecharan as fiestras e ninguén nos quixo abrir a porta da casa.",
    "en": "When we came to the village, the neighbours had already shut their windows and nobody would let us in.",
}


def draft_of(text: str, language: str = "") -> Draft:
    return Draft(Document("d", text, "s", "CC0-1.0", "declared", language, {}), text, language)


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_tells_its_language(language: str) -> None:
    found, confidence = identify(SENTENCES[language])
    assert (found, confidence > 0.65) == (language, True)


@pytest.mark.parametrize("language", ["es", "ca", "pt"])
def test_capitals_and_addresses_do_not_change_the_language(language: str) -> None:
    assert identify("https://www.example.org/the/of/and/page " + SENTENCES[language].upper())[0] == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12,5 m | 34,6 kg | 56 %\n" * 40,
        inspect.getsource(textwrap.TextWrapper._split).split('"""')[2] * 5,
        "Quispe Mamani\nFlores Huamán\nRojas Chávez\nSánchez Vargas\n" * 20,
        '{"id": 3, "values": [1, 2, 3], "next": null}\n' * 30,
    ],
    ids=["nothing", "table", "code", "names", "json"],
)
def test_what_is_no_prose_has_no_language(text: str) -> None:
    language, confidence = identify(text)
    assert language == "" or confidence < 0.65


def test_a_document_in_two_halves_is_unsure() -> None:
    draft = draft_of(SENTENCES["es"] * 20 + SENTENCES["en"] * 20)
    IdentifyLanguage(Language())(draft)
    assert (draft.language, draft.reason) == ("", "language_unsure")


def test_a_language_that_is_not_allowed_is_dropped() -> None:
    draft = draft_of(SENTENCES["pt"] * 3)
    IdentifyLanguage(Language(allowed=("es", "ca")))(draft)
    assert (draft.language, draft.reason) == ("pt", "language")


def test_a_declared_language_is_checked_and_the_correction_shown() -> None:
    draft = draft_of(SENTENCES["gl"] * 2, language="es")
    IdentifyLanguage(Language(allowed=("es", "gl")))(draft)
    assert (draft.language, draft.reason, draft.edits["language_corrected"]) == ("gl", None, 1)
    assert draft.changes[0].before.startswith("es: Cando") and draft.changes[0].after.startswith("gl: Cando")


def test_a_declared_region_is_no_disagreement() -> None:
    draft = draft_of(SENTENCES["es"] * 2, language="es-PE")
    IdentifyLanguage(Language())(draft)
    assert (draft.language, draft.edits) == ("es", {})


def test_unsure_documents_may_stay() -> None:
    draft = draft_of("1 2 3 4 5", language="es")
    IdentifyLanguage(Language(drop_unsure=False))(draft)
    assert (draft.language, draft.reason) == ("", None)


@needs_data
@pytest.mark.parametrize(
    ("name", "language"), [("spa", "es"), ("por_BR", "pt"), ("cat", "ca"), ("glg", "gl"), ("eng", "en"), ("gug", "gn")]
)
def test_passages_of_two_lines_are_told_apart(name: str, language: str) -> None:
    text = " ".join((DATA / "langid" / "udhr" / f"{name}.txt").read_text(encoding="utf-8").split())
    passages = [text[start : start + 200] for start in range(0, len(text) - 200, 200)]
    assert {identify(passage)[0] for passage in passages} <= {language, ""}
    known = sum(identify(passage)[0] == language and identify(passage)[1] >= 0.65 for passage in passages)
    assert known >= 0.97 * len(passages)


@needs_data
def test_old_and_legal_spanish_is_spanish() -> None:
    for name in ("novelas_es", "leyes_pe"):
        with gzip.open(DATA / "corpora" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in itertools.islice(lines, 40)]
        assert {identify(text)[0] for text in texts} <= {"es", ""}
        assert sum(identify(text)[0] == "es" for text in texts) >= 39
    quijote = (DATA / "corpora" / "quijote" / "2000-8.txt").read_text(encoding="latin-1")
    assert identify(quijote)[0] == "es"
