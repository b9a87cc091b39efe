"""Men and women change places in full agreement, or the sentence stays as it is."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from helpers import docstrings

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.cleaning.sentences import sentence_spans
from desdecero.pipelines.corpus.counterfactual import english, spanish
from desdecero.pipelines.corpus.counterfactual.exchange import Counterfactual, count_mentions, drawn, read_names
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Counterfactual as Section

SPANISH = [
    ("El enfermero cansado llegó.", "La enfermera cansada llegó."),
    ("La mujer, cansada de esperar, miraba la casa.", "El hombre, cansado de esperar, miraba la casa."),
    ("Vio a la enfermera.", "Vio al enfermero."),
    ("Las manos del viejo pescador.", "Las manos de la vieja pescadora."),
    ("Un buen alumno es aplicado.", "Una buena alumna es aplicada."),
    ("Fue la primera presidenta elegida.", "Fue el primer presidente elegido."),
    ("Una de las alumnas exclamó:", "Uno de los alumnos exclamó:"),
    ("El estudiante aplicado es feliz.", "La estudiante aplicada es feliz."),
    ("Era un señor alto, delgado, vestido con corrección.", "Era una señora alta, delgada, vestida con corrección."),
    ("Todos los trabajadores serán informados.", "Todas las trabajadoras serán informadas."),
    ("Su padre y su hermana hablaban.", "Su madre y su hermano hablaban."),
    ("—¡Admirable!—respondió él.", "—¡Admirable!—respondió ella."),
    ("Es una trabajadora incansable.", "Es un trabajador incansable."),
    ("Ella es enfermera.", "Él es enfermero."),
    ("El periodista ha llegado.", "La periodista ha llegado."),
    ("La niña miró la mesa redonda.", "El niño miró la mesa redonda."),
]
SPANISH_UNSURE = [
    "La mesa redonda es blanca.",  # nobody
    "El presidente de Bolivia habló.",  # somebody in particular
    "La enfermera vio a Juan.",
    "La vecina ciudad cayó.",  # an adjective here
    "Los padres llegaron.",  # the parents
    "La médica estaba embarazada.",  # no swap of words mirrors it
    "El médico las vio.",  # whom?
    "El abogado quería verla.",
    "Confía en ella.",  # a thing, perhaps
    "Mi colega y la maestra están cansadas.",
    "El bienestar de las y los estudiantes.",
    "El/la trabajador/a.",
    "Los pensamientos de aquellos hombres eran sombríos.",  # the thoughts were
    "El medio empleado.",
    "La participación de los trabajadores ayuda a la identificación de éstos.",
    "Las chicas no son como las de entonces.",
    "La mujer más hermosa del mundo era mía.",
    "EL DIRECTOR GENERAL",
    "La funcionaria tiene la obligación de que ella no sea divulgada.",
    "Un sentimental no puede ser buen sociólogo.",
    "Este hombre es un pillo.",
    "Era él, el retrato.",
    "María, la enfermera cansada, salió.",
    "Señor, el médico está cansado.",
    "El director de la empresa es el responsable del informe.",
    "Eres condesa y generala.",
    "Un hombre de su edad es fuerte, sutil y andador.",
    "Los actores del desarrollo regional.",
    "La víctima es una persona.",  # grammar only
    "La madre y la hija estaban juntas.",
]
ENGLISH = [
    ("She told her brother that he was late.", "He told his sister that she was late."),
    ("I saw her yesterday.", "I saw him yesterday."),
    ("The book is his.", "The book is hers."),
    ("He's her father's friend.", "She's his mother's friend."),
    ("The girl hurt herself.", "The boy hurt himself."),
    ("Are his charges correct?", "Are her charges correct?"),
    ("The policemen left.", "The policewomen left."),
]
ENGLISH_UNSURE = [
    "We gave her food.", "We saw her leave.", "Sarah said he was here.", "He met Mr. Smith.", "She was pregnant.",
    "Man, those are dangerous.",
    "Here you go, man.", "The weather was fine.", "A man-made lake.", "The king of Spain spoke.",
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SPANISH)
def test_spanish_agrees_after_the_exchange_and_comes_back(one: str, other: str) -> None:
    assert spanish.swap(one, {}) == other
    assert spanish.swap(other, {}) == one


@pytest.mark.parametrize("sentence", SPANISH_UNSURE)
def test_spanish_that_is_not_certain_stays(sentence: str) -> None:
    assert spanish.swap(sentence, {}) is None


@pytest.mark.parametrize(("one", "other"), ENGLISH)
def test_english_tells_her_from_her(one: str, other: str) -> None:
    assert english.swap(one, {}) == other
    assert english.swap(other, {}) == one


@pytest.mark.parametrize("sentence", ENGLISH_UNSURE)
def test_english_that_is_not_certain_stays(sentence: str) -> None:
    assert english.swap(sentence, {}) is None


def drafts_of(texts: dict[str, str], language: str, section: Section) -> list[Draft]:
    step = Counterfactual(section)
    drafts = [Draft(Document(i, t, "s", "", "", language, {}), t, language) for i, t in texts.items()]
    for draft in drafts:
        step(draft)
    return drafts


def test_a_share_of_the_documents_is_drawn_by_seed_and_id() -> None:
    ids = [f"doc-{number}" for number in range(2000)]
    first, again, other = ([drawn(i, seed, 0.5) for i in ids] for seed in (0, 0, 1))
    assert first == again != other
    assert 0.45 < sum(first) / len(ids) < 0.55
    assert all(drawn(i, 0, 1.0) for i in ids)


def test_half_the_documents_bring_men_and_women_level() -> None:
    texts = {f"doc-{n}": "Él es médico.\n\nLa mesa es redonda." for n in range(400)}
    drafts = drafts_of(texts, "es", Section())
    edits = {
        kind: sum(draft.edits[kind] for draft in drafts) for kind in set().union(*(draft.edits for draft in drafts))
    }
    assert edits["men_before"] == 800 and edits["women_before"] == 0
    assert edits["men_after"] + edits["women_after"] == 800
    assert 0.4 < edits["women_after"] / 800 < 0.6
    assert edits["counterfactual"] == sum("Ella es médica.\n\nLa mesa" in draft.text for draft in drafts)
    changed = next(draft for draft in drafts if draft.changes)
    assert (changed.changes[0].before, changed.changes[0].after) == ("Él es médico.", "Ella es médica.")


def test_other_languages_and_texts_without_people_stay_and_count_nothing() -> None:
    (french,) = drafts_of({"a": "Il est là."}, "fr", Section(share=1))
    (table,) = drafts_of({"a": "La mesa es redonda."}, "es", Section(share=1))
    assert (french.text, +french.edits) == ("Il est là.", {})
    assert (table.text, +table.edits) == ("La mesa es redonda.", {})


def test_names_of_the_recipe_are_exchanged_and_surnames_forbid_it(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# first names\nMario, María\nJuan,Juana\n", encoding="utf-8")
    names = read_names(str(tmp_path / "names.txt"))
    assert spanish.swap("Juana está cansada.", names) == "Juan está cansado."
    assert spanish.swap("El médico vio a Mario.", names) == "La médica vio a María."
    assert spanish.swap("El médico vio a Mario Vargas.", names) is None
    assert spanish.swap("El médico vio a Pedro.", names) is None
    (drafted,) = drafts_of({"a": "Mario llegó."}, "es", Section(share=1, names=str(tmp_path / "names.txt")))
    assert drafted.text == "María llegó."


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("Mario\n", "line 1: 'Mario' is not a valid pair"),
        ("Mario,María\nJosé,María\n", "line 2: María has a partner already"),
    ],
)
def test_names_that_would_not_come_back_are_refused(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "names.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        Counterfactual(Section(names=str(tmp_path / "names.txt")))


def test_mentions_are_counted_by_gender() -> None:
    assert count_mentions("La enfermera y su padre. Ella, la mesa.", "es") == {"m": 1, "f": 2}
    assert count_mentions("He told his mother.", "en") == {"m": 2, "f": 1}


def comes_back(text: str, language: str) -> int:
    """The sentences that are exchanged; each must come back as it was, and change nothing but words of gender."""
    swap, exchanged = {"es": spanish.swap, "en": english.swap}[language], 0
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        if (swapped := swap(sentence, {})) is not None:
            exchanged += 1
            assert swap(swapped, {}) == sentence != swapped
            assert sum(not c.isalpha() and not c.isspace() for c in swapped) == sum(
                not c.isalpha() and not c.isspace() for c in sentence
            )
    return exchanged


def test_real_english_comes_back() -> None:
    texts = docstrings("turtle", "argparse", "random", "unittest/case", "inspect", "statistics")
    assert sum(comes_back(text, "en") for text in texts) < 20  # manuals speak of nobody


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of real text")
@pytest.mark.parametrize(
    ("name", "language", "documents", "at_least"),
    [("novelas_es", "es", 6, 50), ("leyes_pe", "es", 150, 30), ("masc_en", "en", 60, 100)],
)
def test_real_sentences_come_back(name: str, language: str, documents: int, at_least: int) -> None:
    path = Path(os.environ["DESDECERO_DATA"]) / "corpora" / f"{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"][:60_000] for line, _ in zip(file, range(documents), strict=False)]
    assert sum(comes_back(text, language) for text in texts) >= at_least
