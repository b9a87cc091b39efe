"""Raised and lowered text stays apart from its base, in every form that has it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.corpus.sources.extractors.scripts import subscript, superscript

Build = Callable[..., Document]
FILLER = "<p>El río baja crecido desde la sierra, y la gente del valle guarda sus barcas hasta el verano.</p>"


@pytest.mark.parametrize(
    ("base", "raised", "expected"),
    [
        ("10", "9", "10⁹"), ("10", "-12", "10⁻¹²"), ("10", "−3", "10⁻³"), ("km", "2", "km²"), ("2", "n", "2ⁿ"),
        ("2", "2n+1", "2²ⁿ⁺¹"),
        ("8", "2/3", "8^(2/3)"), ("10", "4,5", "10^(4,5)"), ("e", "iπ", "e^iπ"),
        ("Na", "+", "Na⁺"), ("Ca", "2+", "Ca²⁺"), ("e", "x", "e^x"), ("e", "a+b", "e^(a+b)"),
        ("autor", "3", "autor³"), ("autor", "1,2", "autor¹,²"), ("autor", "[4]", "autor[4]"), ("autor", "*", "autor*"),
        ("autor", "b", "autor^b"), ("1", "er", "1er"), ("2", "nd", "2nd"), ("3", "a", "3ª"), ("N", "o", "Nº"),
        ("1.", "o", "1.º"), ("XIX", "e", "XIXe"), ("S", "ra", "Sra"), ("M", "me", "Mme"), ("Java", "TM", "Java™"),
        ("", "1", "¹"), ("texto", "véase la nota", "texto véase la nota"),
    ],
)  # fmt: skip
def test_what_is_raised(base: str, raised: str, expected: str) -> None:
    assert base + superscript(raised, base) == expected


@pytest.mark.parametrize(
    ("base", "lowered", "expected"),
    [
        ("H", "2", "H₂"), ("log", "10", "log₁₀"), ("x", "i", "x_i"), ("V", "max", "V_max"), ("CH", "2n+2", "CH₂ₙ₊₂"),
        ("nota", "abajo", "notaabajo"),
    ],
)  # fmt: skip
def test_what_is_lowered(base: str, lowered: str, expected: str) -> None:
    assert base + subscript(lowered, base) == expected


def text(document: Document) -> str:
    found = prose(document)
    assert isinstance(found, Document), found
    return found.text


MARKUP = (
    "<p>Cayeron 4×10<sup>7</sup> litros de H<sub>2</sub>O en 3 km<sup><b>2</b></sup>, según el censo<sup>5</sup>.</p>"
)
WRITTEN = "Cayeron 4×10⁷ litros de H₂O en 3 km², según el censo⁵."


def test_in_a_web_page(document: Build) -> None:
    assert WRITTEN in text(document("html", f"<html><body><article>{FILLER * 4}{MARKUP}{FILLER * 4}</article></body>"))


def test_in_a_web_page_within_another(document: Build) -> None:
    page = "<p>Son 10<sup>10<sup>2</sup></sup> o 3<sup>5</sup><sup>*</sup>, y x<sub>n<sub>1</sub></sub>.</p>"
    found = text(document("html", f"<html><body><article>{FILLER * 4}{page}{FILLER * 4}</article></body>"))
    assert "Son 10^10² o 3⁵*, y x_n₁." in found


def test_in_a_web_page_by_style_and_by_class(document: Build) -> None:
    page = (
        '<p>Un solar de 90 m<span style="font-size: 60%; vertical-align: super">2</span> y un gas, CO<span class='
        '"subscript">2</span>, con <span class="sub">letra menuda</span>.</p>'
    )
    found = text(document("html", f"<html><body><article>{FILLER * 4}{page}{FILLER * 4}</article></body>"))
    assert "90 m² y un gas, CO₂, con letra menuda." in found


def test_in_an_e_book(document: Build, zipped: Callable[..., bytes]) -> None:
    members = {
        "META-INF/container.xml": '<c><rootfile full-path="b.opf"/></c>',
        "b.opf": '<p><item id="a" href="a.xhtml"/><itemref idref="a"/></p>',
        "a.xhtml": f"<html><body>{MARKUP}</body></html>",
    }
    assert text(document("epub", data=zipped(members))) == WRITTEN


def test_in_a_word_document(document: Build, zipped: Callable[..., bytes]) -> None:
    def run(words: str, properties: str = "") -> str:
        return (
            f'<w:r>{f"<w:rPr>{properties}</w:rPr>" if properties else ""}<w:t xml:space="preserve">{words}</w:t></w:r>'
        )

    raised, lowered = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
    body = "".join((
        run("Cayeron 4×10"), run("7", "<w:b/>" + raised), run(" litros de H"), run("2", lowered), run("O en 3 km"),
        run("2", '<w:rStyle w:val="Arriba"/>'), run(", según el censo", '<w:vertAlign w:val="baseline"/>'),
        run("5", raised), run("."),
    ))  # fmt: skip
    word = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    members = {
        "word/document.xml": f"<w:document {word}><w:body><w:p>{body}</w:p></w:body></w:document>",
        "word/styles.xml": f'<w:styles {word}><w:style w:styleId="Arriba"><w:rPr>{raised}</w:rPr></w:style></w:styles>',
    }
    assert text(document("docx", data=zipped(members))) == WRITTEN


@pytest.mark.parametrize(("half_points", "expected"), [("10", "10⁷ veces"), ("-8", "10₇ veces"), ("1", "107 veces")])
def test_in_a_word_document_by_height(
    document: Build, zipped: Callable[..., bytes], half_points: str, expected: str
) -> None:
    runs = (
        f'<w:r><w:t>10</w:t></w:r><w:r><w:rPr><w:position w:val="{half_points}"/></w:rPr><w:t>7</w:t></w:r>'
        '<w:r><w:t xml:space="preserve"> veces</w:t></w:r>'
    )
    members = {"word/document.xml": f'<w:d xmlns:w="w"><w:body><w:p>{runs}</w:p></w:body></w:d>'}
    assert text(document("docx", data=zipped(members))) == expected


def test_in_rich_text_notes_are_counted(document: Build) -> None:
    source = rb"{\rtf1\ansi Son 10{\super 7} y 10{\up8 3}, o 4{\up0 5}.{\footnote Nota.}{\footnote Otra.} Fin.}"
    found = prose(document("rtf", data=source))
    assert isinstance(found, Document) and found.text == "Son 10^7 y 10^3, o 45. Fin."
    assert found.edits and found.edits.counts == {"dropped_note": 2}


def test_in_an_open_document(document: Build, zipped: Callable[..., bytes]) -> None:
    content = (
        '<d xmlns:text="t" xmlns:style="s"><style:style style:name="T1"><style:text-properties style:text-position='
        '"super 58%"/></style:style><style:style style:name="T2"><style:text-properties style:text-position='
        '"-33% 58%"/></style:style><text:p>Cayeron 4×10<text:span text:style-name="T1">7</text:span> litros de H'
        '<text:span text:style-name="T2">2</text:span>O en 3 km<text:span text:style-name="Alto">2</text:span>, '
        'según el <text:span>censo</text:span><text:span text:style-name="T1">5</text:span>.</text:p></d>'
    )
    styles = (
        '<d xmlns:style="s"><style:style style:name="Alto"><style:text-properties style:text-position="super 58%"/>'
        "</style:style></d>"
    )
    assert text(document("odt", data=zipped({"content.xml": content, "styles.xml": styles}))) == WRITTEN


def test_formulas_of_word_keep_their_powers_and_fractions(document: Build, zipped: Callable[..., bytes]) -> None:
    body = (
        "<w:r><w:t>Son </w:t></w:r><m:oMath><m:sSup><m:e><m:r><m:t>10</m:t></m:r></m:e><m:sup><m:r><m:t>8</m:t></m:r>"
        "</m:sup></m:sSup><m:r><m:t>+</m:t></m:r><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>n+2</m:t>"
        "</m:r></m:den></m:f></m:oMath>"
    )
    found = document(
        "docx", data=zipped({"word/document.xml": f'<w:d xmlns:w="w" xmlns:m="m"><w:p>{body}</w:p></w:d>'})
    )
    assert text(found) == "Son 10⁸+1/(n+2)"


def test_in_an_article_of_a_journal(document: Build) -> None:
    article = f"<article><body>{MARKUP}<p>Con <inline-formula>x</inline-formula> y otra.</p></body></article>"
    found = prose(document("jats", data=article.encode()))
    assert isinstance(found, Document) and found.text.startswith(WRITTEN)
    assert found.edits and found.edits.counts == {"dropped_formula": 1}


def test_in_latex(document: Build) -> None:
    source = (
        r"\begin{document}Cayeron 4×10\textsuperscript{7} litros de H\textsubscript{2}O en 3 km"
        r"\textsuperscript{\textbf{2}}, según el censo\textsuperscript{5}."
        r"\footnote{Nota} \[a\] \begin{align}b\end{align}\end{document}"
    )
    found = prose(document("latex", source))
    assert isinstance(found, Document) and found.text == WRITTEN
    assert found.edits and found.edits.counts == {"dropped_formula": 2, "dropped_note": 1}
