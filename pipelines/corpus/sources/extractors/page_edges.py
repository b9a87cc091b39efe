"""Running heads, running feet and page numbers: lines at the edges of pages that do not belong to the text.

A line is removed if it is the same on at least three pages, or the same except for one number that increases with the
pages (`Manual de uso 12`, `xiv`, `Página 3 de 20`). `Artículo 3`, `Pregunta 3` and `Capítulo IV` increase too where one
begins on every page: such a line is removed only if a sentence continues across it. Of numbers on lines of their own,
one is removed at the edge of a page, so that the last rows of a table stay; years stay. Removed lines are counted, and
in doubt a line stays.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from desdecero.pipelines.corpus.document import Edits
from desdecero.pipelines.corpus.letters import LETTERS

TOP, BOTTOM = 0, -1
MIN_PAGES = 3
"""A line on fewer pages is treated as text. (Of two pages, numbers are removed if they are 1 and 2.)"""
MIN_DENSITY = 1 / 3
"""Least share of the pages between its first and its last that have the line: left and right heads alternate."""
LONGEST = 100
"""Characters of a running line."""
ROUNDS = 5
"""Lines of a head or a foot: after each round, the next line is at the edge."""

_NUMBER = re.compile(r"(?<![\w.,/-])(?:\d{1,4}|[ivxlcdm]{1,8}|[IVXLCDM]{1,8})(?![\w,]|[./]\d)")
_ROMAN = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_ALONE = re.compile(r"[-–—―_|·•*~<>\[({\s]*#[-–—―_|·•*~<>\])}\s]*")
_PAGE = re.compile(
    r"(?:^|.*[^\w])(?:p[áa]g(?:ina|s)?|p[àa]gina|page|seite|hoja|folio|fol|pg|pp?|s|f)\b\W{0,3}(?:n\W{0,2}[.º°o]\W{0,2})?#.*"
    r"|\W*#\s*(?:de|of|do|von|sur|di|/)\s*\d{1,4}\W*",
    re.IGNORECASE,
)
_REST_OF_DATE = re.compile(r"\s+de\s+[^\W\d_]{4,10}\b")
_HAS_NUMBER = re.compile(r"\W*\w+\W+(?:\d+|[IVXLCDM]+|[A-Z])\b")
_COUNTED_WORDS = """
acta actividad acto advertencia alumna alumno anejo anexo anexos apartado apéndice art article articles artigo
artículo auto ayuda barrio caja canción candidato canto capitol capitulo capítol capítulo carta casa caso categoría
chapitre chapter clase cláusula columna comentario considerando consulta corolario cuadro cuento cuestionario cuestión
decreto definición dibujo disposición documento día ejemplo ejercicio elegía entrada entrevista epígrafe escena
esquema estación estampa estancia estrofa estudio etapa exercise expediente fase ficha figura figure folleto foto
fragmento fundamento fábula fórmula grupo gráfico hecho himno ilustración imagen informe item jornada juego kapitel
lección lema lesson letra ley libro lista lote lámina mapa mes mesa misterio momento motivo movimiento módulo nivel
nota noticia número objetivo obra oda oficio opción orden ordenanza paciente part parte partida parágrafo paso pieza
plan poema pregunta principio prioridad problema producto programa proposición proyecto prueba práctica psalm punto
quest question quinta receta recuadro regla relato reporte resolución respuesta reto romance ronda sala salida salmo
scene secció sección section semana sentencia serie sermón sesión session seção situación solución soneto step
subsección subtotal suma tabla table taller tarea tema teorema test testigo texto tiempo titulo tomo total trabajo
tratado turno título tópico unidad unidade unit verso versículo visita vista volumen week ítem
"""
_COUNTED = frozenset(_COUNTED_WORDS.split())
"""Words whose number counts pieces of a text, not pages, mostly in Spanish and English."""
_ENDS = tuple('.:;!?…»”")]')


def remove_running_lines(pages: Sequence[list[str]], edits: Edits) -> None:
    """Remove running lines from the edges of `pages`, lists of lines, in place, and count them."""
    everywhere = Counter(line for page in pages for line in page)
    numbered: set[int] = set()  # pages that lost a number on a line of its own
    for _ in range(ROUNDS):
        found = [*_repeated(pages, everywhere), *_counting(pages)]
        gone: dict[tuple[int, int], str] = {}
        for line in sorted(found, key=lambda line: -len(line.pages)):
            for page in line.pages:
                if line.alone and page in numbered:
                    continue
                gone.setdefault((page, line.edge), line.kind)
                if line.alone:
                    numbered.add(page)
        if not gone:
            return
        for (page, edge), kind in sorted(gone.items()):
            if pages[page]:
                edits.add(kind, pages[page].pop(edge))


@dataclass(frozen=True, slots=True)
class _Line:
    """One running line, on all of its pages."""

    kind: str
    edge: int
    pages: Sequence[int]
    alone: bool = False
    """True for a line of only a number: one is removed on each page."""


def _repeated(pages: Sequence[list[str]], everywhere: Counter[str]) -> Iterator[_Line]:
    """Yield lines that are the same, and seldom occur inside pages too."""
    for edge in (BOTTOM, TOP):
        same: dict[str, list[int]] = defaultdict(list)
        for index, page in enumerate(pages):
            if page and len(page[edge]) <= LONGEST and not page[edge].endswith("-"):
                same[page[edge]].append(index)
        for line, found in same.items():
            inside = everywhere[line] - len(found)
            if _recurs(found, len(pages)) and LETTERS.search(line) and inside * 3 < len(found):
                yield _Line("repeated_line", edge, found)


def _counting(pages: Sequence[list[str]]) -> Iterator[_Line]:
    """Yield lines that are the same except for a number at a constant distance from the page's number."""
    groups: dict[tuple[int, str, int], dict[int, str]] = defaultdict(dict)
    for edge in (BOTTOM, TOP):
        for index, page in enumerate(pages):
            if not page or len(line := page[edge]) > LONGEST:
                continue
            for number in _NUMBER.finditer(line):
                if value := _value(number[0]):
                    template = f"{line[: number.start()]}#{line[number.end() :]}"
                    groups[edge, template, value - index][index] = number[0]
    kinds = {group: _kind(group[1], group[0]) for group in groups}
    counted: dict[int, set[int]] = defaultdict(set)  # pages that bear a number, by its distance from theirs
    for group, numbers in groups.items():
        if kinds[group]:
            counted[group[2]].update(numbers)
    for (edge, template, offset), numbers in groups.items():
        kind, found = kinds[edge, template, offset], list(numbers)
        both = len(pages) == 2 and len(found) == 2 and offset == 1
        if kind == "head" or not kind:
            known = len(found) > 1 and _recurs(sorted(counted[offset]), len(pages))
            if (kind and known) or (_recurs(found, len(pages)) and (kind or _sentence_runs_on(pages, edge, found))):
                yield _Line("repeated_line", edge, found)
        elif (both or _recurs(sorted(counted[offset]), len(pages))) and (
            kind == "page" or not _are_headings(list(numbers.values()), edge, offset, len(pages))
        ):
            yield _Line("page_number", edge, found, alone=kind == "alone")


