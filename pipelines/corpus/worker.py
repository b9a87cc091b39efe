"""The work of a worker process on a batch of documents: extract, take the steps, sketch, and pack the results.

A worker's results are ready to be written: rows as an Arrow batch, sketches as arrays. The main process does nothing
for a single document, so all cores are left to the workers.
"""

from __future__ import annotations

import dataclasses
import gc
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from desdecero.pipelines.corpus.candidates import Candidates
from desdecero.pipelines.corpus.document import Document, Quarantined
from desdecero.pipelines.corpus.draft import Draft, Prepared, Step, Trace
from desdecero.pipelines.corpus.duplicates import sketch
from desdecero.pipelines.corpus.ledger import spool_batch
from desdecero.pipelines.corpus.paragraphs import paragraphs_of
from desdecero.pipelines.corpus.removed_texts import BlockedCopies
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.corpus.splits import draw, in_domain
from desdecero.pipelines.corpus.steps import build_steps
from desdecero.pipelines.recipe import Corpus

BATCH_DOCUMENTS, BATCH_CHARACTERS = 1000, 500_000
"""A batch is some tenths of a second of work: long enough to outweigh its transfer, short enough to wait for."""

LICENSE_RANKS = {"declared": 0, "classifier": 1, "free_text": 2, "contradictory": 3, "unknown": 4}
"""For `keep: best_license`: rank of a licence's evidence, 0 for the best."""


@runtime_checkable
class BatchStep(Step, Protocol):
    """A step that is faster on many drafts at a time. Each result is the same as alone."""

    def many(self, drafts: Sequence[Draft]) -> None:
        """Take the step with all drafts."""
        ...


@dataclass(frozen=True, slots=True)
class Packet:
    """A prepared batch of documents."""

    rows: pa.RecordBatch
    """Rows of `ledger.SPOOL`: one a document, those that no step dropped marked as kept."""
    candidates: Candidates

    def head(self, rows: int) -> Packet:
        """Return the packet of the first `rows` documents alone."""
        part = self.rows.slice(0, rows)
        return Packet(part, self.candidates.head(sum(part["decision"].to_numpy(zero_copy_only=False) == "kept")))


def batches(items: Iterable[Document | Quarantined]) -> Iterator[list[Document | Quarantined]]:
    """Cut a stream into batches for the workers, by number and by length."""
    batch: list[Document | Quarantined] = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.size if isinstance(item, Document) else 0
        if len(batch) >= BATCH_DOCUMENTS or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def prepare(
    batch: Sequence[Document | Quarantined], corpus_json: str, seed: int, filters: Path | None = None
) -> Packet:
    """Prepare a batch, in order. Only modules without docstrings, which hold no prose, give no row.

    corpus_json: the recipe's `corpus` section; its steps are built once in each process.
    filters: the folder of the trained filters, if the recipe has any.
    """
    corpus, steps = _corpus(corpus_json, filters)
    # A parsed module is a hundred thousand small objects without cycles: collecting them costs a quarter of the time.
    gc.disable()
    try:
        read = [prose(item) if isinstance(item, Document) else item for item in batch]
        drafts = iter(_take_steps([item for item in read if isinstance(item, Document)], steps))
        items = [next(drafts) if isinstance(item, Document) else item for item in read if item]
        return Packet(spool_batch(items), candidates_of(items, corpus, seed))
    finally:
        gc.enable()


@cache
def _corpus(corpus_json: str, filters: Path | None) -> tuple[Corpus, list[Step]]:
    corpus = Corpus.model_validate_json(corpus_json)
    return corpus, build_steps(corpus, filters)


@dataclass(slots=True)
class _Journey:
    """A draft between its first step and its last."""

    draft: Draft
    before: bytes
    size: int
    dropped_by: str | None = None
    trace: list[Trace] = field(default_factory=list)


def _take_steps(documents: Sequence[Document], steps: Sequence[Step]) -> list[Prepared]:
    """Pass all documents through the first step, then those that are left through the second, and so on."""
    journeys = []
    for document in documents:
        # A JSON string may hold half a surrogate pair, which UTF-8 cannot encode; the first step replaces it.
        before = document.text.encode("utf-8", errors="surrogatepass")
        draft = Draft(document, document.text, document.language)
        if document.edits:  # the reader's edits come first
            draft.edits.update(document.edits.counts)
            draft.changes.extend(document.edits.changes)
        journeys.append(_Journey(draft, before, len(before)))
    left = journeys
    for step in steps:
        texts = [journey.draft.text for journey in left]
        if isinstance(step, BatchStep):
            step.many([journey.draft for journey in left])
        else:
            for journey in left:
                step(journey.draft)
        for journey, text in zip(left, texts, strict=True):
            if changed := journey.draft.text is not text and journey.draft.text != text:
                journey.size = _utf8_length(journey.draft.text)
            journey.trace.append(Trace(step.name, journey.size, changed))
            if journey.draft.reason:
                journey.dropped_by = step.name
        left = [journey for journey in left if not journey.draft.reason]
    if steps and isinstance(steps[-1], BlockedCopies):  # the text of a dropped copy is not stored either
        steps[-1].many([journey.draft for journey in journeys if journey.draft.reason and journey.draft.text])
    return [_prepared(journey) for journey in journeys]


def _prepared(journey: _Journey) -> Prepared:
    draft = journey.draft
    document = draft.document
    if draft.text is not document.text or draft.language != document.language:
        document = dataclasses.replace(document, text=draft.text, language=draft.language)
    after = draft.text.encode("utf-8", errors="replace") if document is not draft.document else journey.before
    sha256 = hashlib.sha256(journey.before).hexdigest()
    return Prepared(
        document=document,
        reason=draft.reason, dropped_by=journey.dropped_by, passes_as=draft.passes_as, copy_of=draft.copy_of,
        sha256_before=sha256,
        sha256_after=sha256 if after == journey.before else hashlib.sha256(after).hexdigest(),
        bytes_before=len(journey.before), after=after, edits=dict(+draft.edits), changes=draft.changes,
        trace=journey.trace,
    )  # fmt: skip


def _utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", errors="replace"))


def candidates_of(items: Sequence[Prepared | Quarantined], corpus: Corpus, seed: int) -> Candidates:
    """Collect from the kept documents of a batch the data for deduplication and splits."""
    kept = [item for item in items if isinstance(item, Prepared) and not item.reason]
    documents = [item.document for item in kept]
    texts = [document.text for document in documents]
    limits = corpus.deduplication.paragraphs
    return Candidates(
        ids=[document.id for document in documents],
        sketches=sketch(texts),
        draws=np.array([draw(seed, document.id) for document in documents], dtype=np.float64),
        domain=np.array([in_domain(corpus.domain, d.source, d.meta) for d in documents], dtype=bool),
        bytes=np.array([len(item.after) for item in kept], dtype=np.int64),
        license_ranks=np.array([LICENSE_RANKS[d.license_evidence] for d in documents], dtype=np.int8),
        paragraphs=paragraphs_of(texts, limits) if limits else None,
    )
