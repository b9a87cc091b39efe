"""A dump as Wikipedia writes it, made small."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.sources import read_source, signature
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.recipe import Wikipedia

ARTICLE = """{{Ficha de persona|nombre=Ana {{!}} x}}
[[Rikcha:Foto.jpg|thumb|Una [[foto]]]]
'''Ana''' (''Lima'', {{fecha|1|2|1900}}; {{IPA|x}}) fue una [[Poeta|poetisa]] [[Perú|peruana]].<ref>{{cita|x}}</ref>
Midió {{unidad|5|km}}&nbsp;y <!-- no --> vivió en el {{siglo|XIX||s}}.

== Vida ==
* Nació en [[Lima]], según [http://x.test el censo].
{| class="wikitable"
! a !! b
|-
| 1 || {{x}}
|}
=== Vacía ===
<gallery>
Archivo:x.jpg
</gallery>
== Referencias ==
{{listaref}}
* uno
== Obra ==
Escribió <math>x^2</math> versos. __NOTOC__
[[Categoría:Poetas]] [[en:Ana]]
"""
PROSE = (
    "Ana (Lima, 1 de febrero de 1900) fue una poetisa peruana.\n\nMidió 5 km y vivió en el siglo XIX.\n\nVida\n\n"
    "Nació en Lima, según el censo.\n\nObra\n\nEscribió versos."
)


def page(number: int, title: str, text: str, inside: str = "", namespace: int = 0) -> str:
    return (
        f"<page><title>{escape(title)}</title><ns>{namespace}</ns><id>{number}</id>{inside}<revision><id>9{number}</id>"
        "<timestamp>2024-01-01T00:00:00Z</timestamp><contributor><id>5</id></contributor><model>wikitext</model>"
        f'<text xml:space="preserve">{escape(text)}</text></revision></page>\n'
    )


DUMP = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="qu"><siteinfo>'
    "<base>https://qu.wikipedia.org/wiki/Qallariy_p%27anqa</base><namespaces>"
    '<namespace key="6">Rikcha</namespace></namespaces></siteinfo>\n'
    + page(1, "Ana & Ñusta", ARTICLE)
    + page(2, "Anita", "#REDIRECT [[Ana]]", '<redirect title="Ana" />')
    + page(3, "Rimanakuy:Ana", "charla", namespace=1)
    + page(4, "Ana (sut'ichana)", "'''Ana''' puede ser:\n* una\n{{desambiguación}}")
    + page(5, "Lima", "'''Lima''' es una ciudad.")
    + "</mediawiki>"
)


def read(path: Path) -> tuple[list[Document], list[Quarantined]]:
    documents, quarantined = [], []
    for item in read_source(Wikipedia(kind="wikipedia", language="qu", dump=str(path))):
        found = prose(item) if isinstance(item, Document) else item
        if isinstance(found, Quarantined):
            quarantined.append(found)
        elif found:
            documents.append(found)
    return documents, quarantined


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".bz2", bz2.compress), (".gz", gzip.compress)])
def test_articles_of_a_dump(tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"quwiki.xml{suffix}"
    path.write_bytes(pack(DUMP.encode()))
    (ana, lima), quarantined = read(path)
    assert ana.text == PROSE and lima.text == "Lima es una ciudad." and quarantined == []
    assert (ana.id, ana.license, ana.language) == ("1", "CC-BY-SA-4.0", "qu")
    meta: dict[str, Any] = ana.meta
    assert meta["url"] == "https://qu.wikipedia.org/wiki/Ana_%26_%C3%91usta" and meta["title"] == "Ana & Ñusta"
    assert meta["date"].startswith("2024") and "namespaces" not in meta and "wikimedia" in meta["terms"]


def test_a_dump_that_is_cut_off_gives_what_stands_before(tmp_path: Path) -> None:
    (tmp_path / "x.xml.bz2").write_bytes(bz2.compress(DUMP[:-200].encode()))
    (ana,), (damage,) = read(tmp_path / "x.xml.bz2")
    assert ana.id == "1" and damage.place == "x.xml.bz2, after page 4 (Ana (sut'ichana))"


def test_what_is_no_dump_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing at"):
        read(tmp_path / "absent.xml")
    (tmp_path / "x.xml").write_text("<feed><page/></feed>")
    with pytest.raises(UserError, match="no articles in"):
        read(tmp_path / "x.xml")


def test_its_signature_follows_the_dump(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    source = Wikipedia(kind="wikipedia", language="qu", dump=str(path))
    before = signature([source])
    path.write_text(DUMP)
    assert signature([source]) != before
