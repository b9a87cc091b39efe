"""Web pages: the main text of a page, without menus, adverts and boilerplate (trafilatura).

Barbaresi 2021 (ACL demo) compares extractors; trafilatura leads there, and in its own benchmark since. Whole books on
one page are read in full: the rules that separate prose from boilerplate on a page do not hold for a book.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from lxml import etree
from lxml.html import HtmlElement, HTMLParser

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.sources.extraction import Unreadable, content, with_text
from desdecero.pipelines.corpus.sources.extractors.page_license import Licenses, find_licenses
from desdecero.pipelines.corpus.sources.extractors.scripts import subscript, superscript
from desdecero.pipelines.corpus.sources.languages import iso_639_1
from desdecero.pipelines.corpus.sources.reservations import merge, signals

_BOOK = re.compile(
    r"\*\*\* ?start of (?:this|the) project gutenberg|project gutenberg e-?(?:text|book) of", re.IGNORECASE
)
_SKIPPED = {"head", "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "select", "button"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
    "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
}  # fmt: skip
_SCRIPTS = re.compile(
    r"<su[bp]\b|vertical-align\s*:\s*su|class\s*=\s*[\"']?[^\"'>]*\bsu(?:p|b|per|perscript|bscript)\b", re.I
)
_RAISED_STYLE = re.compile(r"vertical-align\s*:\s*su(?:b|per)\b", re.IGNORECASE)
_RAISED_CLASS = re.compile(r"(?:^|\s)(?:sup|sub|super|superscript|subscript)(?:\s|$)", re.IGNORECASE)
_LOWERED = re.compile(r"vertical-align\s*:\s*sub\b|(?:^|\s)sub(?:script)?(?:\s|$)", re.IGNORECASE)
_FIGURES = re.compile(r"[\s\d+−–-]{1,8}")
_FACTS = {
    "author": "author", "dc.creator": "author", "og:title": "title", "dc.title": "title", "dc.date": "date",
    "article:published_time": "date", "date": "date",
}  # fmt: skip
"""Name or property of a meta tag → key of a document's metadata."""
_RIGHTS = ("dc.rights", "dcterms.license")


def extract(document: Document) -> Document:
    """Read the page's main text. Raises `Unreadable` if none is left."""
    import trafilatura  # lazy: it takes a second, and e-books read their chapters without it

    page = content(document)
    root = parse(page)
    formulas = count_formulas(root)
    if _BOOK.search(page[:5000]):
        text: str | None = blocks(root)
    else:
        text = trafilatura.extract(root, include_comments=False, include_tables=True)
    if not text or not text.strip():
        raise Unreadable("no text is left of the page without menus and boilerplate")
    facts, licenses, reserved = _facts(root)
    edits = Edits()
    if formulas:
        edits.add("dropped_formula", times=formulas)
    if licenses.statements:
        edits.add("license_disagreement", "; ".join(licenses.statements), licenses.stated)
    language = facts.pop("language")
    read = with_text(
        document, text, language, edits=edits, stated_license=licenses.stated,
        license_statements=list(licenses.statements), other_licenses=list(licenses.others), **dict[str, Any](facts),
    )  # fmt: skip
    return dataclasses.replace(read, meta=merge(read.meta, reserved))


def parse(page: str) -> HtmlElement:
    """Parse a page, valid or not. Raises `Unreadable` if it is empty, or nested without end."""
    parser = HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(page.replace("\0", "").encode("utf-8", errors="replace"), parser)
    except etree.ParserError as error:
        raise Unreadable(f"no HTML: {error}") from None
    # libxml2 leaves out elements nested deeper than its limit, and reports it only here.
    if any("depth" in entry.message.lower() for entry in parser.error_log):
        raise Unreadable("HTML nested without end")
    if root is None:
        raise Unreadable("no HTML: the page is empty")
    if _SCRIPTS.search(page):
        _write_scripts(root)
    return root


