"""MediaWiki's markup as prose (mwparserfromhell).

Tables, references, files, categories, galleries, formulas, comments, templates that stand for no words, and the closing
sections that list sources and links are left out. Templates that stand for words give them (`wiki_templates.py`);
others are counted if they leave a gap in a sentence, and so are formulas. Code stays as it is written. Redirects and
disambiguation pages hold no prose."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

import mwparserfromhell
from mwparserfromhell import nodes

from desdecero.pipelines.corpus.document import Document, Edits
from desdecero.pipelines.corpus.sources.extraction import content, with_text
from desdecero.pipelines.corpus.sources.extractors import wiki_templates
from desdecero.pipelines.corpus.sources.extractors.scripts import subscript, superscript
from desdecero.pipelines.corpus.sources.extractors.wiki_links import MEDIA, is_shown

_REDIRECT = re.compile(r"\s*#\s*(redirec\w*|weiterleitung|rinvia|doorverwijzing|birzuzendu)\b", re.IGNORECASE)
_DISAMBIGUATION = re.compile(
    r"\{\{\s*(desambigua\w*|desambig|des|disambig\w*|dab|hndis|geodis|homonymie|begriffsklärung|desambiguació\w*"
    r"|homónimos|argipen|disambigua|human name disambiguation|place name disambiguation)\s*(\||\}\})",
    re.IGNORECASE,
)
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
"""Closing sections that only list."""
_NO_PROSE = {
    "ref", "references", "table", "gallery", "timeline", "score", "imagemap", "graph", "mapframe", "maplink", "hiero",
    "templatedata", "inputbox", "categorytree", "style", "script", "td", "tr", "th", "includeonly", "indicator",
    "section", "templatestyles",
}  # fmt: skip
_FORMULAS = {"math", "chem", "ce"}
_BLOCKS_OF_CODE = {"pre", "syntaxhighlight", "source"}
_CODE = {"code", "kbd", "samp", "tt"}
_CODE_TEMPLATES = _CODE | {"codigo", "código", "mono", "var"}
_SWITCH_NAMES = """
NOTOC TOC FORCETOC NOEDITSECTION NEWSECTIONLINK NONEWSECTIONLINK NOGALLERY HIDDENCAT EXPECTUNUSEDCATEGORY
EXPECTUNUSEDTEMPLATE NOCONTENTCONVERT NOCC NOTITLECONVERT NOTC INDEX NOINDEX STATICREDIRECT DISAMBIG NOGLOBAL
ARCHIVEDTALK NOTALK EXPECTED_UNCONNECTED_PAGE TDC SIN_TDC SINTDC NOTDC FORZAR_TDC FORZARTDC
NO_EDITAR_SECCIÓN NOEDITARSECCION SIN_EDITAR_SECCIÓN GALERÍA_NO NO_GALERÍA INDEXAR NO_INDEXAR AUCUNSOMMAIRE SOMMAIRE
FORCERSOMMAIRE KEIN_INHALTSVERZEICHNIS INHALTSVERZEICHNIS KEININHALTSVERZEICHNIS SEMTDC NAOTDC NÃOTDC FORCARTDC INDICE
NOINDICE FORZAINDICE SENSETAULA TAULA
"""
"""Switches of a page's behaviour, `__NOTOC__`, in the languages in which they occur."""
_LEFTOVERS = re.compile(
    r"(?P<kept>\w\[(?!\[)(?:[^\[\]\n]|\[[^\[\]\n]*\])*\]"  # a[b[0]]
    r"|\[\[[\d\s,.;\[\]-]*\]\]"  # [[1, 2], [3, 4]]
    r"|\{(?!\{)[^{}\n]*\{[^{}\n]*\}[^{}\n]*\})"  # {a: {b: 1}}
    rf"|'{{2,}}|\[\[|\]\]|\{{\{{|\}}\}}|\{{\||\|\}}|__(?:{'|'.join(_SWITCH_NAMES.split())})__|-\{{(?=[^\n]*\}}-)|\}}-"
)
"""Markup that the parser does not recognize, and text that looks like it."""

