"""Books of Project Gutenberg without its headers, footers and small print, which do not belong to them.

Its licence frees the text once every reference to the project is removed (§1.E of its terms); the header states the
book's status: nearly all are in the public domain of the United States, a few are copyrighted.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources.languages import iso_639_1
from desdecero.pipelines.licenses import names

TERMS = "Project Gutenberg License: https://www.gutenberg.org/policy/license.html"
UNITED_STATES = "public domain in the United States; elsewhere, the author's year of death decides"

_WORK = (
    r"(?:the |this |el |este |la |esta |del )*(?:project gutenberg|proyecto gutenberg|libro electrónico|ebook|etext)"
)
_LINE = r"[^\n]*(?:\n[^\n*]{0,100}){0,2}?"  # a title may break the line once or twice
_START = re.compile(
    rf"^[ \t]*\*{{3}} ?(?:start of|inicio de|comienzo de|principio de|empieza) {_WORK}{_LINE}\*{{3}}[ \t]*$"
    rf"|^[ \t]*\*?END ?\*? ?(?:OF )?(?:THE|LA) (?:SMALL PRINT|LETRA PEQUEÑA){_LINE}(?:\*END\*|\*ver\.[^\n]*\*)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(
    rf"^[ \t]*(?:\*{{3}} ?)?(?:end of|fin de|fin del|final de|termina) ?{_WORK}[^\n]*", re.IGNORECASE | re.MULTILINE
)
_CREDITS = re.compile(
    r"\s*(?:\[?(?:etext|e-?text|ebook|html version|text file|text|this (?:etext|ebook|book|file))?\s*(?:was |were )?"
    r"(?:originally )?(?:produced|prepared|scanned|transcribed|created|corrections|provided)\b"
    r"|produced by|credits:|updated:|producido por|preparado por|digitalizado por|transcrito por|edición digital de"
    r"|(?:note|nota)[^\n]{0,20}: project gutenberg)(?:[^\n]|\n(?!\s*\n))*",
    re.IGNORECASE,
)
"""A paragraph at the opening that says who made the file."""
_NUMBER = re.compile(r"\[?(?:e-?book|e-?text|libro electrónico)\s*(?:#|n\.?º)\s*(\d+)\]?", re.IGNORECASE)
_FACT = re.compile(
    r"^(title|author|language|título|titulo|autor|idioma|lengua): *(\S[^\n]*)", re.IGNORECASE | re.MULTILINE
)
_COPYRIGHTED = re.compile(r"this is a\s+copyrighted\s+project\s+gutenberg", re.IGNORECASE)
_HEADER = 60_000
"""The longest headers, those of the nineties with their small print, have some 20,000 characters."""


def strip_gutenberg(document: Document) -> Document:
    """Return the document without the text that Project Gutenberg added; others unchanged.

    Its metadata then has the book's `gutenberg` number, its title and author, the `terms` that it came under, and under
    `gutenberg_removed` the number of characters removed. Its licence, if none was declared, is the public domain of the
    United States, unless the header says that the book is copyrighted."""
    text = document.text
    ends_of_it = (text[:_HEADER], text[-_HEADER:]) if len(text) > _HEADER else (text,)
    if not any(name in end for end in ends_of_it for name in ("utenberg", "UTENBERG")):  # case folding is slower
        return document
    starts, ends = list(_START.finditer(text)), list(_END.finditer(text))
    if not starts and not ends:
        return document  # it only mentions Gutenberg
    book = _between(text, starts, ends)
    header = text[: starts[0].end()] if starts else text[:3000]
    facts = {key.lower()[:3]: value.strip() for key, value in _FACT.findall(header)}
    number = _NUMBER.search(header)
    copyrighted = bool(_COPYRIGHTED.search(header))
    book_facts: dict[str, Any] = {
        "title": facts.get("tit") or facts.get("tít"),
        "author": facts.get("aut"),
        "gutenberg": number and number[1],
        "terms": f"{TERMS} ({'copyrighted: see the book' if copyrighted else UNITED_STATES})",
        "gutenberg_removed": len(text) - len(book),
    }
    document = dataclasses.replace(
        document,
        text=book,
        meta={**{key: value for key, value in book_facts.items() if value}, **document.meta},
        language=document.language or iso_639_1(facts.get("lan") or facts.get("idi") or facts.get("len") or ""),
    )
    if document.license == names.UNKNOWN and not copyrighted:
        known = names.normalize("public domain")
        return dataclasses.replace(document, license=known.expression, license_evidence=known.evidence)
    return document


def _between(text: str, starts: list[re.Match[str]], ends: list[re.Match[str]]) -> str:
    """Return the text between each start and the first end after it: a file may hold several books."""
    places = [match.end() for match in starts] or [0]
    books = []
    for place, following in zip(places, [*(match.start() for match in starts[1:]), len(text)], strict=True):
        end = next((match.start() for match in ends if place <= match.start() < following), following)
        book = text[place:end].lstrip()
        while found := _CREDITS.match(book):
            book = book[found.end() :].lstrip()
        books.append(book.strip("\n"))
    return "\n\n".join(book for book in books if book.strip())
