"""Lines that do not belong to the text: page numbers, headers and footers, navigation, notices; and split words.

Lines added by a layout or a site are removed: recognized by their form (`Página 3 de 20`), by their recurrence at the
distance of a page, or by their occurrence in very many documents, which needs a first pass (`LineCounter`). Copyright
lines stay: they are evidence of the licence.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.corpus.cleaning.unicode import clean
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.sources import read_source
from desdecero.pipelines.corpus.sources.extraction import prose

LONGEST = 200
"""Characters. A longer line is a paragraph, not a header."""
SHORTEST_REPEATED = 20
"""Characters. Shorter lines recur in good text: `—¿Por qué?`, `CONSIDERANDO:`, `Parameters`."""
PAGE = (700, 8000)
"""Characters between two headers: from a page in large print to a folio. A refrain recurs sooner, the words that open a
chapter later."""
MIN_PAGES = 3
"""A header or a number on fewer pages is treated as text."""

REGULAR = 0.6
"""Share of the distances between a header and the next that are like their median (by a factor of 1.5). It spares
repetitions in laws, which are irregular: of 1,501 laws, it removes 0.3% of the text instead of 1.3%."""
SHORTEST_ECHO = 40
"""Characters. People do write shorter lines twice in a row."""

_PAGE_NUMBER = re.compile(
    r"(?:[-–—_|*# ]*)(?:p[áaàg]{1,3}(?:ina)?|p[àá]g(?:ina)?|páxina|folio|page|pg|p)\b\.?\s*(?:n[.º°o]{0,2}\s*)?\d{1,4}"
    r"(?:\s*(?:de|of|/|-|do|da)\s*\d{1,4})?\W*|\d{1,4}\s*(?:de|of|/)\s*\d{1,4}\s+p[áàa]g(?:ina)?s?\W*",
    re.IGNORECASE,
)
_BARE_NUMBER = re.compile(r"[-–—|*_ ]*(\d{1,4})[-–—|*_ ]*")
_COOKIES = re.compile(
    r"\b(?:acept|utiliz|usa(?:mos)?\b|consent|navegando|accept|uses?\b|using|utilitz|empreg|use[ms]\b|galletes)",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s*[|»›·•>/]\s+|\s{3,}|\t")
_MENU = re.compile(
    "inicio|portada|home|contacto|contáctenos|contacta|contact(?: us)?|aviso legal|mapa del sitio|mapa web|sitemap|"
    "política de (?:privacidad|cookies)|privacy(?: policy)?|cookies|quiénes somos|acerca de|about(?: us)?|entrar|"
    "acceder|iniciar sesión|registrarse|regístrate|log ?in|sign (?:in|up)|register|ayuda|help|faq|suscríbete|"
    "suscribirse|subscribe|buscar|search|noticias|news|blog|menú|menu|siguiente|anterior|next|previous|"
    "inici|contacte|avís legal|qui som|inicia la sessió|cerca|início|contato|aviso de privacidade|sobre nós|"
    "pesquisar|quen somos|términos y condiciones|condiciones de uso|terms(?: of use)?|rss",
    re.IGNORECASE,
)
_BUTTONS = re.compile(
    r"(?:compartir(?: en)?|compartilhar(?: no)?|comparteix(?: a)?|share(?: on| this)?|síguenos en|follow us on)"
    r"(?:\W*(?:facebook|twitter|x|whatsapp|telegram|linkedin|pinterest|instagram|e-?mail|correo))*\W*|"
    r"(?:leer|ver|saber|read|ler|llegir|see|show) (?:más|more|mais|més|máis)\W*|"
    r"imprimir(?: esta página)?|print this page|volver (?:arriba|al inicio)|back to top|tornar a dalt|"
    r"saltar al contenido|ir al contenido(?: principal)?|skip to (?:main )?content|"
    r"enviar por (?:correo|e-?mail)|descargar pdf|download pdf|haz(?: clic|click) aquí|click here",
    re.IGNORECASE,
)
_BROKEN = re.compile(r"(?<![\w-])([^\W\d_]{2,})[-¬‐\u00ad]\n[ \t]*([^\W\d_]+)(?![\w-])[ \t]?([,.;:!?)»”]*)[ ]?")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ITEM = re.compile(r"\W*(?:\w{1,3}[).]|\(|[-•*] )")
"""The start of an item of a list or of a note, both of which laws repeat."""
_DIGITS = re.compile(r"\d+")
_SENTENCE_END = tuple('.!?…:;»”")')


LINE_COUNTS = "lines.npz"
"""The file of a first pass, among those of the trained filters."""


class CleanLines:
    """The step. Removals are counted as `page_number`, `boilerplate`, `repeated_line`, `frequent_line` and
    `joined_word`.

    counts: path at which a first pass saved its `LineCounter`; needed only for `across_documents`.
    """

    name = "lines"

    def __init__(self, section: recipes.Lines, counts: Path | None = None):
        self.section = section
        self.counter: LineCounter | None = None
        if section.across_documents:
            if counts is None:
                raise ValueError("lines.across_documents needs the counts of a first pass")
            self.counter = LineCounter.load(counts)
            self.floor = max(MIN_DOCUMENTS, section.across_documents * self.counter.documents)

    def __call__(self, draft: Draft) -> None:
        """Remove the lines and rejoin the words."""
        text = draft.text
        lines = text.split("\n")
        gone: dict[int, str] = {}
        if self.section.boilerplate:
            gone |= dict(_boilerplate(lines)) | dict(_page_series(lines))
        if self.section.repeated:
            gone |= dict(_running_heads(lines)) | dict(_echoes(lines))
        if self.counter:
            count = self.counter.count
            gone |= {i: "frequent_line" for i, line in enumerate(lines) if count(line) >= self.floor}
        for i, kind in sorted(gone.items()):
            draft.edits[kind] += 1
            draft.show(kind, lines[i], "")
        if gone:
            text = "\n".join(_closed_up(lines, gone))
        if self.section.join_hyphens:
            text = self._joined(draft, text)
        draft.text = text

    def _joined(self, draft: Draft, text: str) -> str:
        """Rejoin words split at line ends; the rest of the line stays below."""
        if not _BROKEN.search(text):
            return text
        known = Counter(word.lower() for word in _WORD.findall(_BROKEN.sub(" ", text)))

        def join(match: re.Match[str]) -> str:
            first, second, signs = match.groups()
            whole, hyphenated = (first + second).lower(), f"{first}-{second}".lower()
            if second[0].isupper() and not first.isupper():
                return match[0]
            if known[hyphenated] > known[whole]:
                return match[0]
            # A dash that closes direct speech (`-dijo el cura-⏎y se fue`), or a verse cut short (`boquirru-⏎que`).
            if not known[whole] and known[second.lower()]:
                return match[0]
            draft.edits["joined_word"] += 1
            draft.show("joined_word", match[0], first + second)
            return f"{first}{second}{signs}\n"

        return _BROKEN.sub(join, text)


def _boilerplate(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    for i, raw in enumerate(lines):
        if len(raw) > 2 * LONGEST or not raw:
            continue
        line = raw.strip()
        if len(line) <= 30 and _PAGE_NUMBER.fullmatch(line):
            yield i, "page_number"
        elif (
            ("cookie" in line.lower() and _COOKIES.search(line))
            or (len(line) <= 60 and _BUTTONS.fullmatch(line))
            or (len(line) <= LONGEST and _is_menu(line))
        ):
            yield i, "boilerplate"


def _is_menu(line: str) -> bool:
    """Recognize `Inicio | Noticias | Contacto`: three short items or more, two of them typical of menus."""
    if line.startswith("|") or line.endswith((".", ";", ",")):
        return False
    items = _SEPARATOR.split(line)
    return len(items) >= 3 and sum(_MENU.fullmatch(item.strip()) is not None for item in items) >= 2


def _page_series(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield lines with only a number, each greater by one than the one before, at the distance of pages."""
    run: list[tuple[int, int, int]] = []
    for here in _bare_numbers(lines):
        if run and here[2] == run[-1][2] + 1 and PAGE[0] <= here[1] - run[-1][1] <= PAGE[1]:
            run.append(here)
        elif not (run and here[1] - run[-1][1] < PAGE[0]):  # a number inside the page: an item of a list, a cell
            yield from _long_run(run)
            run = [here]
    yield from _long_run(run)