_HEADING = "\x02"
_GONE = "\x03"
"""Stands for removed content that put no words into the sentence."""
_FIRST_CODE, _FIRST_TEMPLATE, _PLACES = 0xF0000, 0x100000, 0xFFFE  # two planes of Unicode for private use
_CODE_PLACE = re.compile(f"[{chr(_FIRST_CODE)}-{chr(_FIRST_CODE + _PLACES - 1)}]")
_TEMPLATE_PLACE = re.compile(f"[{chr(_FIRST_TEMPLATE)}-{chr(_FIRST_TEMPLATE + _PLACES - 1)}]")
_OURS = re.compile(f"[\x02\x03]|{_CODE_PLACE.pattern}|{_TEMPLATE_PLACE.pattern}")
_GAP = f"[\x03{_TEMPLATE_PLACE.pattern[1:-1]}]"
_GAPS = [
    (re.compile(pattern), instead)
    for pattern, instead in (
        (rf"[ \u00a0]*\([\s,;:–—/-]*{_GAP}(?:[\s,;:–—/-]|{_GAP})*\)", ""),  # brackets that held nothing else
        (rf"(?<=\()[\s,;:]*{_GAP}(?:[\s,;:]|{_GAP})*", ""),
        (rf"(?:[\s,;:]|{_GAP})*{_GAP}[\s,;:]*(?=\))", ""),
        (rf"([,;])[ \u00a0]*{_GAP}+[ \u00a0]*(?=[,;.])", ""),
        (rf"[ \u00a0]*{_GAP}+(?=[.,;:])", ""),
        (rf"{_GAP}+", ""),
    )
]


def extract(document: Document) -> Document | None:
    """Read a page; None for a redirect, a disambiguation page, or one without prose."""
    source = content(document)
    media = MEDIA | set(document.meta.get("namespaces", ()))
    document = dataclasses.replace(document, meta={k: v for k, v in document.meta.items() if k != "namespaces"})
    if _REDIRECT.match(source) or _DISAMBIGUATION.search(source):
        return None
    # `_tidy` removes the quotes: faster, and reliable
    parsed = mwparserfromhell.parse(_OURS.sub("\ufffd", source), skip_style_tags=True)
    page = _Page(media, document.language, str(document.meta.get("title", "")))
    return with_text(document, page.tidy(page.sections(parsed.nodes)), edits=page.edits)


