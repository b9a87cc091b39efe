"""Books of Project Gutenberg lose its frame, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.recipe import Files

BODY = "Capítulo I\n\nEn un lugar de la Mancha, de cuyo nombre no quiero acordarme.\n\nFIN"
HEADERS = {
    "modern": "The Project Gutenberg eBook of X\n\nTitle: X\n\nAuthor: Ana\n\nRelease date: 2020 [eBook #123]\n\n"
    "Language: Spanish\n\nCredits: Produced by Ana\n\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n"
    "Produced by Ana and the team\nat pgdp.net\n\n\n",
    "title over two lines": "*** START OF THIS PROJECT GUTENBERG EBOOK A VERY LONG\nTITLE INDEED ***\n\n",
    "nineties": "Project Gutenberg Etext of X\nDecember, 1999  [Etext #123]\n***START**THE SMALL PRINT!**FOR PUBLIC "
    "DOMAIN ETEXTS**START***\nlawyers\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n",
    "Spanish": "El libro electrónico del Proyecto Gutenberg\n\nTítulo: X\nIdioma: Español\n\n"
    "*** COMIENZO DE ESTE LIBRO ELECTRÓNICO DEL PROYECTO GUTENBERG X ***\n\nProducido por Ana\n\n",
}
FOOTERS = {
    "modern": "\n\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n\nUpdated editions will replace the previous one",
    "two lines": "\n\nEnd of Project Gutenberg's X, by Ana\n\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n\nlicense",
    "old": "\n\nEnd of Project Gutenberg Etext of X, by Ana\n",
    "Spanish": "\n\n*** FIN DEL LIBRO ELECTRÓNICO DEL PROYECTO GUTENBERG X ***\nlicencia",
    "Spanish words": "\n\nFin del Proyecto Gutenberg EBook de X, de Ana\n\n*** END OF THIS PROJECT GUTENBERG EBOOK ***",
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("footer", FOOTERS)
def test_headers_and_footers_are_taken_off(document: Callable[..., Document], header: str, footer: str) -> None:
    found = prose(document("text", HEADERS[header] + BODY + FOOTERS[footer]))
    assert isinstance(found, Document) and found.text == BODY
    assert "Project Gutenberg License" in found.meta["terms"] and found.license == "LicenseRef-public-domain"


def test_what_the_header_says_is_kept(document: Callable[..., Document]) -> None:
    found = prose(document("text", HEADERS["modern"] + BODY + FOOTERS["modern"]))
    assert isinstance(found, Document)
    assert (found.meta["gutenberg"], found.meta["title"], found.meta["author"]) == ("123", "X", "Ana")
    assert found.language == "es"


def test_a_copyrighted_book_is_not_called_public_domain(document: Callable[..., Document]) -> None:
    header = "This is a COPYRIGHTED Project Gutenberg eBook, Details Below\n" + HEADERS["modern"]
    found = prose(document("text", header + BODY + FOOTERS["modern"]))
    assert (
        isinstance(found, Document) and found.license == "LicenseRef-unknown" and "copyrighted" in found.meta["terms"]
    )


def test_two_books_in_one_file_are_both_kept(document: Callable[..., Document]) -> None:
    one = HEADERS["modern"] + BODY + FOOTERS["modern"] + "\n"
    found = prose(document("text", one + one))
    assert isinstance(found, Document) and found.text == f"{BODY}\n\n{BODY}"


def test_a_text_that_speaks_of_gutenberg_is_left_alone(document: Callable[..., Document]) -> None:
    text = "Project Gutenberg nació en 1971.\nEs el fin de una época para los libros."
    found = prose(document("text", text))
    assert isinstance(found, Document) and found.text == text and "terms" not in found.meta


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of real text")
def test_four_renderings_of_don_quijote_are_read_without_mojibake_or_frame() -> None:
    folder = Path(os.environ["DESDECERO_DATA"]) / "corpora" / "quijote"
    found = {}
    for path in ("2000-8.txt", "old/2donq10.txt", "2000-h/2000-h.htm", "old/2donq10h.htm"):
        for item in read_source(Files(kind="files", path=str(folder / path))):
            assert isinstance(item, Document)
            book = prose(item)
            assert isinstance(book, Document)
            found[path] = " ".join(book.text.split())
            assert book.license == "LicenseRef-public-domain" and book.meta["gutenberg"] == "2000"
    for path, text in found.items():
        assert 2_000_000 < len(text) < 2_150_000, path
        assert text.startswith("El ingenioso hidalgo don Quijote de la Mancha") and text.endswith("Vale. Fin"), path
        assert not re.search(r"gutenberg|etext|\ufffd|[ÃÂ]|&[a-z]+;", text, re.IGNORECASE), path
        assert text.count("ñ") > 4_200 and text.count("Quijote") > 2_100, path
