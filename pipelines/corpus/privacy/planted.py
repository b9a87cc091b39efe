"""Recall of the detector on this corpus, measured with personal data planted into its own text.

A team's text is not labelled, so its own personal data cannot be counted. Instead: synthetic items of every kind, with
points, spaces or nothing in them, after a word that names them or after none, in the middle of a sentence, in brackets,
in a list. The share of them that the same detector removes is a measured recall, on planted data; it does not measure
false alarms, for which a labelled set is needed (`tests/benchmarks/bench_personal_data.py`), nor kinds of personal data
that are not in the list.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from desdecero.eval_suites.statistics import wilson
from desdecero.pipelines.corpus.privacy.detection import Detector
from desdecero.pipelines.corpus.privacy.redaction import redacted_kinds
from desdecero.pipelines.corpus.privacy.synthetic import GENERATORS, Generator
from desdecero.pipelines.recipe import PersonalData

CONFIDENCE = 0.95
SAMPLE_DOCUMENTS = 200
SAMPLE_CHARACTERS = 20_000
"""Characters of a document, from its beginning: the sample takes at most 4 MB of memory."""
_OF_A_FORM = 30
"""Items of each format after its name, and as many after none: if all are found, Wilson's lower bound is 89%."""
_DISTANCE = 300
"""Characters between two items planted in one text: no detector looks as far."""

_NAMED = (" {word}: {item} ", " {word} {item}, ", " ({word} {item}) ", " con {word} n.º {item}. ", "\n{word}: {item}\n",
          " {word} número {item} ")  # fmt: skip
_NAMED_BEHIND = (" {item} ({word}) ", " {item} {word}, ", "\n{item} – {word}\n")
"""Further ways of naming telephones."""
_ALONE = (" {item} ", " ({item}) ", "\n- {item}\n", " «{item}», ", " {item}, ", " {item}. ")
"""Contexts of an item. The same for all kinds: some suit some kinds less, as in real text."""


@dataclass
class TextSample:
    """A bounded sample of documents: those with the smallest digests of seed and id, whatever their order."""

    seed: int
    size: int = SAMPLE_DOCUMENTS
    _heap: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, identity: str, text: str) -> None:
        """Offer a document to the sample."""
        digest = int.from_bytes(hashlib.sha256(f"{self.seed}\0{identity}".encode()).digest()[:8])
        item = (-digest, identity, text[:SAMPLE_CHARACTERS])
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, item)
        elif item > self._heap[0]:
            heapq.heapreplace(self._heap, item)

    def texts(self) -> list[str]:
        """Return the texts in the order of their digests."""
        return [text for _, _, text in sorted(self._heap, reverse=True)]


@dataclass(frozen=True, slots=True)
class Planted:
    """An item in a text."""

    kind: str
    form: str
    named: bool
    start: int
    end: int


@dataclass
class RecallCount:
    """Items planted and found."""

    planted: int = 0
    found: int = 0

    def add(self, found: bool) -> None:
        """Count an item."""
        self.planted += 1
        self.found += found

    def as_dict(self) -> dict[str, float]:
        """Return the counts with the recall and its interval, for the report."""
        interval = wilson(self.found, self.planted, CONFIDENCE)
        return {
            "planted": self.planted, "found": self.found,
            "recall": interval.value, "low": interval.low, "high": interval.high,
        }  # fmt: skip


def measure_recall(texts: Sequence[str], section: PersonalData, seed: int) -> dict[str, Any]:
    """Plant items of all kinds that the section names, search for them, and count.

    Returns kind → planted, found, recall, low, high (Wilson's 95% interval), and the same for items next to a word that
    names them (`named`), for others (`alone`), and for each format with its two parts (`forms`: `es_dni`, `pe_phone`,
    …): all items of a kind together would hide a format that is found only after its name. An item is found if each of
    its letters and digits lies in a match, of whatever kind. Empty if there is no text.
    """
    detector = Detector(section)
    counts: dict[tuple[str, ...], RecallCount] = defaultdict(RecallCount)
    for text, items in _plant(texts, section, seed):
        covered = bytearray(len(text))
        for match in detector.find(text):
            covered[match.start : match.end] = b"\1" * (match.end - match.start)
        for item in items:
            found = all(covered[place] for place in range(item.start, item.end) if text[place].isalnum())
            part = "named" if item.named else "alone"
            for key in ((item.kind,), (item.kind, part), (item.kind, item.form), (item.kind, item.form, part)):
                counts[key].add(found)
    return {
        kind: {
            **_with_parts(counts, kind),
            "forms": {form: _with_parts(counts, kind, form) for form in GENERATORS if (kind, form) in counts},
        }
        for kind in sorted({key[0] for key in counts})
    }