class _Page:
    """One page during its conversion to prose."""

    def __init__(self, media: set[str] | frozenset[str], language: str, title: str):
        self.media, self.language, self.title = media, language, title
        self.edits = Edits()
        self._code: list[str] = []
        self._templates: list[str] = []

    def sections(self, found: Iterable[Any]) -> str:
        """Return the text of a page, without the sections that list."""
        pieces: list[str] = []
        left_out = 7  # level of the section that is being left out; no heading is below 6
        for node in found:
            if isinstance(node, nodes.Heading):
                if node.level > left_out:
                    continue
                title = self.render(node.title.nodes).strip()
                left_out = node.level if title.lower().rstrip(":") in _LISTS else 7
                if left_out == 7:
                    pieces.append(f"\n\n{_HEADING * node.level}{title}\n\n")
            elif left_out == 7:
                pieces.append(self._node(node, pieces[-1] if pieces else ""))
        return "".join(pieces)

    def render(self, found: Iterable[Any]) -> str:
        pieces: list[str] = []
        for node in found:
            pieces.append(self._node(node, pieces[-1] if pieces else ""))
        return "".join(pieces)

    def _node(self, node: Any, before: str) -> str:
        match node:
            case nodes.Text():
                return str(node.value)
            case nodes.Wikilink():
                return self._link(node)
            case nodes.ExternalLink():
                return self.render(node.title.nodes) if node.title else ("" if node.brackets else str(node.url))
            case nodes.Template():
                return self._template(node)
            case nodes.Tag():
                return self._tag(node, before)
            case nodes.HTMLEntity():
                try:
                    return str(node.normalize())
                except ValueError:
                    return "\ufffd"
            case nodes.Heading():
                return f"\n\n{self.render(node.title.nodes)}\n\n"
        return ""  # comments, arguments of templates

    def _link(self, node: nodes.Wikilink) -> str:
        target = str(node.title).strip()
        if not is_shown(target, self.media):
            return _GONE
        if node.text and (label := self.render(node.text.nodes)):
            return label
        target = target.lstrip(":")
        return target.partition("#")[0] or target.lstrip("#")

    def _tag(self, node: nodes.Tag, before: str) -> str:
        tag = str(node.tag).strip().lower()
        if tag in _NO_PROSE:
            return _GONE
        if tag in _FORMULAS:
            self.edits.add("dropped_formula", " ".join(str(node).split())[:100])
            return _GONE
        if tag in ("br", "hr"):
            return "\n"
        if not node.contents:
            return ""
        if tag == "nowiki":
            return self._as_code(str(node.contents))
        if tag in _BLOCKS_OF_CODE:
            code = self._as_code(str(node.contents).strip("\n"))
            return code if node.has("inline") else f"\n{code}\n"
        if tag in _CODE:
            return self._as_code(re.sub("'{2,}", "", self._line_of_code(node.contents.nodes)))
        text = self.render(node.contents.nodes)
        if tag in ("sup", "sub"):
            return (superscript if tag == "sup" else subscript)(text, before)
        return text

    def _line_of_code(self, found: Iterable[Any]) -> str:
        """Return code that may hold markup; `a[[0]]`, and unknown templates (`{{ user.name }}`), are code."""
        text = ""
        for node in found:
            is_index = isinstance(node, nodes.Wikilink) and not node.text and re.search(r"\w$", text)
            text += str(node) if is_index else self._node(node, text)
        return _GONE_OR_TEMPLATE.sub("", _TEMPLATE_PLACE.sub(self._template_of, text))

    def _template_of(self, match: re.Match[str]) -> str:
        return self._templates[ord(match[0]) - _FIRST_TEMPLATE]

    def _as_code(self, text: str) -> str:
        """Return a placeholder that stands for the text until the page is tidied."""
        if len(self._code) == _PLACES:
            return text
        self._code.append(_CODE_PLACE.sub(self._code_of, text))
        return chr(_FIRST_CODE + len(self._code) - 1)

    def _code_of(self, match: re.Match[str]) -> str:
        return self._code[ord(match[0]) - _FIRST_CODE]

    def _template(self, node: nodes.Template) -> str:
        def get(place: str) -> str:
            found = self.render(node.get(place).value.nodes).strip() if node.has(place) else ""
            return _GONE_OR_TEMPLATE.sub("", found)

        whole = " ".join(_plain_name(node).split()).replace("_", " ").strip()
        name, colon, argument = whole.partition(":")
        name = name.strip().lower()
        if name in ("plantilla", "template", "subst", "modelo", "vorlage", "modèle"):
            name, colon, argument = argument.strip().lower(), "", ""
        if whole in ("PAGENAME", "SUBJECTPAGENAME", "NOMBREDEPAGINA") and self.title:
            return self.title
        if colon:
            argument = self.render(node.name.nodes).partition(":")[2].strip()
            unknown = _TEMPLATE_PLACE.search(argument)
            found = None if unknown else wiki_templates.function(name, _GONE_OR_TEMPLATE.sub("", argument))
        else:
            found = wiki_templates.words(name, get, self.language)
        if found is None and "\n" not in str(node) and len(self._templates) < _PLACES:
            self._templates.append(str(node))
            return chr(_FIRST_TEMPLATE + len(self._templates) - 1)
        if found and name in _CODE_TEMPLATES:
            return self._as_code(found)
        return found or _GONE

    def tidy(self, text: str) -> str:
        """Separate paragraphs by an empty line, and remove placeholders and empty sections."""
        text = _LEFTOVERS.sub(lambda match: match["kept"] or "", text)
        if _GONE_OR_TEMPLATE.search(text):
            self._count_templates(text)
            for pattern, instead in _GAPS:
                text = pattern.sub(instead, text)
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
        return _CODE_PLACE.sub(self._code_of, "\n\n".join(line.lstrip(_HEADING) for line in kept))

    def _count_templates(self, text: str) -> None:
        """Count unknown templates in lines that have other words."""
        for line in text.split("\n"):
            places = _TEMPLATE_PLACE.findall(line)
            if places and any(map(str.isalpha, _GONE_OR_TEMPLATE.sub("", line))):
                for place in places:
                    source = self._templates[ord(place) - _FIRST_TEMPLATE]
                    around = " ".join(_GONE_OR_TEMPLATE.sub("", line.partition(place)[0]).split())[-40:]
                    self.edits.add("dropped_template", f"{around} {source[:80]}".strip(), around)


_GONE_OR_TEMPLATE = re.compile(_GAP)


def _plain_name(node: nodes.Template) -> str:
    return re.sub(r"<!--.*?-->", "", str(node.name), flags=re.DOTALL)
