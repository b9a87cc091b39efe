"""RTF, as word processors export it: `striprtf` extracts the text, in the code page that the file or a font names.

Superscripts keep a sign before them (`10^6`); footnotes are left out, and counted.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.sources.extraction import Unreadable, with_text

_PAGE = re.compile(rb"\\ansicpg(\d{1,5})")
_SUPERSCRIPT = re.compile(r"(\\super(?![a-z0-9])|\\up(?!0)\d{1,3}(?![0-9]))[ ]?(?=[^\s\\{}])")
_NOTE = re.compile(rb"\\footnote(?![a-z])")
_TITLE = re.compile(r"\{\\title ([^{}\\]{1,300})\}")


def extract(document: Document) -> Document | None:
    """Read the text. Raises `Unreadable` if it is not RTF."""
    from striprtf.striprtf import rtf_to_text

    if not document.data.lstrip().startswith(b"{\\rtf"):
        raise Unreadable("no RTF: it does not begin with {\\rtf")
    page = _code_page(document.data)
    source = document.data.decode(page, errors="replace")
    title = _TITLE.search(source[:20_000])
    to_text: Callable[..., str] = rtf_to_text  # not annotated by striprtf
    text = to_text(_SUPERSCRIPT.sub(r"\1 ^", source), encoding=page, errors="replace")
    # Characters beyond the first plane are written as two halves, which Python keeps apart.
    whole = text.encode("utf-16-le", errors="surrogatepass").decode("utf-16-le", errors="replace")
    damage = "it ends in the middle" if document.data.count(b"{") > document.data.count(b"}") + 2 else ""
    edits = Edits()
    if notes := len(_NOTE.findall(document.data)):
        edits.add("dropped_note", times=notes)
    return with_text(
        document, whole.replace("\r\n", "\n").strip(), title=title[1] if title else "", damage=damage, edits=edits
    )


def _code_page(data: bytes) -> str:
    """Return the encoding of unescaped text: Windows-1252, unless the header names another."""
    head = data[:2000]
    if stated := _PAGE.search(head):
        name = f"cp{int(stated[1])}"
    else:
        name = "mac_roman" if b"\\mac" in head[:100] else "cp437" if re.search(rb"\\pc\b", head[:100]) else "cp1252"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"
