"""Electronic books, EPUB 2 and 3: the chapters in their reading order; those outside of it (`linear="no"`: notes,
glossaries, solutions) after the others. A chapter that cannot be read is named under `damage`.
"""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.sources.archives import Archive
from desdecero.pipelines.corpus.sources.decoding import declared_encoding, decode
from desdecero.pipelines.corpus.sources.extraction import Unreadable, with_text
from desdecero.pipelines.corpus.sources.extractors.html import blocks, count_formulas, parse
from desdecero.pipelines.corpus.sources.languages import iso_639_1
from desdecero.pipelines.corpus.sources.xml_events import XmlDamage, events

_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Obfuscations of fonts, which leave the text readable; any other encryption locks the book."""


def extract(document: Document) -> Document:
    """Read the chapters. Raises `Unreadable` if the book is damaged, locked or empty."""
    archive = Archive(document.data)
    try:
        _refuse_locked(archive)
        package = _package_path(archive)
        facts, chapters = _spine(archive.read(package))
    except XmlDamage as error:
        raise Unreadable(str(error)) from None
    folder = posixpath.dirname(package)
    by_small_letters = {name.lower(): name for name in archive.names}
    texts, unread, formulas = [], [], 0
    for chapter in chapters:
        path = posixpath.normpath(posixpath.join(folder, unquote(chapter.partition("#")[0])))
        try:
            if path not in archive.names:  # packed on a file system that ignores case
                path = by_small_letters.get(path.lower(), path)
            data = archive.read(path)
            root = parse(decode(data, declared_encoding(data))[0])
            formulas += count_formulas(root)
            texts.append(blocks(root))
        except ValueError as error:
            unread.append(f"{chapter} ({error})")
    text = "\n\n".join(filter(str.strip, texts))
    if not text.strip():
        raise Unreadable(f"no text in its {len(chapters)} chapters{f': {unread[0]}' if unread else ''}")
    more = f" and {len(unread) - 20} more" if len(unread) > 20 else ""
    edits = Edits()
    if formulas:
        edits.add("dropped_formula", times=formulas)
    return with_text(
        document, text, iso_639_1(facts.get("language", "")), title=facts.get("title"), author=facts.get("creator"),
        date=facts.get("date"), stated_license=facts.get("rights"), edits=edits,
        damage=f"unread: {', '.join(unread[:20])}{more}" if unread else None,
    )  # fmt: skip


def _refuse_locked(archive: Archive) -> None:
    if "META-INF/encryption.xml" not in archive.names:
        return
    for kind, name, attributes in events([archive.read("META-INF/encryption.xml")]):
        if kind == "start" and name == "EncryptionMethod" and attributes.get("Algorithm") not in _FONTS:
            raise Unreadable("locked (digital rights management)")


def _package_path(archive: Archive) -> str:
    for kind, name, attributes in events([archive.read("META-INF/container.xml")]):
        if kind == "start" and name == "rootfile" and "full-path" in attributes:
            return attributes["full-path"]
    raise Unreadable("its container names no book")


def _spine(package: bytes) -> tuple[dict[str, str], list[str]]:
    """Return (facts of the book, paths of its chapters in reading order, without the table of contents).

    A chapter that the spine names and the manifest does not is named by its id: it cannot be read, and is reported.
    """
    facts: dict[str, str] = {}
    files: dict[str, str] = {}
    contents: set[str] = set()
    linear: list[str] = []
    aside: list[str] = []
    inside = ""
    for kind, name, attributes in events([package]):
        if kind == "text":
            if inside in ("title", "creator", "language", "rights", "date") and name.strip():
                facts.setdefault(inside, " ".join(name.split())[:500])
        elif kind == "end":
            inside = ""
        else:
            inside = name
            identity = attributes.get("id", "")
            if name == "item" and "nav" in attributes.get("properties", "").split():
                contents.add(identity)
            elif name == "item":
                files[identity] = attributes.get("href", "")
            elif name == "itemref":
                (aside if attributes.get("linear", "").strip().lower() == "no" else linear).append(
                    attributes.get("idref", "")
                )
    order = dict.fromkeys(chapter for chapter in (*linear, *aside) if chapter not in contents)
    return facts, [files.get(chapter) or f"chapter {chapter!r} of no file" for chapter in order]
