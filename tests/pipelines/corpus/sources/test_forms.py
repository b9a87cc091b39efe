"""Each form gives the prose that a reader would read aloud, and says what it left out."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pypdf
import pytest

from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources.extraction import prose

Build = Callable[..., Document]
PARAGRAPH = "<p>El niño comió piñas en la montaña con su tía, y nadie le dijo nada hasta que volvió al pueblo.</p>"


def read(document: Document) -> Document:
    found = prose(document)
    assert isinstance(found, Document), found
    assert found.form == "text" and not found.data
    return found


def refused(document: Document) -> str:
    found = prose(document)
    assert isinstance(found, Quarantined) and found.place == "x", found
    return found.reason


# --- web pages ---------------------------------------------------------------------------------------------

PAGE = (
    '<html lang="es-PE"><head><meta charset="iso-8859-1"><title>La montaña</title><meta name="author" content="Ana">'
    '<meta name="TDM-Reservation" content="1"><meta name="robots" content="noai">'
    '<link rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/deed.es"></head><body>'
    f"<nav><a href='/'>Inicio</a><a href='/x'>Menú</a></nav><article><h1>La montaña</h1>{PARAGRAPH * 5}</article>"
    "<footer>Aviso legal</footer></body></html>"
)


def test_a_page_gives_its_text_without_menus_and_what_its_head_says(document: Build) -> None:
    page = read(document("html", data=PAGE.encode("latin-1")))
    assert "comió piñas" in page.text and "Menú" not in page.text and "Aviso legal" not in page.text
    assert page.language == "es" and page.license == "CC-BY-SA-4.0"
    assert page.meta["title"] == "La montaña" and page.meta["author"] == "Ana"


def test_signals_of_header_and_page_both_count(document: Build) -> None:
    meta = read(document("html", PAGE, robots="noindex")).meta
    assert meta["tdm"] == "1" and meta["robots"] == "noindex, noai"


def test_a_declared_encoding_is_followed_and_a_wrong_one_is_not(document: Build) -> None:
    russian = (
        f'<meta charset="windows-1251"><article>{"<p>Мальчик ел ананасы в горах, и никто ничего не сказал.</p>" * 9}'
    )
    assert "Мальчик" in read(document("html", data=russian.encode("windows-1251"))).text
    assert "comió" in read(document("html", data=PAGE.encode())).text  # it says iso-8859-1, and is UTF-8


def test_a_page_without_prose_is_quarantined(document: Build) -> None:
    assert "no text is left" in refused(document("html", "<html><body><script>x()</script></body></html>"))
    assert "empty" in refused(document("html", ""))
    assert "nested without end" in refused(document("html", "<div>" * 100_000 + "hola"))


# --- e-books and office documents --------------------------------------------------------------------------

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<package xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>Libro</dc:title><dc:creator>Ana</dc:creator><dc:language>es-ES</dc:language></metadata>
<manifest><item id="b" href="second%20one.xhtml"/><item id="a" href="first.xhtml"/>
<item id="n" href="nav.xhtml" properties="nav"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""
BOOK = {
    "META-INF/container.xml": CONTAINER, "OPS/book.opf": PACKAGE, "OPS/nav.xhtml": "<html><body>Índice</body></html>",
    "OPS/first.xhtml": '<?xml version="1.0"?><html><head><title>no</title></head><body><h1>Uno</h1>'
    "<p>El ni&ntilde;o<br/>comi&oacute;.</p></body></html>",
    "OPS/second one.xhtml": "<html><body><p>Dos, sin <b>cerrar</body></html>",
}  # fmt: skip


def test_an_e_book_is_read_in_its_order(document: Build, zipped: Callable[..., bytes]) -> None:
    book = read(document("epub", data=zipped(BOOK)))
    assert book.text == "Uno\n\nEl niño\ncomió.\n\nDos, sin cerrar"
    assert book.language == "es" and (book.meta["title"], book.meta["author"]) == ("Libro", "Ana")


def test_a_missing_chapter_is_told(document: Build, zipped: Callable[..., bytes]) -> None:
    rest = {name: content for name, content in BOOK.items() if "second" not in name}
    book = read(document("epub", data=zipped(rest)))
    assert book.text.startswith("Uno") and "second%20one.xhtml" in book.meta["damage"]


def test_a_locked_e_book_is_quarantined(document: Build, zipped: Callable[..., bytes]) -> None:
    lock = {"META-INF/encryption.xml": '<e><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128"/></e>'}
    assert "locked" in refused(document("epub", data=zipped(BOOK | lock)))
    fonts = {"META-INF/encryption.xml": '<e><EncryptionMethod Algorithm="http://www.idpf.org/2008/embedding"/></e>'}
    assert read(document("epub", data=zipped(BOOK | fonts))).text.startswith("Uno")


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
DOCX = f"""<w:document {W}><w:body>
<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Título</w:t></w:r></w:p>
<w:p><w:r><w:t xml:space="preserve">Hola </w:t></w:r><w:ins><w:r><w:t>nuevo</w:t></w:r></w:ins>
<w:del><w:r><w:delText>viejo</w:delText></w:r></w:del><w:r><w:tab/><w:t>mundo</w:t><w:br/><w:t>cruel.</w:t></w:r></w:p>
<w:sdt><w:sdtContent><w:p><w:r><w:t>Control</w:t></w:r></w:p></w:sdtContent></w:sdt>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc>
<w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>"""


def test_docx_gives_paragraphs_and_tables_with_changes_accepted(document: Build, zipped: Callable[..., bytes]) -> None:
    about = f'<p xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Carta</dc:title></p>'  # noqa: F541
    found = read(document("docx", data=zipped({"word/document.xml": DOCX, "docProps/core.xml": about})))
    assert found.text == "Título\n\nHola nuevo\tmundo\ncruel.\n\nControl\n\na b | c"
    assert found.meta["title"] == "Carta"


def test_odt_gives_the_same_without_notes(document: Build, zipped: Callable[..., bytes]) -> None:
    content = (
        '<d xmlns:text="t" xmlns:table="b"><text:h>Título</text:h><text:p>Hola<text:s text:c="2"/>mundo<text:note>'
        "<text:p>nota</text:p></text:note><text:line-break/><text:span>cruel</text:span>.</text:p><table:table-row>"
        "<table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell>"
        "</table:table-row></d>"
    )
    assert read(document("odt", data=zipped({"content.xml": content}))).text == "Título\n\nHola  mundo\ncruel.\n\na | b"


# --- articles ----------------------------------------------------------------------------------------------

JATS = """<?xml version="1.0"?><!DOCTYPE article PUBLIC "-//NLM//DTD JATS" "JATS.dtd">
<article xmlns:xlink="http://www.w3.org/1999/xlink" xml:lang="es"><front><article-meta>
<article-id pub-id-type="doi">10.1/x</article-id>
<title-group><article-title>El ni&ntilde;o</article-title></title-group>
<permissions><license xlink:href="http://creativecommons.org/licenses/by/4.0/"/></permissions>
<abstract><p>Se estudia.</p></abstract><trans-abstract xml:lang="en"><p>Studied.</p></trans-abstract></article-meta>
</front><body><sec><title>Introducción</title><p>Se sabe <xref ref-type="bibr">[1]</xref>, desde
<italic>antes</italic> (<xref ref-type="bibr">2</xref>).</p><table-wrap><p>tabla</p></table-wrap></sec></body>
<back><ref-list><ref>Ref</ref></ref-list></back><sub-article xml:lang="en"><p>English</p></sub-article></article>"""


def test_an_article_gives_title_abstract_and_body(document: Build) -> None:
    found = read(document("jats", data=JATS.encode()))
    assert found.text == "El niño\n\nSe estudia.\n\nIntroducción\n\nSe sabe, desde antes."
    assert (found.language, found.license, found.meta["doi"]) == ("es", "CC-BY-4.0", "10.1/x")
    assert found.meta["translations"] == 1


def test_a_licence_that_the_recipe_gives_is_not_overruled_by_the_document(document: Build) -> None:
    import dataclasses

    declared = dataclasses.replace(document("jats", data=JATS.encode()), license="MIT", license_evidence="declared")
    found = read(declared)
    assert found.license == "MIT" and "by/4.0" in found.meta["stated_license"]


def test_other_xml_is_quarantined_by_its_root(document: Build) -> None:
    assert "XML of another kind, <feed>" in refused(document("jats", data=b"<feed><p>x</p></feed>"))


LATEX = r"""\documentclass{article}\usepackage{x}
\title{Una \emph{prueba}}
\begin{document}\maketitle
% un comentario
\section{Introducci\'on}
El ni\~no~\cite{x} y $x^2$ (v\'ease~\ref{f}).
\begin{equation} a=b \end{equation}
\begin{figure}\caption{No}\end{figure}
``Hola'' al 50\%---fin.
\end{document} detrás"""


def test_latex_gives_prose_without_formulas_and_figures(document: Build) -> None:
    found = read(document("latex", data=LATEX.encode()))
    assert found.text == "Una prueba\n\nIntroducción\n\nEl niño y $x^2$ (véase).\n\n“Hola” al 50%—fin."
    assert found.meta["title"] == "Una prueba"


# --- PDF ---------------------------------------------------------------------------------------------------

LINES = ["El niño comió piñas en la montaña y no", "dijo nada a nadie hasta que vol-", "vió su padre.", "Otro párrafo."]


def test_pdf_lines_are_made_whole_and_running_heads_left_out(document: Build, pdf: Callable[..., bytes]) -> None:
    data = pdf([["Revista de pruebas", f"{number} {LINES[0]}", *LINES[1:], str(number)] for number in range(4)])
    found = read(document("pdf", data=data))
    assert found.text.split("\n")[:2] == [
        "0 El niño comió piñas en la montaña y no dijo nada a nadie hasta que volvió su padre.", "Otro párrafo.",
    ]  # fmt: skip
    assert "Revista" not in found.text and found.meta["pages"] == 4


def test_a_page_that_breaks_is_told_and_the_others_are_read(document: Build, pdf: Callable[..., bytes]) -> None:
    data = pdf([LINES, ["Página rota"], LINES])
    found = prose(document("pdf", data=data.replace(b"<< /Length 5", b"<< /Filter /Unheard /Length 5")))
    assert isinstance(found, Document) and found.text.count("montaña") == 2
    assert "Página rota" not in found.text and found.meta["damage"].startswith("unread: page 2")


def test_scans_and_locked_files_are_quarantined(document: Build, pdf: Callable[..., bytes]) -> None:
    assert "scanned pictures" in refused(document("pdf", data=pdf([["1"], ["2"]])))
    for password, owner, method in (("secret", None, "RC4-128"), ("", "owner", "RC4-128"), ("", "owner", "AES-256")):
        writer, locked = pypdf.PdfWriter(clone_from=io.BytesIO(pdf([LINES]))), io.BytesIO()
        writer.encrypt(password, owner, algorithm=method)
        writer.write(locked)
        found = prose(document("pdf", data=locked.getvalue()))
        if password:
            assert isinstance(found, Quarantined) and found.reason == "encrypted with a password"
        else:  # locked against changes, not against reading
            assert isinstance(found, Document) and "montaña" in found.text


# --- the rest ----------------------------------------------------------------------------------------------


def test_a_parser_that_hangs_is_stopped(document: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr("desdecero.pipelines.corpus.sources.extraction.EXTRACTION_SECONDS", 0.05)
    monkeypatch.setattr("desdecero.pipelines.corpus.sources.extractors.latex.extract", lambda _: time.sleep(10))
    assert "took longer than" in refused(document("latex", "x"))


def test_a_library_that_is_missing_is_asked_for_in_one_sentence() -> None:
    code = (
        "import sys; sys.modules['trafilatura'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name: None if name == 'trafilatura' else find(name)\n"
        "from desdecero.pipelines.corpus.sources.extraction import require; require('html')"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (
        "reading html needs trafilatura, which is not installed: pip install 'desdecero[documents]'" in finished.stderr
    )
