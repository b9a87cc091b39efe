"""PDF: the text of its pages (pypdf), without running heads, with split words and broken lines rejoined.

Encrypted files and pictures of pages are quarantined: they need a password, or optical character recognition. A page
that cannot be read is left out, and named in the document's metadata under `damage`; so are characters that a font
draws without identifying them (mostly ligatures), each of which becomes U+FFFD. Removed lines and joined words are
counted: see `page_edges.py` and `hyphens.py`."""

from __future__ import annotations

import io
import logging
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pypdf
from pypdf.errors import DependencyError
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, StreamObject

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES
from desdecero.pipelines.corpus.sources.extraction import Unreadable, with_text
from desdecero.pipelines.corpus.sources.extractors.hyphens import join_cut_words
from desdecero.pipelines.corpus.sources.extractors.page_edges import remove_running_lines

MAX_PAGES = 5_000
MIN_LETTERS = 25
"""Average letters on a page: with fewer, the text is only the page numbers of a scan."""
MAX_UNKNOWN = 0.1
"""Share of unidentified characters: private, replaced, controls. At a tenth, every second word holds one."""

_UNKNOWN = re.compile(
    r"(?:/g\d{1,3}){2,}|\(cid:\d+\)"
    r"|[\x00-\x08\x0b\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ue000-\uf8ff\ufffd-\uffff\U000f0000-\U0010ffff]"
)
_BULLET = re.compile(r"^[\ue000-\uf8ff](?=[ \t\u00a0]|$)", re.MULTILINE)
_LIGATURE = re.compile(r"[\ufb00-\ufb06]|(?:(?<=[^\W\d_])|(?<![^\s(«“]))/(f_f_i|f_f_l|f_f|f_i|f_l|f_j|f_t|t_t|t_i|T_h)")
_EMPTY = "\U0010fffd"
_EMPTY_NAME = re.compile(rb"(<[0-9A-Fa-f\s]+>\s*)<\s*>")
_BETWEEN_SIGNS = re.compile(rf"(?<![^\W\d_]){_EMPTY}+(?![^\W\d_])")
"""A mark of the typesetter, not a letter of a word."""
_WRAP = re.compile(r"(?<=[^\s.:;!?»”\"])[ \t]*\n(?=[a-zà-öø-ÿ(«“])")

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it logs each oddity that it repairs


def extract(document: Document) -> Document:
    """Read the pages. Raises `Unreadable` if there is no text, or if it is encrypted or too long."""
    reader = _open(document.data)
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise Unreadable(f"{count:,} pages, over {MAX_PAGES:,}: split the file")
    pages, unread, size = [], [], 0
    for number in range(count):
        try:
            page = reader.pages[number]
            _mark_empty_names(page)
            text = page.extract_text()
        except Exception as error:  # noqa: BLE001  a broken page may raise anything; the others are sound
            unread.append(f"page {number + 1} ({type(error).__name__})")
            text = ""  # keeps its place: page numbers are found by counting pages
        pages.append(text)
        size += len(text)
        if size > MAX_RECORD_BYTES:
            raise Unreadable(f"its text is longer than {MAX_RECORD_BYTES // 2**20} MB")
    if count and len(unread) == count:
        raise Unreadable(f"none of its {count} pages can be read: {unread[0]}")
    read = count - len(unread)
    letters, unknown = sum(map(str.isalpha, whole := "".join(pages))), _count_unknown(whole)
    if letters + unknown < MIN_LETTERS * max(1, read):
        raise Unreadable(f"its {count} pages hold no text: scanned pictures take optical character recognition first")
    if unknown > MAX_UNKNOWN * len(whole):
        raise Unreadable("its fonts do not say which letters they draw")
    edits = Edits()
    text = join(pages, edits, document.language)
    damages = []
    if unread:
        more = f" and {len(unread) - 20} more" if len(unread) > 20 else ""
        damages.append(f"unread: {', '.join(unread[:20])}{more}")
    if lost := edits.counts["unknown_character"]:
        damages.append(f"characters that its fonts do not name, now U+FFFD: {lost}")
    about: Mapping[str, Any] = reader.metadata or {}
    blank = sum(not text.strip() for text in pages) - len(unread)
    return with_text(
        document, text, pages=count, pages_without_text=blank or None, title=str(about.get("/Title") or ""),
        author=str(about.get("/Author") or ""), damage="; ".join(damages) or None, edits=edits,
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


def _mark_empty_names(page: pypdf.PageObject) -> None:
    """Give the characters that a font maps to an empty text a private code: they would vanish."""
    for font in _inside(_inside(page, "/Resources"), "/Font").values():
        font = font.get_object()
        stream = _inside(font, "/ToUnicode")
        if not isinstance(stream, StreamObject):
            continue
        data = stream.get_data()
        if _EMPTY_NAME.search(data):
            marked = DecodedStreamObject()
            marked.set_data(_EMPTY_NAME.sub(rb"\1<%s>" % _EMPTY.encode("utf-16-be").hex().encode(), data))
            font[NameObject("/ToUnicode")] = marked


def _inside(holder: Any, key: str) -> DictionaryObject:
    """Return the dictionary that a dictionary holds under a key; an empty one otherwise."""
    found = holder.get(key) if isinstance(holder, DictionaryObject) else None
    found = found.get_object() if found is not None else None
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def join(pages: Sequence[str], edits: Edits, language: str = "") -> str:
    """Join pages into one text: without running heads and page numbers, split words and broken lines rejoined."""
    split = [[line.strip() for line in _named(page, edits).splitlines() if line.strip()] for page in pages]
    remove_running_lines(split, edits)
    text = "\n".join("\n".join(page) for page in split if page)
    return _WRAP.sub(" ", join_cut_words(text, edits, language))


def _named(page: str, edits: Edits) -> str:
    """Return the page with ligatures as letters, and U+FFFD for each character that its font does not identify."""
    page = _BETWEEN_SIGNS.sub("", _LIGATURE.sub(_letters, page))
    page = _BULLET.sub("•", page)

    def lose(match: re.Match[str]) -> str:
        around = page[max(0, match.start() - 20) : match.end() + 20]
        edits.add("unknown_character", _UNKNOWN.sub(_code_points, around), _UNKNOWN.sub("\ufffd", around))
        return "\ufffd"

    return _UNKNOWN.sub(lose, page)


def _code_points(match: re.Match[str]) -> str:
    return f"[U+{ord(match[0]):04X}]" if len(match[0]) == 1 else f"[{match[0]}]"


def _letters(match: re.Match[str]) -> str:
    return match[1].replace("_", "") if match[1] else unicodedata.normalize("NFKC", match[0])


def _count_unknown(text: str) -> int:
    return sum(len(match[0]) for match in _UNKNOWN.finditer(text)) - len(_BULLET.findall(text))
