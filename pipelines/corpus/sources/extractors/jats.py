"""Scientific articles in JATS, the XML of journals (SciELO, PubMed Central): title, abstract and body.

References, tables, figures and citation marks are left out; so are formulas and notes, which are counted; translations
inside the same file (SciELO's `sub-article`), whose number is kept in the metadata; and abstracts in other languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.sources.extraction import Unreadable, with_text
from desdecero.pipelines.corpus.sources.extractors.scripts import subscript, superscript
from desdecero.pipelines.corpus.sources.languages import iso_639_1
from desdecero.pipelines.corpus.sources.xml_events import Event, Markup, XmlDamage, events, paragraphs

_MARKUP = Markup(
    paragraphs=frozenset({
        "article-title", "subtitle", "title", "p", "abstract", "sec", "list-item", "disp-quote", "verse-line", "body",
    }),
    skipped=frozenset({
        "journal-meta", "article-id", "article-categories", "contrib-group", "aff", "author-notes", "pub-date",
        "volume", "issue", "season", "supplement", "fpage", "lpage", "page-range", "elocation-id", "isbn", "history",
        "permissions", "kwd-group", "funding-group", "counts", "conference", "custom-meta-group", "trans-abstract",
        "trans-title-group", "related-article", "self-uri", "product", "back", "ref-list", "table-wrap", "fig",
        "fig-group", "disp-formula", "inline-formula", "tex-math", "math", "supplementary-material", "media",
        "graphic", "inline-graphic", "fn", "fn-group", "sub-article", "response", "label", "processing-meta",
        "floats-group", "object-id", "citation", "mixed-citation", "element-citation",
    }),
    written={"sup": superscript, "sub": subscript},
    counted={"disp-formula": "dropped_formula", "inline-formula": "dropped_formula", "fn": "dropped_note"},
)  # fmt: skip
_HOLLOW = re.compile(r" ?[(\[][\s,;–-]*[)\]]| (?=[,.])")
"""Remains of a removed citation mark."""
_CITATION = ("bibr", "fn", "table-fn")


def extract(document: Document) -> Document:
    """Read an article. Raises `Unreadable` if it is damaged, not JATS, or has neither abstract nor body."""
    facts: dict[str, str] = {}
    edits = Edits()
    try:
        found = list(paragraphs(_noted(events([document.data]), facts), _MARKUP, edits))
    except XmlDamage as error:
        raise Unreadable(str(error)) from None
    if facts.get("root") != "article":
        raise Unreadable(f"XML of another kind, <{facts.get('root', '')}>: articles in JATS are read")
    if not found:
        raise Unreadable("an article without abstract and body")
    text = "\n\n".join(_HOLLOW.sub("", " ".join(paragraph.split())) for paragraph in found)
    return with_text(
        document, text, iso_639_1(facts.get("lang", "")),
        title=found[0] if facts.get("title") else "", doi=facts.get("doi"), date=facts.get("year"),
        stated_license=facts.get("license"), translations=int(facts.get("translations", 0)) or None, edits=edits,
    )  # fmt: skip


def _noted(stream: Iterator[Event], facts: dict[str, str]) -> Iterator[Event]:
    """Yield the events, without citation marks, and note the article's facts."""
    inside: list[tuple[str, dict[str, str]]] = []
    citation = 0
    for event in stream:
        kind, name, attributes = event
        if kind == "start":
            if not inside:
                facts["root"], facts["lang"] = name, attributes.get("lang", "")
            inside.append((name, attributes))
            citation += name == "xref" and attributes.get("ref-type") in _CITATION
            if name == "sub-article":
                facts["translations"] = str(int(facts.get("translations", 0)) + 1)
            if "href" in attributes and any(parent == "license" for parent, _ in inside):
                facts.setdefault("license", attributes["href"])
            if name == "article-title":
                facts.setdefault("title", "yes")
        elif kind == "end":
            name, attributes = inside.pop()
            if name == "xref" and attributes.get("ref-type") in _CITATION:
                citation -= 1
        elif inside:
            parent, attributes = inside[-1]
            if parent == "article-id" and attributes.get("pub-id-type") == "doi":
                facts.setdefault("doi", name.strip())
            elif parent == "year" and len(inside) > 1 and inside[-2][0] == "pub-date":
                facts.setdefault("year", name.strip())
            elif parent == "license_ref":
                facts.setdefault("license", name.strip())
        if kind != "text" or not citation:
            yield event
