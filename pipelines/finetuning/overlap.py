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
_PAIRS = 1 << 20
"""Pairs of texts compared at a time."""

_Numbers = NDArray[np.int64]


def folded(text: str) -> str:
    """Return the form in which texts are compared: composed (NFC), in one case, with single blanks."""
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", text).casefold().split()))


def similar_pairs(first: Sequence[str], second: Sequence[str]) -> tuple[_Numbers, _Numbers]:
    """Return the numbers of all pairs of a text of `first` and one of `second` that are nearly the same.

    Exact: it finds every pair. Two sets of which the share `NEAR` is common to both cannot differ in more than the
    rest, so that a common element is among the first `size - NEAR × size + 1` of each in any one order: in that of
    rarity, few other pairs share one too, and only pairs that do are counted in full (Bayardo, Ma & Srikant 2007).
    """
    _, shingles, owners = hashes_of([*first, *second])
    if not len(shingles):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    keys, columns = np.unique(shingles, return_inverse=True)
    texts, columns = np.unique(np.stack([owners, columns]), axis=1)  # each shingle of a text once
    table = _table(texts, columns, len(first) + len(second), len(keys))
    rare = _rarest(texts, columns, len(first) + len(second), len(keys))
    one, other = table[: len(first)], table[len(first) :]
    candidates = (rare[: len(first)] @ rare[len(first) :].T).tocoo()
    rows, targets = candidates.row.astype(np.int64), candidates.col.astype(np.int64)
    sizes = np.diff(table.indptr)
    alike = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), _PAIRS):
        part = slice(start, start + _PAIRS)
        both = np.asarray(one[rows[part]].multiply(other[targets[part]]).sum(axis=1)).ravel()
        either = sizes[rows[part]] + sizes[len(first) + targets[part]] - both
        alike[part] = both >= NEAR * either - 1e-9  # 0.8 × 35 must not be more than 28
    return rows[alike], targets[alike]


def _table(texts: _Numbers, columns: _Numbers, height: int, width: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(texts), dtype=np.int32), (texts, columns)), shape=(height, width))


def _rarest(texts: _Numbers, columns: _Numbers, height: int, width: int) -> sparse.csr_matrix:
    """Return the table of each text's rarest shingles alone, as many as a similar text must share one of."""
    order = np.lexsort((columns, np.bincount(columns, minlength=width)[columns], texts))
    texts, columns = texts[order], columns[order]
    sizes = np.bincount(texts, minlength=height)
    starts = np.cumsum(sizes) - sizes
    # The small number keeps 0.8 × 5 from being rounded up to 5.
    needed = sizes - np.ceil(NEAR * sizes - 1e-9).astype(np.int64) + 1
    kept = np.arange(len(texts)) - starts[texts] < needed[texts]
    return _table(texts[kept], columns[kept], height, width)


def components(texts: Sequence[str]) -> _Numbers:
    """Return for each text the number of its group: texts that are the same or nearly so, directly or through others.

    Two texts that are the same when folded count as one, and a text alone is a group.
    """
    forms, of = np.unique([folded(text) for text in texts], return_inverse=True)
    first, second = similar_pairs(forms.tolist(), forms.tolist())
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
