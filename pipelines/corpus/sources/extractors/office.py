"""Office documents: .docx (ECMA-376) and .odt (OASIS OpenDocument), both XML in a zip file.

Paragraphs, headings, lists, tables and text boxes are read in their order, with all tracked changes accepted. Comments,
headers and footers are left out, and so are notes, which are counted. (python-docx was tried: it silently skips text in
tracked insertions, content controls and text boxes.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.sources.archives import Archive
from desdecero.pipelines.corpus.sources.extraction import Unreadable, with_text
from desdecero.pipelines.corpus.sources.extractors.scripts import subscript, superscript
from desdecero.pipelines.corpus.sources.extractors.symbol_fonts import character, is_symbol_font
from desdecero.pipelines.corpus.sources.languages import iso_639_1
from desdecero.pipelines.corpus.sources.xml_events import Event, Markup, XmlDamage, events, paragraphs


def _term(text: str) -> str:
    return text if text.isalnum() or not text else f"({text})"


_DOCX = Markup(
    paragraphs=frozenset({"p"}), texts=frozenset({"t"}),
    breaks={"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": "\u00ad"},
    skipped=frozenset({"del", "moveFrom", "Fallback", "pPr", "rPr", "tblPr", "sectPr"}),
    cells=frozenset({"tc"}), rows=frozenset({"tr"}), boxes=frozenset({"txbxContent"}),
    written={
        "sup": superscript, "sub": subscript,  # elements made by `_runs`; the others are those of formulas
        "num": lambda text, _: _term(text), "den": lambda text, _: f"/{_term(text)}",
        "deg": lambda text, before: superscript(text, before) + "√",
    },
    counted={"footnoteReference": "dropped_note", "endnoteReference": "dropped_note"},
)  # fmt: skip
_ODT = Markup(
    paragraphs=frozenset({"p", "h"}), breaks={"tab": "\t", "line-break": "\n", "s": " "},
    skipped=frozenset({
        "note", "annotation", "tracked-changes", "forms", "sequence-decls", "automatic-styles", "scripts",
        "font-face-decls", "title", "desc", "binary-data",
    }),
    cells=frozenset({"table-cell"}), rows=frozenset({"table-row"}), boxes=frozenset({"text-box"}),
    written={"sup": superscript, "sub": subscript}, counted={"note": "dropped_note"},
)  # fmt: skip


def extract(document: Document) -> Document:
    """Read the document's text. Raises `Unreadable` if it is damaged, encrypted or empty."""
    archive = Archive(document.data)
    is_docx = document.form == "docx"
    manifest = "META-INF/manifest.xml"
    if "EncryptedPackage" in archive.names or (
        not is_docx and manifest in archive.names and b"encryption-data" in archive.read(manifest)
    ):
        raise Unreadable("encrypted with a password")
    edits = Edits()
    try:
        found = "\n\n".join(_docx(archive, edits) if is_docx else _odt(archive, edits))
        about = "docProps/core.xml" if is_docx else "meta.xml"
        facts = _facts(archive.read(about)) if about in archive.names else {}
    except XmlDamage as error:
        raise Unreadable(str(error)) from None
    if not found.strip():
        raise Unreadable("no text in it")
    lost = edits.counts["unknown_character"]
    return with_text(
        document, found, iso_639_1(facts.get("language", "")), title=facts.get("title"),
        author=facts.get("creator"), date=facts.get("modified") or facts.get("date"), edits=edits,
        damage=f"characters of symbol fonts that are not known, now U+FFFD: {lost}" if lost else None,
    )  # fmt: skip


def _docx(archive: Archive, edits: Edits) -> Iterator[str]:
    text = archive.read("word/document.xml")
    styles = archive.read("word/styles.xml") if "word/styles.xml" in archive.names else b""
    return paragraphs(_runs(events([text]), _raising_styles(styles), edits), _DOCX, edits)


def _odt(archive: Archive, edits: Edits) -> Iterator[str]:
    raising: dict[str, str] = {}
    if "styles.xml" in archive.names:
        for _ in _spans(events([archive.read("styles.xml")]), raising):
            pass
    return paragraphs(_spans(events([archive.read("content.xml")]), raising), _ODT, edits)


