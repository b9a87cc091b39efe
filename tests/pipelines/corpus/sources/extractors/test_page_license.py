"""The licence of a photograph, a comment or another work on a page is not that of the page."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources.extraction import prose

Build = Callable[..., Document]
TEXT = "<p>La laguna se seca en agosto, y los pastores bajan con su ganado hasta las vegas del río.</p>" * 6
CC = "https://creativecommons.org/licenses/by-sa/4.0/"
NC = "https://creativecommons.org/licenses/by-nc/2.0/"


def link(address: str = CC, words: str = "CC BY-SA") -> str:
    return f'<a rel="license" href="{address}">{words}</a>'


def read(document: Build, body: str, head: str = "") -> Document:
    page = f"<html><head>{head}</head><body><article><h1>La laguna</h1>{TEXT}</article>{body}</body></html>"
    found = prose(document("html", page))
    assert isinstance(found, Document), found
    return found


BUTTON = '<img alt="Licencia Creative Commons" src="https://i.creativecommons.org/l/by-sa/4.0/88x31.png">'


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("", f'<link rel="license" href="{CC}">'),
        (f"<footer>{link()}</footer>", ""),
        (f'<header class="site">Publicado con licencia {link()}</header>', ""),
        (f'<p>{link(words=BUTTON)}<br>Esta obra está bajo una {link(words="licencia Creative Commons")}.</p>', ""),
        (f'<div class="widget">{link(words=BUTTON)}</div>', ""),
        (f"<aside>Los textos de este blog se publican con {link()}.</aside>", ""),
        (f"<p>Salvo las fotos, el contenido de este sitio se publica con {link()}.</p>", ""),
        (f"<p>Unless otherwise noted, images and text are under {link()}</p>", ""),
        ("", '<meta name="dcterms.license" content="CC BY-SA 4.0">'),
        ("", f'<script type="application/ld+json">{{"@type": "NewsArticle", "license": "{CC}"}}</script>'),
        ("", f'<script type="application/ld+json">{{"@graph": [{{"@type": "WebPage", "license": {{"@id": "{CC}"}}}}]}}'
             "</script>"),
        (f'<footer>{link()} {link("http://creativecommons.org/licenses/by-sa/4.0/deed.es")}</footer>', ""),
    ],
)  # fmt: skip
def test_a_licence_of_the_page(document: Build, body: str, head: str) -> None:
    found = read(document, body, head)
    assert found.license == "CC-BY-SA-4.0" and "other_licenses" not in found.meta


@pytest.mark.parametrize(
    "body",
    [
        f"<figure><img src='x.jpg'><figcaption>La laguna. {link()}</figcaption></figure>",
        f"<p>Foto: {link()} de Ana</p>",
        f"<p>© Editorial Sol. Imagen de portada: Ana, {link()}.</p>",
        f"<p>Photo by Ana / {link()}</p>",
        f"<p><img src='x.jpg'> Ana Ruiz, {link()}</p>",
        f'<div class="wp-caption">Ana Ruiz, {link()}</div>',
        f'<div class="photo-credit">{link()}</div>',
        f"<aside>Ana Ruiz, {link()}</aside>",
        f"<blockquote>Dice Ana. {link()}</blockquote>",
        f'<div id="comments"><p>Comparto lo mío: {link()}</p></div>',
        f'<div class="gallery"><a href="x">x</a> {link()}</div>',
        f"<ul><li>Uno {link()}</li><li>Dos {link(NC)}</li></ul>",
        f"<div><article>Otra {link()}</article><article>Y otra</article></div>",
        f'<div itemscope itemtype="https://schema.org/ImageObject">{link()}</div>',
        f'<div about="foto.jpg">{link()}</div>',
        f'<script type="application/ld+json">{{"@type": "ImageObject", "license": "{CC}"}}</script>',
        f'<script type="application/ld+json">{{"@type": "Article", "image": {{"license": "{CC}"}}}}</script>',
        f"<p>{link()} fotografía de Ana</p>",
        f"<p>Foto de la laguna: Ana Ruiz. Licencia: {link()}.</p>",
        f"<table><tr><td><img src='x.jpg'></td><td>Ana Ruiz, {link()}</td></tr></table>",
        f"<p>Datos del mapa © Ana, {link()}</p>",
    ],
)
def test_a_licence_of_something_smaller(document: Build, body: str) -> None:
    found = read(document, body)
    assert found.license == "LicenseRef-unknown" and CC in found.meta["other_licenses"]


@pytest.mark.parametrize(
    "notice", ["Todos los derechos reservados", "All rights reserved.", "© 2021 Ana. Todos os direitos reservados"]
)
def test_rights_that_are_reserved_stand_against_a_licence(document: Build, notice: str) -> None:
    found = read(document, f"<footer><p>{notice}</p></footer><p>Este texto se publica con {link()}</p>")
    assert found.license == "CC-BY-SA-4.0 AND LicenseRef-all-rights-reserved" and found.license_evidence == "free_text"
    assert len(found.meta["license_statements"]) == 2
    assert found.edits and found.edits.counts == {"license_disagreement": 1}
    found = read(document, f"<footer><p>{notice}</p></footer><p>Foto: {link()}</p>")
    assert found.license == "LicenseRef-all-rights-reserved" and found.meta["other_licenses"] == [CC]


def test_some_rights_reserved_and_talk_about_rights_reserve_nothing(document: Build) -> None:
    talk = (
        "<p>" + "Hasta entonces decía «todos los derechos reservados» en cada cubierta de la editorial. " * 5 + "</p>"
    )
    found = read(document, f"<footer>© Ana. Algunos derechos reservados. {link()}</footer>{talk}")
    assert found.license == "CC-BY-SA-4.0"


def test_two_licences_of_one_page_both_hold(document: Build) -> None:
    found = read(document, f"<p>El texto de esta página: {link(NC)}</p>", f'<link rel="license" href="{CC}">')
    assert found.license == "CC-BY-SA-4.0 AND CC-BY-NC-2.0" and found.meta["license_statements"] == [CC, NC]
