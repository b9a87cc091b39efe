"""What stands in an e-book and not in the straight line of its chapters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources.extraction import prose

Build = Callable[..., Document]
Zip = Callable[..., bytes]
CONTAINER = '<container><rootfile full-path="OPS/book.opf"/></container>'


def read(document: Build, zipped: Zip, manifest: str, spine: str, files: dict[str, str]) -> Document:
    members = {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": f"<package><manifest>{manifest}</manifest><spine>{spine}</spine></package>",
        **{f"OPS/{name}": f"<html><body><p>{text}</p></body></html>" for name, text in files.items()},
    }
    found = prose(document("epub", data=zipped(members)))
    assert isinstance(found, Document), found
    return found


MANIFEST = '<item id="a" href="a.xhtml"/><item id="b" href="b.xhtml"/><item id="n" href="notas.xhtml"/>'
FILES = {"a.xhtml": "Primero.", "b.xhtml": "Segundo.", "notas.xhtml": "Glosario."}


@pytest.mark.parametrize("said", ["no", "NO", " no "])
def test_chapters_outside_of_the_line_are_read_at_the_end(document: Build, zipped: Zip, said: str) -> None:
    spine = f'<itemref idref="n" linear="{said}"/><itemref idref="a" linear="yes"/><itemref idref="b"/>'
    found = read(document, zipped, MANIFEST, spine, FILES)
    assert found.text == "Primero.\n\nSegundo.\n\nGlosario." and "damage" not in found.meta


def test_a_book_that_is_all_outside_of_the_line_is_read(document: Build, zipped: Zip) -> None:
    spine = '<itemref idref="b" linear="no"/><itemref idref="a" linear="no"/>'
    assert read(document, zipped, MANIFEST, spine, FILES).text == "Segundo.\n\nPrimero."


def test_chapters_that_no_file_holds_are_named(document: Build, zipped: Zip) -> None:
    spine = '<itemref idref="a"/><itemref idref="perdido"/><itemref idref="n"/>'
    found = read(document, zipped, MANIFEST, spine, {"a.xhtml": "Primero."})
    assert found.text == "Primero."
    assert "'perdido'" in found.meta["damage"] and "notas.xhtml" in found.meta["damage"]


def test_a_chapter_is_found_by_other_capitals_and_behind_a_fragment_and_read_once(document: Build, zipped: Zip) -> None:
    manifest = '<item id="a" href="A.XHTML#p1"/><item id="t" href="nav.xhtml" properties="nav"/>'
    spine = '<itemref idref="t"/><itemref idref="a"/><itemref idref="a" linear="no"/>'
    found = read(document, zipped, manifest, spine, {"a.xhtml": "Primero.", "nav.xhtml": "Índice"})
    assert found.text == "Primero." and "damage" not in found.meta
