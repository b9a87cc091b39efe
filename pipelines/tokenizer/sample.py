"""Bounded sample of the corpus for training a tokenizer, in proportion to its sources and languages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.run.run_dir import RunDir

Group = tuple[str, str]
"""Source and language."""


class Sample:
    """Texts of the training documents, sampled down to at most `max_bytes`; the same at each reading.

    Each source and language gives the same share of its bytes, its first document included: so a group with little text
    is not left out by chance.
    """

    def __init__(self, run: RunDir, available: int, max_bytes: int):
        self.run, self.available, self.max_bytes = run, available, max_bytes
        self.share = min(1.0, max_bytes / max(1, available))
        self.read: dict[Group, int] = {}
        """Bytes yielded by the last reading, by group."""

    def smaller(self, max_bytes: int) -> Sample:
        """Return the same sample with a lower bound."""
        return Sample(self.run, self.available, min(max_bytes, self.max_bytes))

    def __iter__(self) -> Iterator[str]:
        read, seen, total = defaultdict[Group, int](int), defaultdict[Group, int](int), 0
        self.read = read
        documents = read_documents(self.run, "train", ["text", "source", "language"])
        for document in progress(documents, title="tokenizer: reading", unit="doc"):
            size, group = len(document["text"].encode()), (document["source"], document["language"] or "")
            seen[group] += size
            if read[group] < self.share * seen[group] and total + size <= self.max_bytes:
                read[group] += size
                total += size
                yield document["text"]

    def report(self) -> list[dict[str, Any]]:
        """Return the bytes read by source and language, most first."""
        rows = [{"source": source, "language": language, "bytes": n} for (source, language), n in self.read.items()]
        return sorted(rows, key=lambda row: (-row["bytes"], row["source"], row["language"]))


def batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield the texts in lists of `size`."""
    remaining = iter(texts)
    while batch := list(islice(remaining, size)):
        yield batch
