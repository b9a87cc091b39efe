"""Exact and near duplicates (Broder 1997; Lee et al. 2022, §4.2), over all sources, on disk.

Exact: two documents with the same words, and the same signs where a sign changes the meaning (see `words_and_signs`: -5
is not 5, a < b not a > b), whatever their case, whitespace and punctuation. Near: the Jaccard similarity of their word
5-grams, estimated from signatures of 126 values (standard error at most 0.045), reaches the recipe's threshold. The
recipe's rule `keep` chooses the copy to keep; every near duplicate was compared with the one that is kept for it,
unless that one later proved to be a copy itself: then it is assigned to that one's original.

Signatures use fast similarity sketching (Dahlgaard, Knudsen & Thorup 2017): as exact as 126 hash functions, at the
cost of one for a long text, plus 1,500 hashes for a text of any length.

Candidates are found by locality-sensitive hashing: signatures are cut into 42 bands of 3 values, and documents that
share a band are compared. Two documents of similarity s share one with probability 1 - (1 - s³)⁴²: above 0.9999999
at 0.8, 0.996 at 0.5, and 0.80 at 1/3.

Documents that are similar, but not enough to drop one of them (`RELATED` or more), form a group, and a split does not
cut a group, so that no held-out document has a close relative in training; except in a corpus of one form (see
`splits`).

Workers make sketches; the main process appends them to files, one for each band, and decides when all are there. Disk:
270 bytes a document. Memory: one band is loaded at a time; some 100 bytes a document at the peak (1.16 GB for ten
million, measured).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.corpus.text_arrays import Characters, Hashes, Positions, mixed, words_and_signs

ROWS, BANDS = 3, 42
SIGNATURE_SIZE = ROWS * BANDS
RELATED = 1 / 3
"""Similarity of two texts of equal length that share half of their 5-grams, as contracts of one form do. Texts on one
subject have less: of 1,847 Peruvian laws and by-laws, 245 have such a relative (75 at 0.5); the largest group: 55."""

_SHINGLE = 5
_ROUNDS = 4
"""Rounds of hashing shingles into the places of a signature. Places that are then still empty (none, for a text of
over 150 words) take the least hash of all shingles, as in plain MinHash."""
_BUCKET = 64
"""Documents of a band that the others are compared with: the first, by the rule `keep`."""
_PIECE = 1 << 15
"""Hashes computed at a time to fill the remaining places of signatures."""
_PAIRS = 4_000_000
"""Pairs in memory: at this many, they are compared, and documents found to be copies are not compared again."""

_Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sketches:
    """The data that deduplication needs of some documents; made in the workers."""

    exact: Hashes
    """A 128-bit hash of each document's words: shape (documents, 2)."""
    signatures: NDArray[np.uint16]
    """Shape (documents, SIGNATURE_SIZE)."""


def sketch(texts: Sequence[str]) -> Sketches:
    """Hash the words of documents. Deterministic: the same in every batch, in every process and on every machine."""
    exact, shingles, owners = hashes_of(texts)
    return Sketches(exact, _signatures(shingles, owners, len(texts)))


def hashes_of(texts: Sequence[str]) -> tuple[Hashes, Hashes, Positions]:
    """Return (128-bit hash of each text's words, hashes of all word 5-grams, number of the text that each is in)."""
    characters = Characters(texts)
    starts, ends = words_and_signs(characters)
    hashes = characters.hasher(fold=True)(starts, ends)
    text = characters.text_of(starts)
    bounds = np.searchsorted(text, np.arange(len(texts) + 1))
    digests = [hashlib.blake2b(hashes[start:end].tobytes(), digest_size=16).digest() for start, end in pairwise(bounds)]
    exact = np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)
    return exact, *_shingles(hashes, text, bounds)


def similarity(a: Sketches, b: Sketches) -> NDArray[np.float64]:
    """Estimate the Jaccard similarity of the word 5-grams of two equally long lists of documents, pair by pair."""
    return np.asarray(np.mean(a.signatures == b.signatures, axis=1), dtype=np.float64)


