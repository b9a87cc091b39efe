"""What stands at the edges of a PDF's pages, at the ends of its lines, and in fonts that name no letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from desdecero.pipelines.corpus.document import Document, Edits, Quarantined
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.corpus.sources.extractors.hyphens import join_cut_words
from desdecero.pipelines.corpus.sources.extractors.page_edges import remove_running_lines

Build = Callable[..., Document]
TOWNS = ("Lima", "Cusco", "Piura", "Tacna", "Puno", "Ica", "Loreto", "Ancash")


def body(page: int) -> list[str]:
    return [f"La asamblea de {TOWNS[page]} aprobó las cuentas.", f"Después eligió {TOWNS[page]} a dos vocales."]


def running_on(page: int) -> list[str]:
    return [f"y de las cuentas que {TOWNS[page]} había aprobado", f"después de elegir en {TOWNS[page]} a"]


def edges(lines: Sequence[str], top: bool = True, body: Callable[[int], list[str]] = body) -> tuple[list[str], Edits]:
    """What is left of lines that stand at the edge of one page each."""
    pages = [[line, *body(page)] if top else [*body(page), line] for page, line in enumerate(lines)]
    edits = Edits()
    remove_running_lines(pages, edits)
    return [line for page, left in enumerate(pages) for line in left if line not in body(page)], edits


@pytest.mark.parametrize(
    "lines",
    [
        [f"§ {n}" for n in range(1, 6)],
        [f"Total general {n}" for n in range(1000, 1005)],
        [f"Artículo {n}." for n in range(1, 7)],
        [f"Pregunta {n}" for n in range(1, 7)],
        [f"Capítulo {n}" for n in ("I", "II", "III", "IV", "V")],
        [f"Ejercicio de repaso {n}" for n in range(4, 9)],
        [f"Resumen del capítulo {n}" for n in range(1, 6)],
        [f"{n}. Comprensión lectora" for n in range(1, 6)],
        [f"{n} de julio de 1931" for n in range(4, 9)],
        [f"Viernes santo, {n} de abril" for n in range(4, 9)],
        [f"{n} votos" for n in range(31, 36)],
        ["I", "II", "III", "IV"],
        ["2021", "2022", "2023", "2024"],
        ["2023"],
        ["Título 1", "Otro 2", "Más 3"],
        ["1", "7", "3", "12"],
    ],
)
def test_headings_that_count_stay(lines: list[str]) -> None:
    assert edges(lines)[0] == lines
    assert edges(lines)[1].counts == {}


@pytest.mark.parametrize("top", [True, False])
@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["Anales de Botánica"] * 4, "repeated_line"),
        ([f"Anales de Botánica {n}" for n in range(17, 22)], "repeated_line"),
        ([f"{n} Anales de Botánica" for n in range(1, 6)], "repeated_line"),
        ([f"Quijote | {n}" for n in range(1, 6)], "repeated_line"),
        ([f"Capítulo 4: Uso {n}" for n in range(60, 65)], "repeated_line"),
        ([f"{n} Left head" if n % 2 else f"Right head {n}" for n in range(1, 9)], "repeated_line"),
        ([str(n) for n in range(1, 5)], "page_number"),
        ([f"- {n} -" for n in range(11, 16)], "page_number"),
        (["xi", "xii", "xiii", "xiv"], "page_number"),
        ([f"Página {n} de 9" for n in range(1, 5)], "page_number"),
        ([f"Boletín Oficial, 3 de mayo de 2024, pág. {n}" for n in range(1, 5)], "page_number"),
        ([f"{n} / 20" for n in range(1, 5)], "page_number"),
        (["Página 1 de 2", "Página 2 de 2"], "page_number"),
    ],
)
def test_running_lines_go_and_are_counted(lines: list[str], kind: str, top: bool) -> None:
    left, edits = edges(lines, top)
    assert left == [] and edits.counts == {kind: len(lines)}
    assert edits.changes[0].before == lines[0]


def test_a_heading_cannot_stand_inside_of_a_sentence() -> None:
    lines = [f"Lección {n}" for n in range(1, 6)]
    assert edges(lines, body=running_on)[0] == []
    assert edges(["Platero 1", "Platero 2", "Platero 3"], body=running_on)[0] == []


def test_the_last_rows_of_a_table_stay_and_one_page_number_goes() -> None:
    rows = [["2080", "4512", "2210"], ["1", "2", "3"], ["998", "999", "1000"]]
    pages = [[*body(page), *figures, str(page + 1)] for page, figures in enumerate(rows)]
    remove_running_lines(pages, edits := Edits())
    assert pages == [[*body(page), *figures] for page, figures in enumerate(rows)] and edits.counts == {
        "page_number": 3
    }


def test_a_number_goes_from_one_edge_of_a_page() -> None:
    pages = [[str(n), *body(n), str(n + 16)] for n in range(1, 6)]  # numbered poems, in a book
    remove_running_lines(pages, Edits())
    assert pages == [[str(n), *body(n)] for n in range(1, 6)]


def test_heads_of_several_lines_go_and_pages_that_are_not_numbered_do_not_matter() -> None:
    pages = [["Ayuntamiento de Lima", "Gaceta municipal", *body(n), f"Pág. {n + 1}"] for n in range(7)]
    pages[3] = body(3)
    remove_running_lines(pages, edits := Edits())
    assert pages == [body(n) for n in range(7)] and edits.counts == {"repeated_line": 12, "page_number": 6}


def test_what_stands_inside_of_pages_too_is_no_head() -> None:
    pages = [["Total", *body(n), "Total", *body(n), "Total", body(n)[0]] for n in range(4)]
    remove_running_lines(pages, Edits())
    assert pages[0][0] == "Total"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("el conser-\nvatorio cerró", "el conservatorio cerró"),
        ("un enfoque teórico-práctico; otro teórico-\npráctico", "un enfoque teórico-práctico; otro teórico-práctico"),
        ("la exprimera ministra y la ex-\nprimera dama", "la exprimera ministra y la exprimera dama"),
        ("un ex-ministro y dos ex-\nministros", "un ex-ministro y dos ex-ministros"),
        ("la zona costera; el ferro\u00ad\ncarril", "la zona costera; el ferrocarril"),
        ("asuntos jurídico-\nlaborales", "asuntos jurídico-laborales"),
        ("a camera-\nready plan, over-\nthrown", "a camera-ready plan, overthrown"),
        ("a father-\nin-law plan", "a father-in-law plan"),
        ("un fin socio-\neconómico-social", "un fin socioeconómico-social"),
        ("la obra conser-\nvatorio-escuela", "la obra conservatorio-escuela"),
        ("lo social-\nmente justo", "lo socialmente justo"),
        ("el factor político-económico-\nsocial y lo social", "el factor político-económico-social y lo social"),
        ("-dijo el cura-\ny se fue", "-dijo el cura-\ny se fue"),
        ("LA CONSTITU-\nCIÓN DE CÁDIZ", "LA CONSTITUCIÓN DE CÁDIZ"),
        ("línea Madrid-\nBarcelona", "línea Madrid-\nBarcelona"),
        ("que con-\ntiene todo", "que contiene todo"),
    ],
)
def test_words_are_joined_with_the_hyphen_that_is_theirs(text: str, expected: str) -> None:
    language = "en" if "plan" in text else "es"
    assert join_cut_words(text, edits := Edits(), language) == expected
    assert edits.counts["joined_word"] == text.count("\n") - expected.count("\n")


def test_joins_and_removals_are_on_record(document: Build, pdf: Callable[..., bytes]) -> None:
    pages = [
        ["Gaceta de Lima", *body(n), f"En {TOWNS[n]} se abrió el conser-", f"vatorio de {TOWNS[n]}.", str(n)]
        for n in range(1, 4)
    ]
    found = prose(document("pdf", data=pdf(pages)))
    assert isinstance(found, Document) and found.edits
    assert found.edits.counts == {"repeated_line": 3, "page_number": 3, "joined_word": 3}
    assert found.text.startswith("La asamblea de Cusco") and found.text.count("el conservatorio de") == 3
    assert "damage" not in found.meta


@pytest.mark.parametrize("name", ["\0", "\ue001", "\ufffd", "\x02", "", "\U000f0001"])
def test_letters_that_a_font_does_not_name_are_marked(document: Build, pdf: Callable[..., bytes], name: str) -> None:
    line = "La o\x7fcina del o\x7fcial certi\x7fca que el bene\x7fcio es de quien lo pidió en su día."
    found = prose(document("pdf", data=pdf([[line] * 3], {"\x7f": name})))
    assert isinstance(found, Document) and found.edits
    assert "La o\ufffdcina del o\ufffdcial certi\ufffdca" in found.text
    assert found.edits.counts["unknown_character"] == 12 and "now U+FFFD: 12" in found.meta["damage"]


def test_ligatures_that_are_named_become_letters(document: Build, pdf: Callable[..., bytes]) -> None:
    line = "La o\x7fcina de quien a€rma lo que el bene\x7fcio le trae en su día y para siempre."
    found = prose(document("pdf", data=pdf([[line]], {"\x7f": "\ufb01", "€": "/f_i"})))
    assert isinstance(found, Document) and "oficina" in found.text and "afirma" in found.text and not found.edits


def test_private_bullets_are_bullets(document: Build, pdf: Callable[..., bytes]) -> None:
    lines = ["\x7f La primera cosa que hay que saber.", "\x7f La segunda cosa que hay que saber."]
    found = prose(document("pdf", data=pdf([lines], {"\x7f": "\uf0b7"})))
    assert isinstance(found, Document) and found.text.startswith("• La primera") and "damage" not in found.meta


def test_a_font_that_names_next_to_nothing_is_quarantined(document: Build, pdf: Callable[..., bytes]) -> None:
    line = "L\x7f c\x7fs\x7f d\x7f l\x7f m\x7fnt\x7fñ\x7f y s\x7f g\x7fnt\x7f, qu\x7f n\x7f v\x7fn\x7f"
    found = prose(document("pdf", data=pdf([[line] * 4], {"\x7f": "\0"})))
    assert isinstance(found, Quarantined) and "fonts do not say" in found.reason
