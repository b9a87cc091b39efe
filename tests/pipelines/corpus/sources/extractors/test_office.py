"""Word's and LibreOffice's signs that are elements of XML, not letters; boxes, notes and deletions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources.extraction import prose

Build = Callable[..., Document]
Zip = Callable[..., bytes]


def read(document: Build, zipped: Zip, paragraph: str) -> Document:
    body = f'<w:document xmlns:w="w" xmlns:mc="c"><w:body><w:p>{paragraph}</w:p></w:body></w:document>'
    found = prose(document("docx", data=zipped({"word/document.xml": body})))
    assert isinstance(found, Document), found
    return found


def run(content: str, properties: str = "") -> str:
    return f"<w:r>{properties}{content}</w:r>"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<w:t>Decreto 511</w:t><w:noBreakHyphen/><w:t>B</w:t>", "Decreto 511-B"),
        ("<w:t>de 1998</w:t><w:noBreakHyphen/><w:t>1999</w:t>", "de 1998-1999"),
        ("<w:t>una</w:t><w:tab/><w:t>dos</w:t><w:ptab/><w:t>tres</w:t><w:br/><w:t>fin</w:t>", "una\tdos\ttres\nfin"),
        ('<w:t>ángulo </w:t><w:sym w:font="Symbol" w:char="F061"/>', "ángulo α"),
        ('<w:sym w:font="Symbol" w:char="F0B3"/><w:t>5</w:t>', "≥5"),
        ('<w:sym w:font="Wingdings" w:char="F0FC"/><w:t> sí</w:t>', "✓ sí"),
        ('<w:sym w:font="Wingdings" w:char="00E0"/><w:t>va</w:t>', "→va"),
        ('<w:sym w:font="Arial" w:char="20AC"/><w:t>9</w:t>', "€9"),
    ],
)
def test_signs_of_word_stay(document: Build, zipped: Zip, content: str, expected: str) -> None:
    assert read(document, zipped, run(content)).text == expected


def test_text_in_a_symbol_font_is_read_by_its_font(document: Build, zipped: Zip) -> None:
    properties = '<w:rPr><w:rFonts w:ascii="Symbol" w:hAnsi="Symbol"/></w:rPr>'
    assert read(document, zipped, run("<w:t>\uf062 = \uf053x</w:t>", properties)).text == "β = Σx"


def test_a_symbol_that_is_not_known_is_marked_and_told(document: Build, zipped: Zip) -> None:
    found = read(document, zipped, run('<w:t>Vea </w:t><w:sym w:font="Wingdings" w:char="F0FF"/><w:t> aquí</w:t>'))
    assert found.text == "Vea \ufffd aquí" and "symbol fonts that are not known, now U+FFFD: 1" in found.meta["damage"]
    assert found.edits and found.edits.changes[0].before == "[Wingdings F0FF]"


def test_a_text_box_is_read_once_behind_its_paragraph(document: Build, zipped: Zip) -> None:
    box = "<w:txbxContent><w:p><w:r><w:t>En la caja.</w:t></w:r></w:p></w:txbxContent>"
    choice = f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    paragraph = run("<w:t>Antes </w:t>") + run(choice) + run("<w:t>y después.</w:t>")
    assert read(document, zipped, paragraph).text == "Antes y después.\n\nEn la caja."


def test_notes_are_counted_and_deletions_are_not_read(document: Build, zipped: Zip) -> None:
    paragraph = (
        run("<w:t>Queda</w:t>") + run('<w:footnoteReference w:id="2"/>')
        + '<w:del><w:r><w:delText> borrado</w:delText><w:footnoteReference w:id="3"/></w:r></w:del>'
        + '<w:fldSimple w:instr="PAGE"><w:r><w:t> 7</w:t></w:r></w:fldSimple>'
        + run("<w:instrText>HYPERLINK x</w:instrText>")
    )  # fmt: skip
    found = read(document, zipped, paragraph)
    assert found.text == "Queda 7" and found.edits and found.edits.counts == {"dropped_note": 1}


def test_notes_and_boxes_of_an_open_document(document: Build, zipped: Zip) -> None:
    content = (
        '<d xmlns:text="t" xmlns:draw="w"><text:p>Uno<text:note><text:p>nota</text:p></text:note><draw:frame>'
        "<draw:text-box><text:p>caja</text:p></draw:text-box></draw:frame> y dos.</text:p></d>"
    )
    found = prose(document("odt", data=zipped({"content.xml": content})))
    assert isinstance(found, Document) and found.text == "Uno y dos.\n\ncaja"
    assert found.edits and found.edits.counts == {"dropped_note": 1}