def _kind(template: str, edge: int) -> str:
    """Classify a line whose number is `#`: `page` (`Página #`), `alone` (`– # –`), `head` (words and `#`), or ""."""
    if _PAGE.fullmatch(template):
        return "page"
    if _ALONE.fullmatch(template) or (edge == BOTTOM and template == "#."):
        return "alone"
    return "head" if _is_head(template) else ""


def _recurs(found: Sequence[int], pages: int) -> bool:
    if len(found) < MIN_PAGES:
        return False
    span = found[-1] - found[0] + 1
    return len(found) >= MIN_DENSITY * pages or (len(found) > MIN_PAGES and len(found) >= 0.45 * span)


def _value(number: str) -> int:
    """Return the value of an Arabic or a Roman number; 0 for letters that are not a number."""
    if number.isdecimal():
        return int(number)
    lower = number.lower()
    if not _ROMAN.fullmatch(lower):
        return 0
    values = [_VALUES[letter] for letter in lower]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))


def _are_headings(numbers: Sequence[str], edge: int, offset: int, pages: int) -> bool:
    """Detect years (more than the document has pages), and capital Roman numbers above the text, as in chapters."""
    if numbers[0].isdecimal():
        return all(1500 <= int(number) <= 2100 for number in numbers) and abs(offset) > pages
    return edge == TOP and numbers[0].isupper()


def _is_head(template: str) -> bool:
    """Detect words and a page's number, as in `12 Manual de uso`, `Manual de uso 12`, `Quijote | 12`."""
    before, _, after = template.partition("#")
    words_before, words_after = LETTERS.findall(before.lower()), LETTERS.findall(after.lower())
    if not words_before:
        return bool(words_after) and after[0].isspace() and after.strip()[0].isupper()  # not `12 votos`, not a date
    opens = words_before[0] in _COUNTED and not _HAS_NUMBER.match(before)  # `Capítulo 4: Uso #` counts pages
    if opens or _REST_OF_DATE.match(after) or words_before[-1] in _COUNTED or after[:1] in (".", ")", "º", "ª", ":"):
        return False
    return sum(len(word) > 2 for word in words_before) > 1 or bool(re.search(r"[|–—·•\t]\s*$|\s{2,}$", before))


def _sentence_runs_on(pages: Sequence[list[str]], edge: int, found: Sequence[int]) -> bool:
    """Tell whether a sentence continues from above the line to below it, on a third of its pages."""
    times = 0
    for index in found:
        if edge == TOP:
            above = pages[index - 1][-1:] if index else []
            below = pages[index][1:2]
        else:
            above = pages[index][-2:-1]
            below = pages[index + 1][:1] if index + 1 < len(pages) else []
        times += bool(above and below and not above[0].endswith(_ENDS) and below[0][0].islower())
    return times >= 2 and times * 3 >= len(found)
