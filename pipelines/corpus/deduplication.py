"""Exact and near duplicates (Broder 1997; Lee et al. 2022, §4.2), in one pass over the documents.

Exact: two documents whose words are the same, whatever their case and blanks. Near: the Jaccard similarity of
their word 5-grams, estimated from MinHash signatures of 128 values (standard error at most 0.044), reaches the
recipe's threshold. Of two copies, the one that comes first stays.

Candidates are found by locality-sensitive hashing: signatures are cut into 32 bands of 4 values, and documents
that share a band are compared. Two documents of similarity s share one with probability 1 - (1 - s⁴)³²: above
0.9999999 at 0.8, 0.99 at 0.6, 0.87 at 0.5, and 0.23 at 0.3.

Documents that are similar, but not enough to drop one of them (`RELATED` or more), are put into one group, and
a group is never cut by a split: no held-out document has a close relative in training.

Memory: about 5 KB for each document that is kept.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rensa import RMinHash

SIGNATURE_SIZE = 128
BANDS = 32
RELATED = 0.5
"""Half of the 5-grams in common: more than two texts on one subject share, less than two versions of one text."""

_SHINGLE = 5
_SEED = 1
_BUCKET = 64
"""Documents remembered for a band. Whatever shares a band with so many (a template) is related to the first of them."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Sketch:
    """What deduplication needs to know of a document; made in the workers."""

    exact: bytes
    """sha256 of its words."""
    signature: np.ndarray
    """MinHash: uint32 of shape (SIGNATURE_SIZE,)."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    kind: Literal["exact_duplicate", "near_duplicate"]
    of: str
    """The id of the document that stays."""


def sketch(text: str) -> Sketch:
    """Hash a document's words. Deterministic: the same on every machine and in every process."""
    words = _WORD.findall(text.lower())
    shingles = [" ".join(gram) for gram in zip(*(words[i:] for i in range(_SHINGLE)), strict=False)]
    minhash = RMinHash(num_perm=SIGNATURE_SIZE, seed=_SEED)
    minhash.update(shingles or [" ".join(words)])
    return Sketch(hashlib.sha256(" ".join(words).encode()).digest(), np.array(minhash.digest(), dtype=np.uint32))


def similarity(a: Sketch, b: Sketch) -> float:
    """Estimated Jaccard similarity of two documents' word 5-grams."""
    return float(np.mean(a.signature == b.signature))


class Deduplicator:
    """The documents kept so far, and the groups of related ones among them."""

    def __init__(self, threshold: float):
        self.threshold = threshold
        self.ids: list[str] = []
        self._signatures = np.empty((1024, SIGNATURE_SIZE), dtype=np.uint32)
        self._exact: dict[bytes, int] = {}
        self._buckets: dict[bytes, list[int]] = {}
        self._parents: list[int] = []

    def add(self, identity: str, sketch: Sketch) -> Duplicate | None:
        """Keep a document and return None, or return what it duplicates."""
        if (first := self._exact.get(sketch.exact)) is not None:
            return Duplicate("exact_duplicate", self.ids[first])
        keys = _band_keys(sketch.signature)
        candidates = sorted({number for key in keys for number in self._buckets.get(key, ())})
        similarities = np.mean(self._signatures[candidates] == sketch.signature, axis=1) if candidates else np.empty(0)
        if candidates and similarities.max() >= self.threshold:
            return Duplicate("near_duplicate", self.ids[candidates[int(similarities.argmax())]])
        number = self._remember(identity, sketch, keys)
        for candidate, value in zip(candidates, similarities, strict=True):
            if value >= RELATED:
                self._parents[self._root(number)] = self._root(candidate)
        return None

    def groups(self) -> list[int]:
        """For each kept document, in order, the number of the group it belongs to."""
        return [self._root(number) for number in range(len(self.ids))]

    def _remember(self, identity: str, sketch: Sketch, keys: list[bytes]) -> int:
        number = len(self.ids)
        if number == len(self._signatures):
            self._signatures = np.concatenate([self._signatures, np.empty_like(self._signatures)])
        self._signatures[number] = sketch.signature
        self.ids.append(identity)
        self._exact[sketch.exact] = number
        self._parents.append(number)
        for key in keys:
            bucket = self._buckets.setdefault(key, [])
            if len(bucket) < _BUCKET:
                bucket.append(number)
        return number

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number


def _band_keys(signature: np.ndarray) -> list[bytes]:
    data, width = signature.tobytes(), signature.nbytes // BANDS
    return [bytes([band]) + data[band * width : (band + 1) * width] for band in range(BANDS)]
