"""PDF: the text that its pages hold (pypdf), with the lines made whole again.

What is encrypted or holds pictures of pages is quarantined: it takes a password, or optical character recognition.
A page that cannot be read is left out, and named in the document's metadata under `damage`.
"""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any

import pypdf
from pypdf.errors import DependencyError

from pipelines.corpus.document import Document
from pipelines.corpus.sources.decoding import MAX_RECORD_BYTES
from pipelines.corpus.sources.extraction import Unreadable, with_text

MAX_PAGES = 5_000
MIN_LETTERS = 25
"""Letters on a page, on average: less is the page numbers of a scan."""
MAX_STRANGE = 0.2
"""Share of characters that no font names: private, replaced, controls. Above it, the fonts hide their letters."""

_STRANGE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]|/g\d+|\(cid:\d+\)")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]\n(?=[a-zà-öø-ÿ])")
_WRAP = re.compile(r"(?<=[^\s.:;!?»”\"])[ \t]*\n(?=[a-zà-öø-ÿ(«“])")

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it tells of each oddity that it mends


def extract(document: Document) -> Document:
    reader = _open(document.data)
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise Unreadable(f"{count:,} pages, over {MAX_PAGES:,}: split the file")
    pages, unread, size = [], [], 0
    for number in range(count):
        try:
            text = reader.pages[number].extract_text()
        except Exception as error:  # a broken page may raise anything; the others are sound
            unread.append(f"page {number + 1} ({type(error).__name__})")
            continue
        pages.append(text)
        size += len(text)
        if size > MAX_RECORD_BYTES:
            raise Unreadable(f"its text is longer than {MAX_RECORD_BYTES // 2**20} MB")
    if count and not pages:
        raise Unreadable(f"none of its {count} pages can be read: {unread[0]}")
    whole = "".join(pages)
    if sum(map(str.isalpha, whole)) < MIN_LETTERS * max(1, len(pages)):
        raise Unreadable(f"its {count} pages hold no text: scanned pictures take optical character recognition first")
    if sum(len(match[0]) for match in _STRANGE.finditer(whole)) > MAX_STRANGE * len(whole):
        raise Unreadable("its fonts do not say which letters they draw")
    about: Mapping[str, Any] = reader.metadata or {}
    blank = sum(not text.strip() for text in pages)
    more = f" and {len(unread) - 20} more" if len(unread) > 20 else ""
    return with_text(
        document, join(pages), pages=count, pages_without_text=blank or None, title=str(about.get("/Title") or ""),
        author=str(about.get("/Author") or ""), damage=f"unread: {', '.join(unread[:20])}{more}" if unread else None,
    )  # fmt: skip


def _open(data: bytes) -> pypdf.PdfReader:
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        opened = not reader.is_encrypted or reader.decrypt("")  # many are locked against changes only
    except DependencyError:
        raise Unreadable("encrypted with AES, which takes another library: pip install cryptography") from None
    if not opened:
        raise Unreadable("encrypted with a password")
    return reader


def join(pages: list[str]) -> str:
    """Pages as one text: without running heads and page numbers, broken words and broken lines made whole."""
    split = [[line.strip() for line in page.strip().splitlines()] for page in pages]
    edges = Counter(chain.from_iterable({_shape(line) for line in (*page[:1], *page[-1:])} for page in split))
    running = {shape for shape, times in edges.items() if times >= 3 and times >= len(pages) / 3 and len(shape) < 100}
    for page in split:
        for place in (0, -1):
            while page and (page[place].isdigit() or _shape(page[place]) in running):
                del page[place]
    text = "\n".join("\n".join(page) for page in split if page)
    return _WRAP.sub(" ", _HYPHEN.sub("", text))


def _shape(line: str) -> str:
    """A running head without the page's number in it."""
    return re.sub(r"\d+", "#", line)