def _write_scripts(root: HtmlElement) -> None:
    """Write superscripts and subscripts into the line, as `scripts` does; nested ones first."""
    inner = [element for element in root.iter("sup", "sub") if any(True for _ in element.iterancestors("sup", "sub"))]
    within = set(inner)
    for element in [*reversed(inner), *(element for element in root.iter(etree.Element) if element not in within)]:
        tag = element.tag.lower()
        lowered = tag == "sub"
        if tag not in ("sup", "sub"):
            if tag not in ("span", "font", "a", "small", "em", "i", "b") or not _has_script_style(element):
                continue
            lowered = bool(_LOWERED.search(f"{element.get('style')} {element.get('class')}"))
        parent, text = element.getparent(), "".join(element.itertext())
        if parent is None or not text.strip() or any(child.tag in _BLOCKS for child in element.iterdescendants()):
            continue
        if tag not in ("sup", "sub") and not _FIGURES.fullmatch(text):
            continue  # classes and styles are ambiguous; a number must not change
        written = (subscript if lowered else superscript)(text, _text_before(element)) + (element.tail or "")
        if (previous := element.getprevious()) is not None:
            previous.tail = (previous.tail or "") + written
        else:
            parent.text = (parent.text or "") + written
        parent.remove(element)


def _has_script_style(element: HtmlElement) -> bool:
    return bool(_RAISED_STYLE.search(element.get("style") or "") or _RAISED_CLASS.search(element.get("class") or ""))


def _text_before(element: HtmlElement) -> str:
    """Return the last characters before an inline element, in its parent or in the element before it."""
    previous = element.getprevious()
    if previous is None:
        return (element.getparent().text or "")[-12:]
    return (previous.tail or "".join(previous.itertext()))[-12:]


def count_formulas(root: HtmlElement) -> int:
    """Count formulas in MathML, which are left out."""
    return sum(1 for _ in root.iter("math"))


def blocks(root: HtmlElement) -> str:
    """Return all text of a page, a paragraph a block, in the order of the page."""
    paragraphs: list[str] = []
    pieces: list[str] = []

    def close() -> None:
        rows = (" ".join(row.split()) for row in "".join(pieces).split("\v"))
        if paragraph := "\n".join(rows).strip("\n"):
            paragraphs.append(paragraph)
        pieces.clear()

    walk = etree.iterwalk(root, events=("start", "end"))
    verbatim = 0
    for event, element in walk:
        tag = element.tag if isinstance(element.tag, str) else ""
        tag = tag.rpartition("}")[2].lower()
        if tag in _BLOCKS:
            close()
        verbatim += (tag == "pre") * (1 if event == "start" else -1)
        if event == "start":
            if tag in _SKIPPED:
                walk.skip_subtree()
            elif element.text:
                pieces.append(element.text.replace("\n", "\v") if verbatim else element.text)
        else:
            pieces.append({"br": "\v", "td": " ", "th": " "}.get(tag, ""))
            if element.tail:
                pieces.append(element.tail.replace("\n", "\v") if verbatim else element.tail)
    close()
    return "\n\n".join(paragraphs)


def _facts(root: HtmlElement) -> tuple[dict[str, str], Licenses, dict[str, str]]:
    """Return (language, title, author and date; licences; the publisher's reservations)."""
    tags = [
        ((tag.get("name") or tag.get("property") or tag.get("http-equiv") or ""), tag.get("content") or "")
        for tag in root.iter("meta")
    ]
    facts: dict[str, str] = {}
    for name, value in tags:
        if (key := _FACTS.get(name.lower())) and value.strip():
            facts.setdefault(key, value.strip()[:500])
    title = root.find(".//title")
    if title is not None and (words := " ".join(title.text_content().split())):
        facts.setdefault("title", words[:500])
    language = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or ""
    rights = (value.strip()[:500] for name, value in tags if name.lower() in _RIGHTS)
    return {**facts, "language": iso_639_1(language)}, find_licenses(root, rights), signals(tags)
