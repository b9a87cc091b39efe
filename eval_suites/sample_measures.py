"""Measures of what a model writes: does it repeat itself, are its words varied, does it recite its training text?

    repetition      share of runs of four words that stood in the same text before (Welleck et al. 2020, §2: seq-rep-4)
    distinct_1, _2  different words, and pairs of words, as a share of all (Li et al. 2016, §5.3)
    longest_copy    tokens of the longest stretch of a written text that stands in the training tokens

Three samples of sixty tokens say little; they show a fault, not a quality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.results import SampleMeasures

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Odd multiplier of the polynomial hash of a stretch of tokens (2⁶⁴ over the golden ratio: Knuth 1998, §6.4)."""

Shards = Callable[[], Iterable[NDArray[np.unsignedinteger]]]
"""Function that returns the training tokens in pieces, each time from the beginning."""


def measure_samples(texts: Sequence[str], tokens: Sequence[Sequence[int]], shards: Shards | None) -> SampleMeasures:
    """Measure what was written, without the prompts.

    texts: in words. tokens: the same in token ids. shards: None where the training tokens are not known
    """
    words = [text.split() for text in texts]
    fours = [_runs(each, 4) for each in words]
    repeated = sum(len(runs) - len(set(runs)) for runs in fours)
    return SampleMeasures(
        samples=len(texts),
        repetition=_share(repeated, sum(map(len, fours))),
        distinct_1=_distinct(words, 1),
        distinct_2=_distinct(words, 2),
        longest_copy=None if shards is None else longest_copy(tokens, shards),
    )


def longest_copy(texts: Sequence[Sequence[int]], shards: Shards) -> int:
    """Return the number of tokens of the longest stretch of any of the texts that stands in the training tokens.

    A stretch that stands there has shorter ones that do, so the length is found by halving. Equal hashes of 64 bits are
    taken for equal stretches: among 10¹⁰ stretches, one pair in 10⁸ would be wrong.
    """
    low, high = 0, max(map(len, texts), default=0)
    while low < high:
        length = (low + high + 1) // 2
        low, high = (length, high) if _any_copied(texts, length, shards) else (low, length - 1)
    return low


def _any_copied(texts: Sequence[Sequence[int]], length: int, shards: Shards) -> bool:
    written = [_hashes(np.asarray(text, dtype=np.uint64), length) for text in texts if len(text) >= length]
    sought = np.unique(np.concatenate(written)) if written else np.zeros(0, dtype=np.uint64)
    return any(np.isin(_hashes(shard.astype(np.uint64), length), sought).any() for shard in shards())


def _hashes(tokens: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """Return the hash of every stretch of so many tokens, shape (tokens − length + 1,), modulo 2⁶⁴."""
    if len(tokens) < length:
        return np.zeros(0, dtype=np.uint64)
    # Two stretches of half the length make one, so that a hash takes log₂(length) passes.
    hashes, size = (tokens + np.uint64(1)) * MULTIPLIER, 1
    while size < length:
        step = min(size, length - size)
        factor = np.uint64(pow(int(MULTIPLIER), step, 2**64))
        hashes = hashes[: len(hashes) - step] * factor + hashes[step:]
        hashes, size = hashes ^ (hashes >> np.uint64(29)), size + step
    return hashes


def _runs(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + length]) for place in range(len(words) - length + 1)]


def _distinct(texts: Sequence[Sequence[str]], length: int) -> float | None:
    runs = [run for words in texts for run in _runs(words, length)]
    return _share(len(set(runs)), len(runs))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
