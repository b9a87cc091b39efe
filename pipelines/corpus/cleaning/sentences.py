"""Sentence boundaries, accurate enough to judge or to change sentences one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(r"\n+|[.!?…]+[\"'»”’)\]]*(?=\s+[¿¡\"'«“‘(\[—–-]*[A-ZÁÉÍÓÚÜÑ0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-ZÁÉÍÓÚÑ]|Sra?|Sre?s|Sras|Srta|Dra?|Dres|Dras|D|Dña|Da|Prof|Profa|Lic|Ing|Abg|Arq|Gral|Cnel|Cap|Mons|Fr|"
    r"Exc?mo|Exc?ma|Ilmo|Ilma|Vd|Vds|Ud|Uds|art|arts|núm|inc|lit|pág|págs|vol|cap|ed|etc|cf|vs|Mr|Mrs|Ms|Mx|St|Jr|"
    r"Gen|Col|Lt|Sgt|Rev|Hon|Pres|Gov|Sen|Rep|No|Nos|Fig|Eq|Inc|Ltd|Co|Corp|e\.g|i\.e|p|pp))\.$"
)


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each sentence, without the blanks around it. A line end always ends one."""
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        if match.group()[0] == "." and _ABBREVIATION.search(text, max(start, end - 12), end):
            continue
        yield from _trimmed(text, start, end)
        start = end
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if stripped := piece.strip():
        start += len(piece) - len(piece.lstrip())
        yield start, start + len(stripped)
