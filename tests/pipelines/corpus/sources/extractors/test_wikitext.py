"""Wikitext keeps code, titles with a colon, and the words of templates; what it loses in a sentence is counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources.extraction import prose

Build = Callable[..., Document]


@pytest.fixture
def read(document: Build) -> Callable[..., Document]:
    def build(source: str, language: str = "es", **meta: object) -> Document:
        import dataclasses

        found = prose(dataclasses.replace(document("wikitext", source, **meta), language=language))
        assert isinstance(found, Document), found
        return found

    return build


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Llama a <code>iniciar()</code> y a sumar().", "Llama a iniciar() y a sumar()."),
        ("Con <code>m[i[3]]</code>, v[w[1]] y [[1, 2], [3, 4]].", "Con m[i[3]], v[w[1]] y [[1, 2], [3, 4]]."),
        ("El <code>__name__</code> y <code>__LINE__</code>, o __LINE__.", "El __name__ y __LINE__, o __LINE__."),
        ("Así: <nowiki>[[casa]] ''no'' {{x}}</nowiki>.", "Así: [[casa]] ''no'' {{x}}."),
        ("Un objeto {a: {b: 1}} y f( x ).", "Un objeto {a: {b: 1}} y f( x )."),
        ("Use {{código|f()[0]}} y <kbd>Ctrl [[C (letra)|C]]</kbd>.", "Use f()[0] y Ctrl C."),
        ("<code>''x''</code> vacía <code></code>.", "x vacía ."),
        ("Con <code>a = b[[i]]</code> y <code>[[main]]</code>.", "Con a = b[[i]] y main."),
        ("Hola <code>{{ usuario.nombre }}</code>, {{código|x}}.", "Hola {{ usuario.nombre }}, x."),
        ("La matriz <code>{{1, 2}, {3, 4}}</code>.", "La matriz {{1, 2}, {3, 4}}."),
        ("Se ve __NOTOC__ y __SIN_TDC__ nada.", "Se ve y nada."),
        ("Una cara :) y (;) otra.", "Una cara :) y (;) otra."),
    ],
)
def test_code_and_signs_stay(read: Callable[..., Document], source: str, expected: str) -> None:
    assert read(source).text == expected


@pytest.mark.parametrize("tag", ["pre", "syntaxhighlight lang=c", "source lang='c'"])
def test_a_block_of_code_keeps_its_lines(read: Callable[..., Document], tag: str) -> None:
    code = "int m[2][2] = {{1, 2}, {3}};\n  puts(''); // [[x]]\n\nreturn 0;"
    found = read(f"Antes.\n<{tag}>\n{code}\n</{tag.split()[0]}>\nDespués.")
    assert found.text == f"Antes.\n\n{code}\n\nDespués."


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[[NCIS: Los Ángeles]]", "NCIS: Los Ángeles"), ("[[CSI: Nueva York|la serie]]", "la serie"),
        ("[[FIFA: El juego]]", "FIFA: El juego"), ("[[It: Eso]]", "It: Eso"),
        ("[[Ad Astra: Hacia]]", "Ad Astra: Hacia"),
        ("[[no: con blanco]]", "no: con blanco"), ("[[Anexo:Ríos|ríos]]", "ríos"), ("[[Portal:Perú]]", "Portal:Perú"),
        ("[[:Categoría:Ríos|la categoría]]", "la categoría"), ("[[:fr:Rivière|rivière]]", "rivière"),
        ("[[wikt:casa|casa]]", "casa"), ("[[#Historia|abajo]]", "abajo"), ("[[#Historia]]", "Historia"),
        ("[[fr:Rivière]]", ""), ("[[zh-yue:河]]", ""), ("[[Archivo:x.jpg|thumb|Una [[casa]]]]", ""),
        ("[[Fichier:x.jpg]]", ""), ("[[Datei:x.jpg]]", ""), ("[[Ficheiro:x.jpg]]", ""), ("[[Image:x.jpg|a]]", ""),
        ("[[Categoría:Ríos]]", ""), ("[[Catégorie:X]]", ""), ("[[Kategorie:X]]", ""), ("[[category:X|*]]", ""),
    ],
)  # fmt: skip
def test_links_give_their_words(read: Callable[..., Document], link: str, expected: str) -> None:
    assert read(f"Antes {link} fin.").text == " ".join(f"Antes {expected} fin.".split())


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{lang|de|Zeitung}}", "Zeitung"), ("{{lang-it|Giornale}}", "Giornale"),
        ("{{nihongo|Judo|柔道|jūdō}}", "Judo"),
        ("{{circa|1742}}", "c. 1742"), ("{{circa}} 1742", "c. 1742"),
        ("{{gaps|10|000}}", "10000"), ("{{10^|4}}", "10⁴"), ("{{sic}}", "[sic]"),
        ("{{start date|1987|4|21}}", "21 de abril de 1987"), ("{{nts|7300}}", "7300"),
        ("{{Fecha de nacimiento|21|4|1987}}", "21 de abril de 1987"), ("{{fecha|1987}}", "1987"),
        ("{{formatnum:31415}}", "31415"), ("{{convert|8|km|mi|0}}", "8 km"), ("{{convert|8|to|9|km}}", "8 to 9 km"),
        ("{{nowrap|''Vía'' láctea}}", "Vía láctea"), ("{{small|menudo}}", "menudo"), ("{{sub|2}}", "₂"),
        ("{{abbr|ONU|Organización}}", "ONU"), ("{{unidad|9|km/h}}", "9 km/h"),
        ("{{unidad|75|m|2}}", "75 m²"), ("{{unidad|9,8|m||s|-2}}", "9,8 m·s⁻²"), ("{{unidad|8}}", "8"),
        ("{{chem|NH|4|+}}", "NH₄⁺"), ("{{chem|PO|4|3-}}", "PO₄³⁻"), ("{{mvar|k}}", "k"), ("7{{x10|5}}", "7×10⁵"),
        ("{{quote|text=Ven ya|author=Ana}}", "Ven ya"),
        ("{{val|3.2|e=5|u=m}}", "3.2×10⁵ m"),
        ("{{frac|1|2}}", "1/2"), ("{{chem|H|2|O}}", "H₂O"), ("{{ndash}}", "–"), ("2{{sup|10}}", "2¹⁰"),
        ("10<sup>9</sup>", "10⁹"), ("{{ill|Ana Ruiz|en}}", "Ana Ruiz"), ("{{Plantilla:small|a}}", "a"),
        ("{{PAGENAME}}", "El título"),
        ("{{uc:{{PAGENAME}}}}", "EL TÍTULO"), ("{{lc:{{small|Sur}}}}", "sur"),
        ("{{cita requerida|mejor época}}", "mejor época"), ("{{moneda|75|PEN}}", "75 PEN"),
        ("{{lang|es|{{small|dentro}}}}", "dentro"), ("{{color|red|rojo}}", "rojo"),
        ("{{siglo|XV||s}}", "siglo XV"), ("{{as of|2011|lc=y}}", "as of 2011"), ("{{euro|20}}", "€20"),
    ],
)  # fmt: skip
def test_templates_give_their_words(read: Callable[..., Document], template: str, expected: str) -> None:
    found = read(f"En la {template} de hoy.", title="El título")
    assert found.text == f"En la {expected} de hoy." and not found.edits


def test_dates_are_written_in_the_language_of_the_wiki(read: Callable[..., Document]) -> None:
    for language, expected in (("en", "5 October 1821"), ("pt", "5 de outubro de 1821"), ("de", "5. Oktober 1821")):
        assert read("El {{birth date|1821|10|5}} nació.", language).text == f"El {expected} nació."


def test_a_template_that_nobody_knows_is_counted_where_it_leaves_a_gap(read: Callable[..., Document]) -> None:
    found = read(
        "{{Ficha de río\n| nombre = {{xyz|1}}\n}}\n{{arriba}}\n"
        "'''El río''' mide {{largo|9}}, y nace ({{lugar}}) en {{ó|1}}.\n"
        "* {{otra}}\nCon cita.{{cita requerida}}{{sfn|Ruiz|1990}} Y {{IPA|x}}, fin.<ref>{{cita libro|a}}</ref>"
    )
    assert found.text == "El río mide, y nace en.\n\nCon cita. Y, fin."
    assert found.edits and found.edits.counts == {"dropped_template": 4}
    assert found.edits.changes[0].before == "El río mide {{largo|9}}"


def test_a_function_of_what_nobody_knows_is_counted(read: Callable[..., Document]) -> None:
    found = read("Viven {{formatnum:{{censo|x}}}} personas{{cita requerida|3 de mayo de 2011}} allí.")
    assert found.text == "Viven personas allí." and found.edits and found.edits.counts == {"dropped_template": 1}


def test_formulas_are_counted(read: Callable[..., Document]) -> None:
    found = read("Vale <math>x^2</math> y <chem>H2O</chem> siempre.")
    assert found.text == "Vale y siempre." and found.edits and found.edits.counts == {"dropped_formula": 2}
