"""Office documents: .docx (ECMA-376) and .odt (OASIS OpenDocument), both XML in a zip file.

Read are paragraphs, headings, lists and tables in their order, as they stand with all tracked changes accepted.
Left out are comments, notes, headers and footers. (python-docx was weighed: it passes over text in tracked
insertions, content controls and text boxes without a word.)
"""

from __future__ import annotations

from pipelines.corpus.document import Document
from pipelines.corpus.sources.archives import Archive
from pipelines.corpus.sources.extraction import Unreadable, with_text
from pipelines.corpus.sources.languages import iso_639_1
from pipelines.corpus.sources.xml_events import Event, Markup, XmlDamage, events, paragraphs

_DOCX = Markup(
    paragraphs=frozenset({"p"}), texts=frozenset({"t"}), breaks={"tab": "\t", "br": "\n", "cr": "\n"},
    skipped=frozenset({"del", "moveFrom", "Fallback", "pPr", "rPr", "tblPr", "sectPr"}),
    cells=frozenset({"tc"}), rows=frozenset({"tr"}),
)  # fmt: skip
_ODT = Markup(
    paragraphs=frozenset({"p", "h"}), breaks={"tab": "\t", "line-break": "\n", "s": " "},
    skipped=frozenset({
        "note", "annotation", "tracked-changes", "forms", "sequence-decls", "automatic-styles", "scripts",
        "font-face-decls", "title", "desc", "binary-data",
    }),
    cells=frozenset({"table-cell"}), rows=frozenset({"table-row"}),
)  # fmt: skip


def extract(document: Document) -> Document:
    archive = Archive(document.data)
    if document.form == "docx":
        if "EncryptedPackage" in archive.names:
            raise Unreadable("encrypted with a password")
        text, about = archive.read("word/document.xml"), "docProps/core.xml"
    else:
        manifest = "META-INF/manifest.xml"
        if manifest in archive.names and b"encryption-data" in archive.read(manifest):
            raise Unreadable("encrypted with a password")
        text, about = archive.read("content.xml"), "meta.xml"
    try:
        found = "\n\n".join(paragraphs(events([text]), _DOCX if document.form == "docx" else _ODT))
        facts = _facts(archive.read(about)) if about in archive.names else {}
    except XmlDamage as error:
        raise Unreadable(str(error)) from None
    if not found.strip():
        raise Unreadable("no text in it")
    return with_text(
        document, found, iso_639_1(facts.get("language", "")), title=facts.get("title"),
        author=facts.get("creator"), date=facts.get("modified") or facts.get("date"),
    )  # fmt: skip


def _facts(about: bytes) -> dict[str, str]:
    """The words of a document's properties, by the names that Dublin Core gives them."""
    facts: dict[str, str] = {}
    inside = ""
    event: Event
    for event in events([about]):
        kind, name, _ = event
        if kind == "start":
            inside = name
        elif kind == "text" and name.strip():
            facts.setdefault(inside, name.strip()[:500])
    return facts