def _bare_numbers(lines: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Yield (line, position in the text, number)."""
    position = 0
    for i, line in enumerate(lines):
        if 0 < len(line) <= 12 and (match := _BARE_NUMBER.fullmatch(line)):
            yield i, position, int(match[1])
        position += len(line) + 1


def _long_run(run: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, str]]:
    if len(run) >= MIN_PAGES:
        for i, _, _ in run:
            yield i, "page_number"


def _running_heads(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield headers and footers, except the first: the same line once on each of several equally long pages."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    position = 0
    for i, line in enumerate(lines):
        if SHORTEST_REPEATED <= len(line) <= LONGEST and not line.endswith((".", ";")) and not _ITEM.match(line):
            places[line].append((i, position))
        position += len(line) + 1
    for found in places.values():
        if len(found) < MIN_PAGES:
            continue
        gaps = [after - before for (_, before), (_, after) in pairwise(found)]
        page = median(gaps)
        alike = sum(page / 1.5 <= gap <= page * 1.5 for gap in gaps)
        if PAGE[0] <= page <= PAGE[1] and alike >= REGULAR * len(gaps):
            yield from ((i, "repeated_line") for i, _ in found[1:])


def _echoes(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield lines that repeat the one before, blank lines apart."""
    before = ""
    for i, line in enumerate(lines):
        if not line:
            continue
        if line == before and len(line) >= SHORTEST_ECHO:
            yield i, "repeated_line"
        before = line


def _folded(line: str) -> str:
    return _DIGITS.sub("0", " ".join(line.lower().split()))


def _closed_up(lines: Sequence[str], gone: dict[int, str]) -> list[str]:
    """Return the lines that stay. If a page break splits a sentence, the blank lines around its foot are removed
    too."""
    kept: list[str] = []
    cut = False
    for i, line in enumerate(lines):
        if i in gone:
            cut = True
            continue
        if cut and line:
            blanks = 0
            while blanks < len(kept) and not kept[-1 - blanks]:
                blanks += 1
            before = kept[-1 - blanks] if blanks < len(kept) else ""
            if blanks and before and line[:1].islower() and not before.endswith(_SENTENCE_END):
                del kept[-blanks:]
            elif blanks > 1:
                del kept[-blanks + 1 :]
            cut = False
        kept.append(line)
    return kept


MIN_DOCUMENTS = 10
"""Documents in which a line must occur to count as frequent, however small the corpus."""
_ROWS, _COLUMNS = 4, 1 << 20


class LineCounter:
    """The number of documents with each line, in 16 MB whatever the corpus: a count-min sketch (Cormode & Muthukrishnan
    2005), here of 4 rows of 2²⁰ counters. It never counts too few; after N lines, it counts more than N/380,000 too
    many in one case of 55 (e/columns and e⁻ʳᵒʷˢ of their theorem 1).

    A first pass adds every document, or an even sample; processes may each fill one, and merge them.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.cells: NDArray[np.uint32] = np.zeros((_ROWS, _COLUMNS), dtype=np.uint32)

    def add(self, text: str) -> None:
        """Count a document's lines, each once, figures ignored."""
        self.documents += 1
        lines = {_folded(line) for line in set(text.split("\n")) if SHORTEST_REPEATED <= len(line) <= LONGEST}
        if lines:
            np.add.at(self.cells, (np.arange(_ROWS), np.array([_columns(line) for line in sorted(lines)])), 1)

    def count(self, line: str) -> int:
        """Return the number of documents with the line: never too low. 0 for lines too short or too long to count."""
        if not SHORTEST_REPEATED <= len(line) <= LONGEST:
            return 0
        return int(self.cells[np.arange(_ROWS), _columns(_folded(line))].min())

    def merge(self, other: LineCounter) -> None:
        """Add the counts of another process."""
        self.documents += other.documents
        self.cells += other.cells

    def save(self, path: Path) -> None:
        """Write the counters."""
        with path.open("wb") as file:
            np.savez(file, documents=self.documents, cells=self.cells)

    @classmethod
    def load(cls, path: Path) -> LineCounter:
        """Read what `save` wrote."""
        counter = cls()
        with np.load(path) as saved:
            counter.documents, counter.cells = int(saved["documents"]), saved["cells"]
        return counter


def count_lines(corpus: recipes.Corpus, path: Path) -> LineCounter:
    """Run the first pass: count the lines of every document of the corpus, as the step will see them, and save them.

    It reads the sources a second time, in this process.
    """
    counter = LineCounter()
    for source in corpus.sources:
        for item in read_source(source):
            document = prose(item) if isinstance(item, Document) else None
            if isinstance(document, Document):
                counter.add(clean(document.text)[0])
    counter.save(path)
    return counter


def _columns(folded: str) -> NDArray[np.uint32]:
    """Return a column for each row, by a hash that is the same in every process."""
    return np.frombuffer(blake2b(folded.encode(), digest_size=4 * _ROWS).digest(), dtype=np.uint32) % _COLUMNS