def _with_parts(counts: Mapping[tuple[str, ...], RecallCount], *key: str) -> dict[str, Any]:
    """Return the count of a kind or a format, and those of its two parts."""
    parts = {part: counts[*key, part].as_dict() for part in ("named", "alone") if (*key, part) in counts}
    return {**counts[key].as_dict(), **parts}


def _plant(texts: Sequence[str], section: PersonalData, seed: int) -> list[tuple[str, list[Planted]]]:
    """Plant all items, and return the texts with the items' positions; a text takes as many as fit, then the next."""
    chance = Random(seed)
    hosts = [text for text in texts if text.strip()]
    waiting = _items(section) if hosts else []
    chance.shuffle(waiting)
    planted = []
    number = 0
    while waiting:
        host = hosts[number % len(hosts)]
        number += 1
        spaces = _places(host, chance)
        here, waiting = waiting[: len(spaces)], waiting[len(spaces) :]
        planted.append(_insert(host, spaces[: len(here)], here, chance))
    return planted


def _items(section: PersonalData) -> list[tuple[str, Generator, bool]]:
    """List (format, its generator, True to name it by a word) for every item to plant: half of them named."""
    kinds = redacted_kinds(section)
    items = []
    for kind in kinds:
        forms = [
            (form, generator)
            for form, generator in GENERATORS.items()
            if generator.kind == kind and (generator.country is None or generator.country in section.countries)
        ]
        each = max(2 * _OF_A_FORM, -(-section.planted // len(forms))) if forms and section.planted else 0
        items += [(form, generator, number % 2 == 0) for form, generator in forms for number in range(each)]
    return items


def _places(host: str, chance: Random) -> list[int]:
    """Choose spaces of the text, far enough from each other; its beginning if it has none."""
    spaces = [match.start() for match in re.finditer(r"(?<=\w) (?=\w)", host)]
    chosen: list[int] = []
    at = chance.randrange(_DISTANCE)
    for space in spaces:
        if space >= at:
            chosen.append(space)
            at = space + _DISTANCE + chance.randrange(_DISTANCE)
    return chosen or [0]


def _insert(
    host: str, spaces: list[int], items: list[tuple[str, Generator, bool]], chance: Random
) -> tuple[str, list[Planted]]:
    pieces, planted, length, last = [], [], 0, 0
    for space, (form, generator, named) in zip(spaces, items, strict=True):
        ways = (_NAMED + _NAMED_BEHIND if generator.kind == "phone" else _NAMED) if named else _ALONE
        before, _, after = chance.choice(ways).replace("{word}", chance.choice(generator.words)).partition("{item}")
        before = host[last:space] + before
        value = chance.choice(generator.make(chance))
        start = length + len(before)
        secret = _SECRET_PART.get(form)
        inner = secret.search(value) if secret else None
        first, end = inner.span(1) if inner else (0, len(value))
        planted.append(Planted(generator.kind, form, named, start + first, start + end))
        pieces += [before, value, after]
        length = start + len(value) + len(pieces[-1])
        last = space + 1
    return "".join([*pieces, host[last:]]), planted


_SECRET_PART = {
    "es_vat": re.compile(r"ES[ -]?(.+)"),
    "userinfo": re.compile(r"//([^/]+)@"),
    "parameter": re.compile(r"(?:token|api_key|sig)=(\w+)$"),
    "assigned": re.compile(r"[=:] ?\"?(.+?)\"?$"),
    "email": re.compile(r"(?:mailto:)?(.+)"),
}
"""Parts that must be removed: the credentials of an address, the value of an assignment, the rest of a VAT number."""
