"""MediaWiki's markup as prose (mwparserfromhell).

Left out are templates (but for those that stand for words in a sentence), tables, references, files, categories,
galleries, formulas, comments, and the closing sections that list sources and links. Redirects and disambiguation
pages hold no prose.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

import mwparserfromhell
from mwparserfromhell import nodes

from pipelines.corpus.document import Document
from pipelines.corpus.sources.extraction import content, with_text

_REDIRECT = re.compile(r"\s*#\s*(redirec\w*|weiterleitung|rinvia|doorverwijzing|birzuzendu)\b", re.IGNORECASE)
_DISAMBIGUATION = re.compile(
    r"\{\{\s*(desambigua\w*|desambig|des|disambig\w*|dab|hndis|geodis|homonymie|begriffsklärung|desambiguació\w*"
    r"|homónimos|argipen|disambigua|human name disambiguation|place name disambiguation)\s*(\||\}\})",
    re.IGNORECASE,
)
_NAMESPACES = {
    "file", "image", "media", "category", "special", "template", "portal", "help", "archivo", "imagen", "categoría",
    "categoria", "anexo discusión", "plantilla", "ayuda", "wikipedia", "ficheiro", "imagem", "fichier", "catégorie",
    "datei", "bild", "kategorie", "immagine", "fitxer", "imatge", "ficheru", "fitxategi", "kategoria",
}  # fmt: skip
"""Of the wikis whose pages come without a dump's own list."""
_LISTS = {
    "referencias", "enlaces externos", "véase también", "bibliografía", "notas", "notas y referencias", "fuentes",
    "referencias y notas", "lecturas adicionales", "bibliografía adicional", "galería", "galería de imágenes",
    "enlaces", "otros proyectos", "notas al pie", "references", "external links", "see also", "bibliography", "notes",
    "further reading", "sources", "notes and references", "footnotes", "citations", "gallery", "works cited",
    "referências", "ligações externas", "ver também", "bibliografia", "références", "liens externes", "voir aussi",
    "notes et références", "bibliographie", "einzelnachweise", "weblinks", "siehe auch", "literatur", "note",
    "collegamenti esterni", "voci correlate", "referències", "enllaços externs", "vegeu també", "ligazóns externas",
    "véxase tamén", "notas e referencias", "erreferentziak", "kanpo estekak", "hawa t'inkikuna", "pukyukuna",
}  # fmt: skip
"""Closing sections that list, and tell nothing."""
_WORDS: dict[str, tuple[str, ...]] = {
    "lang": ("2",), "transl": ("2",), "transliteration": ("2",), "langnf": ("3",), "nowrap": ("1",), "nobr": ("1",),
    "small": ("1",), "versalita": ("1",), "versalitas": ("1",), "cita": ("1",), "cita destacada": ("1",),
    "quote": ("1",), "cquote": ("1",), "blockquote": ("1",), "unidad": ("1", "2"), "convert": ("1", "2"),
    "cvt": ("1", "2"), "formatnum": ("1",), "num": ("1",), "val": ("1",), "moneda": ("1",), "siglo": ("1",),
    "fecha": ("1", "2", "3"), "ill": ("1",), "enlace interlingüístico": ("1",), "esd": ("1",), "sic": ("1",),
    "abbr": ("1",), "abreviatura": ("1",),
}  # fmt: skip
"""Templates that stand for words in a sentence → their parameters that do."""
_MONTHS = {
    "1": "enero", "2": "febrero", "3": "marzo", "4": "abril", "5": "mayo", "6": "junio", "7": "julio", "8": "agosto",
    "9": "septiembre", "10": "octubre", "11": "noviembre", "12": "diciembre",
}  # fmt: skip
_NO_PROSE = {
    "ref", "references", "table", "gallery", "math", "chem", "ce", "timeline", "score", "imagemap", "syntaxhighlight",
    "source", "graph", "mapframe", "maplink", "hiero", "templatedata", "inputbox", "categorytree", "style", "script",
    "td", "tr", "th", "includeonly", "indicator", "section", "templatestyles",
}  # fmt: skip
_LEFTOVERS = re.compile(r"'{2,}|\[\[|\]\]|\{\{|\}\}|\{\||\|\}|__[A-ZÁÉÍÓÚÑ_]+__|-\{|\}-")
_HOLLOW = re.compile(r"[ \u00a0]*\([\s,;:–—-]*\)|(?<=\()[\s,;:]+|[\s,;:]+(?=\))")
"""Brackets that a template had filled, and what is left of a list in brackets when one was in it."""


