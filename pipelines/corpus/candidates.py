"""Decisions over all documents at once: copies, repeated paragraphs, splits.

A candidate is a document that no step dropped. The main process appends the workers' results on candidates to files,
and decides on arrays when all are there. Memory: some 100 bytes a candidate; see the parts.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.duplicates import Deduplicator, Sketches
from desdecero.pipelines.corpus.paragraphs import ParagraphIndex, Paragraphs, Repeated
from desdecero.pipelines.corpus.splits import Relation, assign_splits, missing_documents, relations
from desdecero.pipelines.recipe import Corpus

EXACT, NEAR, REPEATED = "exact_duplicate", "near_duplicate", "shared_paragraphs"
"""Reasons for which a candidate is dropped."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Consecutive documents that no step dropped. Arrays with an element for each."""

    ids: Sequence[str]
    sketches: Sketches
    draws: NDArray[np.float64]
    """See `splits.draw`."""
    domain: NDArray[np.bool_]
    bytes: NDArray[np.int64]
    license_ranks: NDArray[np.int8]
    """Rank of the licence's evidence, 0 for the best; see `worker.LICENSE_RANKS`."""
    paragraphs: Paragraphs | None
    """None if the recipe does not compare paragraphs."""

    def head(self, count: int) -> Candidates:
        """Return the first `count` of them."""
        sketches = Sketches(self.sketches.exact[:count], self.sketches.signatures[:count])
        return Candidates(
            self.ids[:count], sketches, self.draws[:count], self.domain[:count], self.bytes[:count],
            self.license_ranks[:count], self.paragraphs.head(count) if self.paragraphs else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decision on each candidate, by its number."""

    duplicate_of: NDArray[np.int32]
    """The candidate that is kept instead, or -1."""
    exact: NDArray[np.bool_]
    splits: NDArray[np.int8]
    """An index of `splits.NAMES`; -1 for a dropped candidate."""
    repeated: Repeated | None
    relations: Mapping[str, Relation]
    """See `splits.relations`."""

    def reason(self, number: int) -> str | None:
        """Return why a candidate is dropped, or None."""
        if self.duplicate_of[number] >= 0:
            return EXACT if self.exact[number] else NEAR
        return REPEATED if self.splits[number] < 0 else None


class CandidateStore:
    """All candidates, in files below a folder. Closing it makes the ids unreadable."""

    def __init__(self, folder: Path, corpus: Corpus):
        self.corpus, self.count, self._folder = corpus, 0, folder
        self._files = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        limits = corpus.deduplication
        self.ids = self._files.enter_context(Identities(folder))
        self._copies = self._files.enter_context(Deduplicator(folder / "sketches", limits.similarity))
        self._paragraphs = (
            self._files.enter_context(ParagraphIndex(folder / "paragraphs", limits.paragraphs))
            if limits.paragraphs
            else None
        )
        names = ("draws", "domain", "bytes", "license_ranks")
        self._columns = {name: self._files.enter_context((folder / name).open("wb")) for name in names}

    def add(self, candidates: Candidates) -> None:
        """Append candidates, numbered in the order in which they come."""
        self.count += len(candidates.ids)
        self.ids.add(candidates.ids)
        self._copies.add(candidates.sketches)
        for name, file in self._columns.items():
            file.write(getattr(candidates, name).tobytes())
        if self._paragraphs and candidates.paragraphs:
            self._paragraphs.add(candidates.paragraphs)

    def decide(self, drops: Mapping[str, int] | None = None) -> Decisions:
        """Decide on all candidates. Raises `UserError` if a split that the recipe asks for would be empty.

        drops: how many documents the steps dropped, by reason: for that error's message.
        """
        verdicts = self._copies.decide(self._order())
        kept = verdicts.duplicate_of < 0
        repeated = self._paragraphs.decide(kept) if self._paragraphs else None
        if repeated and (limits := self.corpus.deduplication.paragraphs):
            kept &= (repeated.left < 0) | (repeated.left >= limits.min_words_left)
        draws, domain = self._column("draws", np.float64), self._column("domain", np.bool_)
        decisions = Decisions(
            verdicts.duplicate_of, verdicts.exact, np.where(kept, 0, -1).astype(np.int8), repeated, {}
        )
        if missing_documents(domain[kept], self.corpus, {}):
            reasons = Counter(str(decisions.reason(number)) for number in np.flatnonzero(~kept).tolist())
            fault = missing_documents(domain[kept], self.corpus, Counter(drops or {}) + reasons)
            raise UserError(f"the corpus cannot be split: {fault}")
        decisions.splits[kept] = assign_splits(draws[kept], verdicts.groups[kept], domain[kept], self.corpus)
        return replace(decisions, relations=relations(verdicts.groups[kept], decisions.splits[kept]))

    def _order(self) -> NDArray[np.int64] | None:
        """Order the candidates' numbers so that those to keep precede their copies; None for the order of arrival."""
        if self.corpus.deduplication.keep == "longest":
            return np.argsort(-self._column("bytes", np.int64), kind="stable")
        if self.corpus.deduplication.keep == "best_license":
            return np.argsort(self._column("license_ranks", np.int8), kind="stable")
        return None

    def _column(self, name: str, kind: type[Any]) -> NDArray[Any]:
        self._columns[name].close()
        return np.fromfile(self._folder / name, dtype=kind)

    def __enter__(self) -> CandidateStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()


class Identities:
    """The ids of all candidates, in a file: to name a copy's original."""

    def __init__(self, folder: Path):
        self._names = (folder / "ids.utf8").open("w+b")
        self._ends = (folder / "ids.i64").open("w+b")
        self._end = 0

    def add(self, ids: Sequence[str]) -> None:
        """Append ids, in the order of the candidates."""
        encoded = [identity.encode() for identity in ids]
        self._names.write(b"".join(encoded))
        ends = self._end + np.cumsum([len(name) for name in encoded], dtype=np.int64)
        self._ends.write(ends.tobytes())
        self._end = int(ends[-1]) if encoded else self._end

    def __getitem__(self, number: int) -> str:
        start = self._end_of(number - 1) if number else 0
        end = self._end_of(number)
        self._names.seek(start)
        return self._names.read(end - start).decode()

    def _end_of(self, number: int) -> int:
        self._ends.seek(8 * number)
        return int.from_bytes(self._ends.read(8), sys.byteorder)

    def __enter__(self) -> Identities:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._names.close()
        self._ends.close()
