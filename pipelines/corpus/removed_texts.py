"""Recognition of a removed text that comes back changed: other line ends, other quotation marks, a few other words, or
inside a longer document.

An entry of a block list marks its text in two ways, both computed from the cleaned text, so that a copy which takes
the same steps can be compared with it:

- `words`: a 128-bit hash of its words (`duplicates.hashes_of`), the same for every text with the same words whatever
  its line ends, whitespace, case and punctuation. A document that has it is dropped as `blocked`.
- `sample`: 32 bits each of the hashes of up to 128 of its word 5-grams, drawn by hash. The share of them that another
  document holds estimates how much of the removed text it holds (standard error at most 0.045). From the share that two
  texts of equal length have at the recipe's `deduplication.similarity` s, which is 2s / (1 + s), a document is dropped
  as `blocked_copy`, and listed in the report. One that holds half of it or more is kept and reported
  (`resembles_removed`): contracts of one form are like that, and may belong to other people. Texts of fewer than 12
  words have no sample.

What this reveals: the text cannot be recovered from a mark. But anyone with a list can test whether a text that they
already have, or a phrase of five words that they guess, was in a removed one; for phrases, 32 bits leave room for
error. Keep a list of removed documents as confidential as the requests themselves.

Without marked entries there is no such step. With them, words are hashed a second time: some 60 MB of text a second
on one core. Memory: 12 bytes a sampled 5-gram, and 1 MB.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from desdecero.pipelines.corpus.blocklist import (
    COPY_REASON,
    REASON,
    Blocklist,
    BlocklistEntry,
    read_entries,
    text_sha256,
)
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.duplicates import hashes_of

SAMPLE = 128
"""Sampled word 5-grams of a removed text."""
LEAST = 8
"""Number of 5-grams below which a text is recognized only whole: such a short passage occurs in unrelated texts."""
RESEMBLES = 0.5
"""Share of a removed text from which a document that holds it is reported."""
RESEMBLES_REMOVED = "resembles_removed"
_ROUGH = 20
"""Bits of a hash that decide whether it is looked up at all."""


class Marks(NamedTuple):
    """The marks of one text in a block list; see above."""

    words: str
    """Hexadecimal."""
    sample: str | None
    """Base64."""


class Copy(NamedTuple):
    """A document that holds a removed text, or part of it."""

    id: str
    """Id of the removed document."""
    share: float
    """Estimated share of the removed text that the document holds."""
    same_words: bool
    dropped: bool
    """True if the share is that of a copy; otherwise the document only resembles the removed one."""


def marks_of(texts: Sequence[str]) -> list[Marks | None]:
    """Compute the marks of texts; None for one without words."""
    exact, shingles, owners = hashes_of([*texts, ""])
    bounds = np.searchsorted(owners, np.arange(len(texts) + 1))
    marks: list[Marks | None] = []
    for number in range(len(texts)):
        mine = np.unique(shingles[bounds[number] : bounds[number + 1]])
        sample = base64.b64encode(mine[:SAMPLE].astype("<u4").tobytes()).decode() if len(mine) >= LEAST else None
        wordless = (exact[number] == exact[-1]).all()
        marks.append(None if wordless else Marks(exact[number].tobytes().hex(), sample))
    return marks


class RemovedTexts:
    """The marked texts of block lists, indexed for search."""

    def __init__(self, entries: Iterable[BlocklistEntry], similarity: float):
        self.least = 2 * similarity / (1 + similarity)
        self._whole: dict[str, str] = {}
        samples: dict[str, str] = {}
        for entry in entries:
            if entry.words and not entry.keep:
                self._whole.setdefault(entry.words, entry.id)
                if entry.sample:
                    samples.setdefault(entry.sample, entry.id)
        self._ids = list(samples.values())
        tables = [np.frombuffer(base64.b64decode(sample), dtype="<u4") for sample in samples]
        self._sizes = np.array([len(table) for table in tables], dtype=np.int64)
        hashes = np.concatenate([np.zeros(0, dtype=np.uint32), *tables])
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._entries = hashes[order], np.repeat(np.arange(len(tables)), self._sizes)[order]
        self._rough = np.zeros(1 << _ROUGH, dtype=bool)
        self._rough[hashes & ((1 << _ROUGH) - 1)] = True

    def __bool__(self) -> bool:
        return bool(self._whole)

    def find(self, texts: Sequence[str]) -> list[Copy | None]:
        """For each text, find the removed one that it holds most of; None if it holds less than half of any."""
        exact, shingles, owners = hashes_of(texts)
        found = self._parts(shingles.astype(np.uint32), owners)
        for number in range(len(texts)):
            if (original := self._whole.get(exact[number].tobytes().hex())) is not None:
                found[number] = Copy(original, 1.0, same_words=True, dropped=True)
        return [found.get(number) for number in range(len(texts))]

    def _parts(self, shingles: np.ndarray, owners: np.ndarray) -> dict[int, Copy]:
        """Map the number of each text that holds half of a removed one to the one that it holds most of."""
        some = np.flatnonzero(self._rough[shingles & ((1 << _ROUGH) - 1)])
        first = np.searchsorted(self._hashes, shingles[some], side="left")
        times = np.searchsorted(self._hashes, shingles[some], side="right") - first
        hits = np.repeat(first - (np.cumsum(times) - times), times) + np.arange(times.sum())
        # A 5-gram counts once, however often the text has it.
        pairs = np.unique(np.repeat(owners[some], times) * max(1, len(self._hashes)) + hits)
        texts, entries = pairs // max(1, len(self._hashes)), self._entries[pairs % max(1, len(self._hashes))]
        keys, counts = np.unique(texts * max(1, len(self._ids)) + entries, return_counts=True)
        texts, entries = keys // max(1, len(self._ids)), keys % max(1, len(self._ids))
        shares = counts / self._sizes[entries]
        found: dict[int, Copy] = {}
        for place in np.flatnonzero(shares >= RESEMBLES).tolist():
            number, share = int(texts[place]), float(shares[place])
            if number not in found or share > found[number].share:
                found[number] = Copy(self._ids[entries[place]], share, False, dropped=share >= self.least)
        return found


class BlockedCopies:
    """The step that drops copies of removed texts, compared as cleaned; nothing of their text is stored. A document
    that only resembles a removed text is counted as the edit `resembles_removed`."""

    name = "blocked_copies"

    def __init__(self, paths: Sequence[str | Path], similarity: float):
        entries = [entry for path in paths for entry in read_entries(path)]
        self.removed = RemovedTexts(entries, similarity)
        self._list = Blocklist(entries)

    def __call__(self, draft: Draft) -> None:
        """Drop the draft if it is a copy."""
        self.many([draft])

    def many(self, drafts: Sequence[Draft]) -> None:
        """Drop the drafts that are copies."""
        for draft, copy in zip(drafts, self.removed.find([draft.text for draft in drafts]), strict=True):
            if not copy or self._list.keeps(text_sha256(draft.document.text)):
                continue
            if copy.dropped:
                draft.reason, draft.text, draft.copy_of = REASON if copy.same_words else COPY_REASON, "", copy.id
            else:
                draft.edits[RESEMBLES_REMOVED] += 1
                draft.show(RESEMBLES_REMOVED, f"{copy.share:.0%}", copy.id)