def _shingles(hashes: Hashes, text: Positions, bounds: Positions) -> tuple[Hashes, Positions]:
    """Return the hashes of word 5-grams and the texts they are in; a shorter or empty text is one shingle."""
    counts = np.diff(bounds)
    width = np.minimum(_SHINGLE, counts)
    positions = np.arange(len(hashes))
    first = positions[positions + width[text] <= bounds[text + 1]]
    owners = text[first]
    padded = np.concatenate([hashes, np.zeros(_SHINGLE - 1, dtype=np.uint64)])
    sums = np.zeros(len(hashes), dtype=np.uint64)
    short = positions[width[text] < _SHINGLE]
    for place in range(_SHINGLE):
        term = padded[place : place + len(hashes)] * np.uint64(pow(0xD6E8FEB86659FD93, place, 1 << 64))
        term[short[place >= width[text[short]]]] = 0  # a text of fewer than five words has none beyond its end
        sums += term
    sums = sums[first]
    empty = np.flatnonzero(counts == 0)
    owners = np.concatenate([owners, empty])
    sums = np.concatenate([sums, np.zeros(len(empty), dtype=np.uint64)])
    order = np.argsort(owners, kind="stable") if len(empty) else slice(None)
    return mixed(sums[order]), owners[order]


def _signatures(shingles: Hashes, owners: Positions, count: int) -> NDArray[np.uint16]:
    least = np.full((count, SIGNATURE_SIZE), np.iinfo(np.uint64).max, dtype=np.uint64)
    flat, empty = least.reshape(-1), least == np.iinfo(np.uint64).max
    left, owner = shingles, owners
    for turn in range(_ROUNDS):
        hashes = mixed(left + np.uint64(turn + 1)) if turn else left
        places = ((hashes >> np.uint64(32)) * np.uint64(SIGNATURE_SIZE)) >> np.uint64(32)
        values = (hashes & np.uint64(0xFFFFFFFF)) | np.uint64(turn << 32)
        np.minimum.at(flat, owner * SIGNATURE_SIZE + places.astype(np.int64), values)
        empty = least == np.iinfo(np.uint64).max
        unfinished = empty.any(axis=1)
        if not unfinished.any():
            break
        some = unfinished[owner]
        left, owner = left[some], owner[some]
    if empty.any():
        _fill(least, empty, shingles, owners)
    return (mixed(least) >> np.uint64(48)).astype(np.uint16)


def _fill(least: Hashes, empty: NDArray[np.bool_], shingles: Hashes, owners: Positions) -> None:
    """Give each empty place the least hash of all shingles of its text, with a separate hash function for each
    place."""
    bounds = np.searchsorted(owners, np.arange(len(least) + 1))
    all_rows, all_places = np.nonzero(empty)
    all_counts = np.diff(bounds)[all_rows]
    seeds = mixed(np.arange(SIGNATURE_SIZE, dtype=np.uint64) + np.uint64(1 << 40))
    for part in _pieces(all_counts):
        rows, places, counts = all_rows[part], all_places[part], all_counts[part]
        starts = np.cumsum(counts) - counts
        index = np.arange(counts.sum()) - np.repeat(starts - bounds[rows], counts)
        hashes = mixed(shingles[index] ^ np.repeat(seeds[places], counts))
        values = (hashes & np.uint64(0xFFFFFFFF)) | np.uint64(_ROUNDS << 32)
        least[rows, places] = np.minimum.reduceat(values, starts)


def _pieces(counts: Positions) -> Iterator[slice]:
    """Cut the array into ranges of some 32,000 hashes each: work that fits a core's cache is twice as fast."""
    total = np.cumsum(counts)
    cuts = np.searchsorted(total, np.arange(_PIECE, total[-1], _PIECE)) + 1
    for start, end in pairwise([0, *np.unique(cuts).tolist(), len(counts)]):
        if start < end:
            yield slice(start, end)


@dataclass(frozen=True, slots=True)
class DuplicateDecisions:
    """The decision on each document, by its number."""

    duplicate_of: NDArray[np.int32]
    """Number of the document that is kept instead; -1 for a kept document."""
    exact: NDArray[np.bool_]
    """True for a duplicate whose words are all equal to another's."""
    groups: NDArray[np.int32]
    """Number of each document's group of related documents."""


