"""Texts that stand in two places: in the test and in training, or in the test and in the corpus of the base model."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from desdecero.pipelines.corpus.cleaning.contamination import Index, Item
from desdecero.pipelines.corpus.duplicates import hashes_of
from desdecero.pipelines.finetuning.example import Examples

NEAR = 0.8
"""Jaccard similarity of word 5-grams from which two texts are nearly the same (Lee et al. 2022, §4.2)."""
PASSAGE, SHORTEST = 13, 5
"""Words of a passage that is searched for (Brown et al. 2020, appendix C), and of the shortest text that is searched
for as a whole. That is below the corpus' own 8, because sentences to classify are short: of banking77's 3,080 test
texts, 878 have fewer than 8 words, and 73 fewer than 5. The price is a sentence that stands in the corpus by chance."""
_PAIRS = 1 << 14
"""Pairs of texts compared at a time."""
_BATCH = 1000
"""Texts hashed at a time: their letters take more memory than their hashes."""
_ROUNDING = 1e-9
"""Keeps 0.8 × 35 from being more than 28."""

_Numbers = NDArray[np.int64]


def folded(text: str) -> str:
    """Return the form in which texts are compared: composed (NFC), in one case, with single blanks."""
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", text).casefold().split()))


class _Shingles:
    """The word 5-grams of some texts, as a table with a row a text: all of them, and each text's rarest."""

    def __init__(self, texts: Sequence[str]):
        hashes, owners = _hashed(texts)
        keys, columns = np.unique(hashes, return_inverse=True)
        del hashes
        codes = np.unique(owners * len(keys) + columns)  # each shingle of a text once, in the order of texts
        del owners, columns
        self._shape = (len(texts), len(keys))
        rows, columns = codes // max(1, len(keys)), codes % max(1, len(keys))
        del codes
        self.all = self._table(rows, columns)
        order = np.lexsort((columns, np.bincount(columns, minlength=len(keys))[columns], rows))
        rows, columns = rows[order], columns[order]
        self.sizes = np.bincount(rows, minlength=len(texts))
        starts = np.cumsum(self.sizes) - self.sizes
        needed = self.sizes - np.ceil(NEAR * self.sizes - _ROUNDING).astype(np.int64) + 1
        kept = np.arange(len(rows)) - starts[rows] < needed[rows]
        self.rarest = self._table(rows[kept], columns[kept])

    def _table(self, rows: _Numbers, columns: _Numbers) -> sparse.csr_matrix:
        return sparse.csr_matrix((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=self._shape)

    def similar(self, first: slice, second: slice) -> tuple[_Numbers, _Numbers]:
        """Return all pairs of a text of the range `first` and one of `second` that are nearly the same.

        Exact: it finds every pair. Two sets of which the share `NEAR` is common to both cannot differ in more than the
        rest, so that a common element is among the first `size - NEAR × size + 1` of each in any one order: in that of
        rarity, few other pairs share one too, and only pairs that do are counted in full (Bayardo, Ma & Srikant 2007).
        """
        found = (self.rarest[first] @ self.rarest[second].T).tocoo()
        rows, targets = found.row.astype(np.int64) + first.start, found.col.astype(np.int64) + second.start
        alike = np.zeros(len(rows), dtype=bool)
        for start in range(0, len(rows), _PAIRS):
            part = slice(start, start + _PAIRS)
            both = np.asarray(self.all[rows[part]].multiply(self.all[targets[part]]).sum(axis=1)).ravel()
            either = self.sizes[rows[part]] + self.sizes[targets[part]] - both
            alike[part] = both >= NEAR * either - _ROUNDING
        return rows[alike], targets[alike]


def _hashed(texts: Sequence[str]) -> tuple[NDArray[np.uint64], _Numbers]:
    """Return (hashes of all word 5-grams, number of the text that each is in)."""
    hashes, owners = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(texts), _BATCH):
        _, found, numbers = hashes_of(texts[start : start + _BATCH])
        hashes.append(found)
        owners.append(numbers + start)
    return np.concatenate(hashes), np.concatenate(owners)


def similar_pairs(first: Sequence[str], second: Sequence[str]) -> tuple[_Numbers, _Numbers]:
    """Return the numbers of all pairs of a text of `first` and one of `second` that are nearly the same."""
    whole = len(first) + len(second)
    rows, targets = _Shingles([*first, *second]).similar(slice(0, len(first)), slice(len(first), whole))
    return rows, targets - len(first)


def components(texts: Sequence[str]) -> _Numbers:
    """Return for each text the number of its group: texts that are the same or nearly so, directly or through others.

    Two texts that are the same when folded count as one, and a text alone is a group.
    """
    number: dict[str, int] = {}
    of = np.array([number.setdefault(folded(text), len(number)) for text in texts], dtype=np.int64)
    forms = list(number)  # an array of texts would give each as much room as the longest takes
    every = slice(0, len(forms))
    first, second = _Shingles(forms).similar(every, every)
    joined = sparse.coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(len(forms), len(forms)))
    groups: _Numbers = csgraph.connected_components(joined, directed=False)[1].astype(np.int64)[of]
    return groups


def common(test: Sequence[str], training: Sequence[str]) -> tuple[dict[int, str], set[int]]:
    """Return (number of each training text that stands in the test → `exact` or `near`, numbers of the test's)."""
    tested, trained = [folded(text) for text in test], [folded(text) for text in training]
    both = set(tested) & set(trained)
    first, second = similar_pairs(tested, trained)
    found = {**dict.fromkeys(second.tolist(), "near"), **{n: "exact" for n, text in enumerate(trained) if text in both}}
    return found, {*first.tolist(), *(number for number, text in enumerate(tested) if text in both)}


def count_in_corpus(examples: Examples, documents: Iterable[str]) -> int:
    """Count the test texts that share 13 words in a row with the documents, or all of theirs if they have 5 to 12.

    Texts of fewer words are not searched for: they would be found by chance.
    """
    items = [Item("test", str(number), example.content) for number, example in enumerate(examples.test)]
    index = Index(items, PASSAGE, SHORTEST)
    found: set[int] = set()
    for document in documents:
        found |= index.items_in(document)
    return len(found)