_RAISED = {"superscript": "sup", "subscript": "sub"}


_LEAST_HEIGHT = 4
"""Half points by which a run is raised or lowered on purpose; less corrects a font's baseline."""


def _by_height(half_points: str) -> str:
    try:
        height = int(half_points)
    except ValueError:
        return ""
    return "" if abs(height) < _LEAST_HEIGHT else "sup" if height > 0 else "sub"


def _raising_styles(styles: bytes) -> dict[str, str]:
    """Return the character styles that raise or lower text: their id → `sup` or `sub`."""
    found: dict[str, str] = {}
    if b"vertAlign" not in styles:
        return found
    style = ""
    for kind, name, attributes in events([styles]):
        if kind == "start" and name == "style":
            style = attributes.get("styleId", "")
        elif kind == "start" and name == "vertAlign" and attributes.get("val") in _RAISED:
            found[style] = _RAISED[attributes["val"]]
    return found


def _runs(stream: Iterable[Event], styles: dict[str, str], edits: Edits) -> Iterator[Event]:
    """Yield the events, with raised or lowered runs inside `sup` or `sub`, and characters of symbol fonts."""
    inside: list[str] = []
    script, font = [""], [""]  # of the enclosing runs: text boxes have runs in runs
    for event in stream:
        kind, name, attributes = event
        if kind == "text":
            yield kind, _in_font(name, font[-1], edits) if font[-1] else name, {}
        elif kind == "start":
            inside.append(name)
            yield event
            if name == "r":
                script.append("")
                font.append("")
            elif name == "sym":
                yield "start", "t", {}
                yield "text", _symbol(attributes.get("font", ""), attributes.get("char", ""), edits), {}
                yield "end", "t", {}
            elif inside[-3:-1] == ["r", "rPr"]:
                if name == "vertAlign":
                    script[-1] = _RAISED.get(attributes.get("val", ""), "")
                elif name == "position":
                    script[-1] = script[-1] or _by_height(attributes.get("val", ""))
                elif name == "rStyle":
                    script[-1] = script[-1] or styles.get(attributes.get("val", ""), "")
                elif name == "rFonts" and is_symbol_font(attributes.get("ascii", "")):
                    font[-1] = attributes["ascii"]
        else:
            inside.pop()
            if name == "r":
                font.pop()
                if raised := script.pop():
                    yield "end", raised, {}
            yield event
            if name == "rPr" and inside[-1:] == ["r"] and script[-1]:
                yield "start", script[-1], {}


def _symbol(font: str, place: str, edits: Edits) -> str:
    try:
        found = character(font, int(place, 16))
    except ValueError:
        found = None
    if found is None:
        edits.add("unknown_character", f"[{font} {place}]", "\ufffd")
    return found or "\ufffd"


def _in_font(text: str, font: str, edits: Edits) -> str:
    """Convert text set in a symbol font: its characters' codes lie in Unicode's private use area."""
    return "".join(_symbol(font, f"{ord(char):X}", edits) if "\uf000" <= char <= "\uf0ff" else char for char in text)


def _spans(stream: Iterable[Event], raising: dict[str, str]) -> Iterator[Event]:
    """Yield the events, with raised or lowered spans inside `sup` or `sub`; `raising`, style → which, is extended."""
    open_spans: list[str] = []
    style = ""
    for event in stream:
        kind, name, attributes = event
        if kind == "start" and name == "style":
            style = attributes.get("name", "")
            if attributes.get("parent-style-name", "") in raising:
                raising[style] = raising[attributes["parent-style-name"]]
        elif kind == "start" and name == "text-properties" and "text-position" in attributes:
            position = attributes["text-position"].split()[0]
            if script := "sub" if position.startswith(("sub", "-")) else "" if position.startswith("0") else "sup":
                raising[style] = script
        if kind == "end" and name == "span" and (script := open_spans.pop()):
            yield "end", script, {}
        yield event
        if kind == "start" and name == "span":
            open_spans.append(raising.get(attributes.get("style-name", ""), ""))
            if open_spans[-1]:
                yield "start", open_spans[-1], {}


def _facts(about: bytes) -> dict[str, str]:
    """Return the text of a document's properties, by their Dublin Core names."""
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