def extract(document: Document) -> Document | None:
    source = content(document)
    namespaces = _NAMESPACES | set(document.meta.get("namespaces", ()))
    document = dataclasses.replace(document, meta={k: v for k, v in document.meta.items() if k != "namespaces"})
    if _REDIRECT.match(source) or _DISAMBIGUATION.search(source):
        return None
    parsed = mwparserfromhell.parse(source, skip_style_tags=True)  # `_tidy` takes off the quotes: faster, and sure
    return with_text(document, _tidy(_sections(parsed.nodes, namespaces)))


def _sections(found: Iterable[Any], namespaces: set[str]) -> str:
    """The text of a page, without the sections that list."""
    pieces: list[str] = []
    left_out = 7  # level of the section that is being left out; no heading is below 6
    for node in found:
        if isinstance(node, nodes.Heading):
            if node.level > left_out:
                continue
            title = _render(node.title.nodes, namespaces).strip()
            left_out = node.level if title.lower().rstrip(":") in _LISTS else 7
            if left_out == 7:
                pieces.append(f"\n\n{_HEADING * node.level}{title}\n\n")
        elif left_out == 7:
            pieces.append(_render([node], namespaces))
    return "".join(pieces)


_HEADING = "\x02"


def _render(found: Iterable[Any], namespaces: set[str]) -> str:
    return "".join(_node(node, namespaces) for node in found)


def _node(node: Any, namespaces: set[str]) -> str:
    match node:
        case nodes.Text():
            return str(node.value)
        case nodes.Wikilink():
            target = str(node.title).strip()
            prefix = target.partition(":")[0].strip().lower() if ":" in target else ""
            if prefix in namespaces or (prefix and re.fullmatch(r"[a-z]{2,3}(-[a-z]+)?", prefix)):
                return ""
            return _render(node.text.nodes, namespaces) if node.text else target.lstrip(":").partition("#")[0]
        case nodes.ExternalLink():
            return _render(node.title.nodes, namespaces) if node.title else ("" if node.brackets else str(node.url))
        case nodes.Template():
            return _template(node, namespaces)
        case nodes.Tag():
            tag = str(node.tag).strip().lower()
            if tag in _NO_PROSE:
                return ""
            if tag in ("br", "hr"):
                return "\n"
            return _render(node.contents.nodes, namespaces) if node.contents else ""
        case nodes.HTMLEntity():
            try:
                return str(node.normalize())
            except ValueError:
                return "\ufffd"
        case nodes.Heading():
            return f"\n\n{_render(node.title.nodes, namespaces)}\n\n"
    return ""  # comments, arguments of templates


def _template(node: nodes.Template, namespaces: set[str]) -> str:
    name, _, argument = str(node.name).strip().lower().replace("_", " ").partition(":")
    if name == "formatnum" and argument:
        return argument
    words = [
        _render(node.get(place).value.nodes, namespaces).strip() for place in _WORDS.get(name, ()) if node.has(place)
    ]
    if name == "fecha" and len(words) == 3 and words[1] in _MONTHS:
        return f"{words[0]} de {_MONTHS[words[1]]} de {words[2]}"
    if name == "siglo" and words and node.has("3") and str(node.get("3").value).strip().lower() == "s":
        return f"siglo {words[0]}"
    return " ".join(filter(None, words))


def _tidy(text: str) -> str:
    """Paragraphs set apart by an empty line, without what templates left behind, and without empty sections."""
    text = _HOLLOW.sub("", _LEFTOVERS.sub("", text))
    lines = (re.sub(r"[ \t\u00a0]+", " ", line).strip() for line in text.split("\n"))
    kept: list[str] = []
    for line in lines:
        if not line.strip("*#:;-.,|\x02 "):
            continue
        level = len(line) - len(line.lstrip(_HEADING))
        while level and kept and len(kept[-1]) - len(kept[-1].lstrip(_HEADING)) >= level:
            kept.pop()  # a heading with nothing below it
        kept.append(line)
    while kept and kept[-1].startswith(_HEADING):
        kept.pop()
    return "\n\n".join(line.lstrip(_HEADING) for line in kept)
