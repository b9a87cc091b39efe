"""What layout and sites put around a text goes; what people wrote stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.cleaning.lines import CleanLines, LineCounter, count_lines
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Corpus, Files, Lines

SENTENCE = "El alcalde leyó el acta en voz baja, y los vecinos que habían ido a escucharle callaron hasta el final. "


def cleaned(text: str, section: Lines | None = None, counts: Path | None = None) -> Draft:
    draft = Draft(Document("d", text, "s", "CC0-1.0", "declared", "es", {}), text, "es")
    CleanLines(section or Lines(), counts)(draft)
    return draft


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Página 3 de 20", "page_number"),
        ("pág. 12", "page_number"),
        ("- Page 7 -", "page_number"),
        ("Pàgina 4", "page_number"),
        ("Páxina 4 de 9", "page_number"),
        ("Inicio | Noticias | Contacto | Aviso legal", "boilerplate"),
        ("Utilizamos cookies propias y de terceros para mejorar la navegación.", "boilerplate"),
        ("By using this site you accept the use of cookies.", "boilerplate"),
        ("Compartir en Facebook", "boilerplate"),
        ("Leer más »", "boilerplate"),
    ],
)
def test_what_a_layout_or_a_site_put_there_goes(line: str, kind: str) -> None:
    draft = cleaned(f"{SENTENCE}\n{line}\n{SENTENCE}")
    assert draft.text == f"{SENTENCE}\n{SENTENCE}"
    assert draft.edits == {kind: 1}
    assert (draft.changes[0].before, draft.changes[0].after) == (line, "")


@pytest.mark.parametrize(
    "line",
    [
        "—¿Por qué?",
        "III",
        "Artículo 3",
        "| Inicio | Contacto | Ayuda |",
        "La página 3 de mi cuaderno estaba en blanco.",
        "Las cookies de avena salieron del horno a las tres.",
        "Madrid · Sevilla · Lugo",
        "© 2019 Ayuntamiento. Todos los derechos reservados.",
        "1936",
    ],
)
def test_what_people_wrote_stays(line: str) -> None:
    text = f"{SENTENCE}\n{line}\n{SENTENCE}"
    assert cleaned(text).text == text


def test_a_sentence_that_a_page_foot_has_cut_is_whole_again() -> None:
    assert cleaned("El alcalde leyó el\n\nPágina 3 de 20\n\nacta en voz baja.").text == (
        "El alcalde leyó el\nacta en voz baja."
    )


def test_a_running_head_stays_once_and_page_numbers_go() -> None:
    pages = [f"GOBIERNO REGIONAL DE LORETO\n{SENTENCE * 15}{page}\n{page}" for page in range(4, 12)]
    draft = cleaned("\n".join(pages))
    assert draft.text.count("GOBIERNO REGIONAL DE LORETO") == 1
    assert draft.edits == {"repeated_line": 7, "page_number": 8}


def test_a_refrain_and_numbered_chapters_stay() -> None:
    song = "\n".join(f"{SENTENCE}{verse}\nY la luna se fue por el olivar" for verse in range(6))
    novel = "\n".join(f"{chapter}\n{SENTENCE * 200}" for chapter in range(1, 6))
    assert cleaned(song).text == song
    assert cleaned(novel).text == novel


def test_a_paragraph_that_is_printed_twice_stays_once() -> None:
    draft = cleaned(f"{SENTENCE}\n\n{SENTENCE}\n—No.\n—No.")
    assert (draft.text, draft.edits) == (f"{SENTENCE}\n\n—No.\n—No.", {"repeated_line": 1})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("la conserva-\nción del monte", "la conservación\ndel monte"),
        ("la conserva-\n  ción.", "la conservación."),
        ("el acuerdo franco-\nespañol y otro franco-español", "el acuerdo franco-\nespañol y otro franco-español"),
        ("-No sé -dijo el cura-\ny se fue. El cura y yo", "-No sé -dijo el cura-\ny se fue. El cura y yo"),
        ("Buenos Aires-\nMadrid", "Buenos Aires-\nMadrid"),
        ("CONSER-\nVACIÓN", "CONSERVACIÓN"),
    ],
)
def test_words_cut_by_a_line_end_are_joined_where_asked(before: str, after: str) -> None:
    assert cleaned(before, Lines(join_hyphens=True)).text.strip() == after
    assert cleaned(before).text == before


def test_lines_of_many_documents_are_found_by_a_first_pass_whatever_their_figures(tmp_path: Path) -> None:
    first, second = LineCounter(), LineCounter()
    for number in range(40):
        counter = first if number % 2 else second
        counter.add(f"Boletín municipal número {number}\nVecino {number}: {SENTENCE}{number * 'a'}\n")
    first.merge(second)
    first.save(tmp_path / "lines.npz")
    assert (first.documents, first.count("Boletín municipal número 977")) == (40, 40)
    assert first.count("Esta línea no está en ninguno de ellos") == 0
    draft = cleaned(f"Boletín municipal número 41\n{SENTENCE}", Lines(across_documents=0.5), tmp_path / "lines.npz")
    assert (draft.text, draft.edits) == (SENTENCE, {"frequent_line": 1})


def test_a_first_pass_counts_the_lines_of_a_corpus_as_the_step_will_see_them(tmp_path: Path) -> None:
    records = [{"id": n, "text": f"Portal del\u00a0ayuntamiento de Lugo\r\n{SENTENCE}{n * 'a'}"} for n in range(12)]
    (tmp_path / "pages.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    corpus = Corpus(sources=(Files(kind="files", path=str(tmp_path / "pages.jsonl")),))
    counter = count_lines(corpus, tmp_path / "lines.npz")
    assert (counter.documents, counter.count("Portal del ayuntamiento de Lugo")) == (12, 12)
    assert LineCounter.load(tmp_path / "lines.npz").documents == 12