class Deduplicator:
    """The sketches of all documents, in files below a folder, and the decision over them."""

    def __init__(self, folder: Path, threshold: float):
        self.folder, self.count = folder, 0
        self._least = int(np.ceil(round(threshold * SIGNATURE_SIZE, 6)))
        folder.mkdir(parents=True, exist_ok=True)
        self._exact = (folder / "exact.u64").open("wb")
        self._bands = [self._band_file(band).open("wb", buffering=1 << 16) for band in range(BANDS)]

    def _band_file(self, band: int) -> Path:
        return self.folder / f"band-{band:02d}.u16"

    def add(self, sketches: Sketches) -> None:
        """Append sketches; documents are numbered in the order in which they come."""
        self.count += len(sketches.exact)
        self._exact.write(sketches.exact.tobytes())
        columns = np.ascontiguousarray(sketches.signatures.reshape(-1, BANDS, ROWS).transpose(1, 0, 2))
        for file, column in zip(self._bands, columns, strict=True):
            file.write(column.tobytes())

    def close(self) -> None:
        """Close the files."""
        for file in (self._exact, *self._bands):
            file.close()

    def __enter__(self) -> Deduplicator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decide(self, order: _Numbers | None = None) -> DuplicateDecisions:
        """Find the copies and the relatives of each document.

        order: the documents' numbers, preferred ones first; the order of arrival by default.
        """
        self.close()
        # From here on, documents are addressed by their rank in `order`.
        self._order = order
        self._alive = np.ones(self.count, dtype=bool)
        self._of = np.full(self.count, -1, dtype=np.int32)
        self._labels = np.arange(self.count, dtype=np.int32)
        exact = self._drop_exact()
        pairs: list[Hashes] = []
        waiting = 0
        for band in range(BANDS):
            for keys in self._candidates(band):
                pairs.append(keys)
                waiting += len(keys)
                if waiting > _PAIRS:
                    self._settle(pairs)
                    pairs, waiting = [], 0
        self._settle(pairs)
        while (later := (self._of >= 0) & (self._of[self._of] >= 0)).any():  # its original proved to be a copy itself
            self._of[later] = self._of[self._of[later]]
        return self._verdicts(exact)

    def _verdicts(self, exact: NDArray[np.bool_]) -> DuplicateDecisions:
        order = self._order
        if order is None:
            return DuplicateDecisions(self._of, exact, self._labels)
        copies = np.flatnonzero(self._of >= 0)
        of, kinds, groups = np.full_like(self._of, -1), np.empty_like(exact), np.empty_like(self._labels)
        of[order[copies]] = order[self._of[copies]]
        kinds[order], groups[order] = exact, self._labels
        return DuplicateDecisions(of, kinds, groups)

    def _by_rank(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self._order is None else values[self._order]

    def _drop_exact(self) -> NDArray[np.bool_]:
        hashes = self._by_rank(np.fromfile(self.folder / "exact.u64", dtype=np.uint64).reshape(-1, 2))
        ranks, heads, _ = _runs(hashes[:, 0], np.arange(self.count))
        same = (ranks != heads) & (hashes[ranks] == hashes[heads]).all(axis=1)
        self._of[ranks[same]] = heads[same]
        self._alive[ranks[same]] = False
        return ~self._alive

    def _columns(self, band: int) -> NDArray[np.uint16]:
        return self._by_rank(np.fromfile(self._band_file(band), dtype=np.uint16).reshape(-1, ROWS))

    def _candidates(self, band: int) -> Iterator[Hashes]:
        """Yield pairs (rank of the first) << 32 | (rank of the second) that share a band, in chunks."""
        columns = self._columns(band)
        keys = np.zeros(self.count, dtype=np.uint64)
        for row in range(ROWS):
            keys |= columns[:, row].astype(np.uint64) << np.uint64(16 * row)
        del columns
        ranks, _, starts = _runs(mixed(keys), np.flatnonzero(self._alive))
        del keys
        places = np.arange(len(ranks)) - starts
        for place in range(_BUCKET):
            later = np.flatnonzero(places > place)
            if not len(later):
                return
            first, second = ranks[starts[later] + place], ranks[later]
            both = self._alive[first] & self._alive[second]
            yield (first[both].astype(np.uint64) << np.uint64(32)) | second[both].astype(np.uint64)

    def _settle(self, pairs: list[Hashes]) -> None:
        """Compare pairs: drop copies of kept documents, and join the groups of related ones."""
        if not pairs:
            return
        keys = np.unique(np.concatenate(pairs))
        first, second = (keys >> np.uint64(32)).astype(np.int64), (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
        both = self._alive[first] & self._alive[second]
        first, second = first[both], second[both]
        shared = self._shared(first, second)
        copies = shared >= self._least
        self._drop(first[copies], second[copies], shared[copies])
        related = (shared >= RELATED * SIGNATURE_SIZE) & self._alive[first] & self._alive[second]
        self._join(first[related], second[related])

    def _shared(self, first: _Numbers, second: _Numbers) -> NDArray[np.uint8]:
        """Count the values that the signatures of each pair share."""
        shared = np.zeros(len(first), dtype=np.uint8)
        if len(first):
            for band in range(BANDS):
                columns = self._columns(band)
                for start in range(0, len(first), 1 << 20):
                    part = slice(start, start + (1 << 20))
                    shared[part] += (columns[first[part]] == columns[second[part]]).sum(axis=1, dtype=np.uint8)
        return shared

    def _drop(self, first: _Numbers, second: _Numbers, shared: NDArray[np.uint8]) -> None:
        """Drop copies greedily, in the order of ranks: a document is dropped if it is a copy of a kept one."""
        a, b = first, second
        while len(a):  # in each pass, documents that are not a copy of any other are certainly kept; drop their copies
            copy = np.zeros(self.count, dtype=bool)
            copy[b] = True
            self._alive[b[~copy[a]]] = False
            left = self._alive[a] & self._alive[b]
            a, b = a[left], b[left]
        mine = self._alive[first] & ~self._alive[second]
        first, second, shared = first[mine], second[mine], shared[mine]
        best = np.lexsort((first, -shared.astype(np.int16), second))
        first, second = first[best], second[best]
        chosen = np.flatnonzero(np.diff(second, prepend=-1))
        self._of[second[chosen]] = first[chosen]

    def _join(self, first: _Numbers, second: _Numbers) -> None:
        if len(first):
            self._labels = _components(self.count, self._labels[first], self._labels[second])[self._labels]


def _components(count: int, first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the component of each number below `count`; components are numbered in the order of their least members.

    first, second: the pairs that are connected. SciPy does the same, but takes longer to import than this to run.
    """
    least = np.arange(count, dtype=np.int32)
    while len(first):
        np.minimum.at(least, np.maximum(first, second), np.minimum(first, second))
        while ((further := least[least]) != least).any():
            least = further
        first, second = least[first], least[second]
        apart = first != second
        first, second = first[apart], second[apart]
    numbers: NDArray[np.int32] = (np.cumsum(least == np.arange(count)) - 1).astype(np.int32)[least]
    return numbers


def _runs(keys: Hashes, ranks: _Numbers) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Keep the ranks whose key occurs more than once, sorted by key and rank. Returns (ranks, first rank of each one's
    run, start of that run). Keys are compared by the bits that a rank leaves of 64."""
    bits = np.uint64(max(1, len(keys)).bit_length())
    packed = ((keys[ranks] >> bits) << bits) | ranks.astype(np.uint64)
    packed.sort()
    key = packed >> bits
    same = np.zeros(len(packed) + 1, dtype=bool)
    same[1:-1] = key[1:] == key[:-1]
    among = same[:-1] | same[1:]
    opens = ~same[:-1][among]
    found = (packed[among] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    starts = np.flatnonzero(opens)[np.cumsum(opens) - 1] if len(found) else np.zeros(0, dtype=np.int64)
    return found, found[starts], starts
