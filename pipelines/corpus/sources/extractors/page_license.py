"""Selection of the licence of a web page's text among those that the page names.

The page's own are: `<link rel="license">` and metadata in its head, `license` of the page or the article in JSON-LD,
and a link with `rel="license"` in its body that does not belong to a part. It does if it stands in a figure, a
quotation, a comment, one of several works, or an element about another resource (`about`, ImageObject), or if the words
before it name a picture (`Foto: CC BY 2.0`). Statements that contradict one another all hold:
`LicenseRef-all-rights-reserved AND CC-BY-4.0`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lxml.html import HtmlElement

from desdecero.pipelines.licenses import names

LONGEST_NOTICE = 300
"""Characters of a paragraph that reserves all rights; a longer one discusses rights."""
SHORT_BLOCK = 150
"""Characters before a link: a credit (`Foto: Ana. Licencia: CC BY`) is not longer."""
LONGEST_PART = 1500
"""Characters of a part whose class names it a caption or a comment; a longer one is the page itself."""

_RESERVED = re.compile(
    r"todos (?:los|os) (?:derechos|direitos) reservados|reservados todos los derechos|all rights reserved"
    r"|tous droits réservés|alle rechte vorbehalten|tutti i diritti riservati|tots els drets reservats"
    r"|(?:©|copyright)[^.]{0,80}(?<!algunos )(?<!ciertos )derechos reservados",
    re.IGNORECASE,
)
_PICTURE = re.compile(
    r"\b(?:fotos?|fotograf\w+|im[aá]gen(?:es)?|imatges?|imagem|imagens|ilustraci\w+|infograf\w+|gráficos?|mapas?|retrato"
    r"|dibujos?|datos|data|v[ií]deos?|audio|música|créditos?|portada|cabecera|iconos?|logo|photos?|photograph\w*|images?|pictures?"
    r"|illustrations?|artwork|cover|music|icons?|credits?|banner|bild|abbildung)\b",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"\b(?:obras?|contenidos?|textos?|sitio|página|artículos?|blog|web|publicación|libro|revista|portal|salvo|excepto"
    r"|works?|contents?|texts?|site|website|page|articles?|publication|book|journal|except|unless|otherwise)\b",
    re.IGNORECASE,
)
_PARTS = frozenset((
    "figure", "figcaption", "picture", "video", "audio", "caption", "blockquote", "aside",
))  # fmt: skip
_NAMES = """
caption credit credits photo photos foto fotos image images imagen img picture gallery galeria thumb thumbnail
thumbinner carousel slider media video audio embed embedded comment comments comentario comentarios commentlist
related relacionados relacionadas recommended recomendados teaser teasers card cards results resultados
"""
_PART_NAMES = frozenset(_NAMES.split())
"""Words of classes and ids that mark an element as a part of the page."""
_BUTTON = re.compile(r"creativecommons|/l/by|88x31|80x15|\bcc[-_.]?(?:by|zero|0)", re.IGNORECASE)
_BLOCKS = frozenset(("p", "div", "li", "td", "footer", "section", "article", "header", "aside", "dd", "body", "small"))
_WORKS = re.compile(
    r"(?:^|/|:)(?:\w*Article|\w*Posting|\w*Page|Blog|Book|Chapter|CreativeWork|Dataset|Report|WebSite|Thesis"
    r"|LearningResource|Course|Legislation)$"
)
_THINGS = re.compile(
    r"(?:Image|Media|Video|Audio|Music|Photo|Painting|Drawing|Map|Comment|Person|Product|Visual)", re.I
)


@dataclass(frozen=True, slots=True)
class Licenses:
    """The licence statements of a page."""

    stated: str = ""
    """Statement on its text, as written; an expression if statements contradict one another."""
    statements: Sequence[str] = ()
    """Statements that contradict one another."""
    others: Sequence[str] = ()
    """Statements on pictures, comments and other works on it."""


def find_licenses(root: HtmlElement, metadata: Iterable[str]) -> Licenses:
    """Find the licences of a page. metadata: its meta tags on rights."""
    own: list[str] = []
    others: list[str] = []
    for is_page, value in (*_links(root), *_json_ld(root)):
        (own if is_page else others).append(value)
    noted = [words for words in metadata if words]
    if (own or others) and (reserved := _reserved(root)):
        noted.append(reserved)
    statements = list(dict.fromkeys([*own, *noted]))
    known = {text: names.normalize(text).expression for text in statements}
    expressions = dict.fromkeys(found for found in known.values() if found != names.UNKNOWN)
    others = [text for text in dict.fromkeys(others) if text not in statements]
    if len(expressions) > 1:
        joined = " AND ".join(f"({name})" if " " in name else name for name in expressions)
        return Licenses(joined, [text for text in statements if known[text] in expressions], others)
    stated = next((text for text in statements if known[text] in expressions), statements[0] if statements else "")
    return Licenses(stated, (), others)


def _links(root: HtmlElement) -> Iterator[tuple[bool, str]]:
    """Yield (True for the page's own, licence) of the links marked as leading to a licence."""
    for link in root.iter("link", "a"):
        names_license = (
            "license" in (link.get("rel") or "").lower().split()
            or "license" in (link.get("itemprop") or link.get("property") or "").lower().replace(":", " ").split()
        )
        if names_license and link.get("href"):
            yield _is_of_page(link), link.get("href")[:500]


def _is_of_page(link: HtmlElement) -> bool:
    ancestors = list(link.iterancestors())
    if any(element.tag == "head" for element in ancestors):
        return True
    if any(_is_about_another(element) for element in (link, *ancestors)):
        return False
    articles = [element for element in ancestors if element.tag == "article"]
    if len(articles) > 1 or (articles and _has_siblings(articles[0])):
        return False
    if any(element.tag in ("li", "tr") and _is_one_of_several(element) for element in ancestors):
        return False
    block = next((element for element in ancestors if element.tag in _BLOCKS), None)
    before, after = _around(link, block)
    if _PICTURE.search(before) and not _OWN.search(before):
        return False
    if _OWN.search(f"{before} {after}"):
        return not any(element.tag in ("figure", "figcaption") for element in ancestors)
    if not before.strip() and _PICTURE.search(after):
        return False
    if any(_is_part(element) for element in ancestors):
        return False
    return not (block is not None and _is_picture_with_credit(block, link))


def _is_about_another(element: HtmlElement) -> bool:
    about = (element.get("about") or "").strip()
    kind = f"{element.get('itemtype') or ''} {element.get('typeof') or ''}"
    return (about not in ("", "#", "./")) or bool(_THINGS.search(kind.rpartition("/")[2]))


def _has_siblings(article: HtmlElement) -> bool:
    parent = article.getparent()
    return parent is not None and sum(child.tag == "article" for child in parent) > 1


def _is_one_of_several(item: HtmlElement) -> bool:
    """Tell whether other items of the list have links to licences too."""
    parent = item.getparent()
    return parent is not None and len(parent.xpath("./*[.//a[contains(@rel, 'license')]]")) > 1


def _is_part(element: HtmlElement) -> bool:
    if element.tag in _PARTS:
        return True
    if element.tag in ("body", "html", "main"):
        return False
    words = set(re.split(r"[\s_-]+", f"{element.get('class') or ''} {element.get('id') or ''}".lower()))
    return bool(words & _PART_NAMES) and len("".join(element.itertext())) <= LONGEST_PART


def _around(link: HtmlElement, block: HtmlElement | None) -> tuple[str, str]:
    """Return the words before and after a link: all of a short block, otherwise those of its sentence."""
    if block is None:
        return "", ""
    before: list[str] = []
    after: list[str] = []
    seen = False
    for event, element in _walk(block):
        if element is link:
            seen = True
            if event == "end":
                after.append(element.tail or "")
        elif event == "start":
            (after if seen else before).append(element.text or "")
        else:
            (after if seen else before).append(element.tail or "" if element is not block else "")
    words = "".join(before)
    sentences = [words] if len(words) <= SHORT_BLOCK else re.split(r"[.;|·•\n]", words)
    return next((piece for piece in reversed(sentences) if piece.strip()), "")[-SHORT_BLOCK:], re.split(
        r"[.;|·•\n]", "".join(after)
    )[0][:150]


def _walk(block: HtmlElement) -> Iterator[tuple[str, HtmlElement]]:
    from lxml import etree

    for event, element in etree.iterwalk(block, events=("start", "end")):
        if isinstance(element.tag, str):
            yield event, element


def _is_picture_with_credit(block: HtmlElement, link: HtmlElement) -> bool:
    """Detect a short block, or row of a table, with a picture other than the badge of a licence."""
    row = block.getparent() if block.tag == "td" else None
    block = row if row is not None else block
    pictures = [
        image
        for image in block.iter("img")
        if not _BUTTON.search(f"{image.get('src') or ''} {image.get('alt') or ''}")
        and link not in image.iterancestors()
    ]
    return bool(pictures) and len("".join(block.itertext()).strip()) <= 200


def _reserved(root: HtmlElement) -> str:
    """Return the notice by which a page reserves all rights, outside its parts, or ""."""
    for element in root.iter("p", "div", "footer", "small", "span", "li", "td", "section", "center"):
        own = " ".join("".join((element.text or "", *(child.tail or "" for child in element))).split())
        if len(own) <= LONGEST_NOTICE and (found := _RESERVED.search(own)):
            parents = (element, *element.iterancestors())
            if not any(_is_part(parent) or _is_about_another(parent) for parent in parents):
                return found[0] if not found[0].startswith(("©", "C", "c")) else "derechos reservados"
    return ""


def _json_ld(root: HtmlElement) -> Iterator[tuple[bool, str]]:
    """Yield (True for the page's own, licence) of the things that JSON-LD describes."""
    for script in root.iter("script"):
        text = script.text or ""
        if (script.get("type") or "").lower().strip() == "application/ld+json" and "license" in text:
            try:
                described = json.loads(text)
            except (ValueError, RecursionError):
                continue
            yield from _described(described, 0)


def _described(thing: Any, depth: int) -> Iterator[tuple[bool, str]]:
    if isinstance(thing, list):
        for item in thing:
            yield from _described(item, depth)
    elif isinstance(thing, dict) and depth < 20:
        kinds = thing.get("@type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        is_page = depth == 0 and any(isinstance(kind, str) and _WORKS.search(kind) for kind in kinds)
        value = thing.get("license")
        for stated in value if isinstance(value, list) else [value]:
            if isinstance(stated, dict):
                stated = stated.get("url") or stated.get("@id")
            if isinstance(stated, str) and stated.strip():
                yield is_page, stated.strip()[:500]
        for key, inner in thing.items():
            if key != "license" and isinstance(inner, dict | list):
                yield from _described(
                    inner, depth if key in ("@graph", "mainEntity", "mainEntityOfPage") else depth + 1
                )
