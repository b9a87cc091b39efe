"""What the worker processes do with a batch of documents: extract, take the steps, sketch."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pipelines.corpus.deduplication import Sketch, sketch
from pipelines.corpus.document import Document, Quarantined
from pipelines.corpus.draft import Change, Draft, Step
from pipelines.corpus.sources.extraction import prose
from pipelines.corpus.steps import build_steps
from pipelines.recipe import Corpus

BATCH_DOCUMENTS, BATCH_CHARACTERS = 256, 500_000
"""A batch is some tenths of a second of work: long enough to be worth sending, short enough to be waited for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be kept or dropped, and what was done to it."""

    document: Document
    reason: str | None
    """Why it is dropped, or None."""
    dropped_by: str | None
    """The step that said so."""
    sha256_before: str
    sha256_after: str
    bytes_before: int
    bytes_after: int
    edits: dict[str, int]
    """How many edits of each kind; see the steps."""
    changes: list[Change]
    """Examples of them."""
    sketch: Sketch | None
    """None for a document that is dropped anyway."""


def batches(items: Iterable[Document | Quarantined]) -> Iterator[list[Document | Quarantined]]:
    """Cut a stream into batches for the workers, by number and by length."""
    batch: list[Document | Quarantined] = []
    characters = 0
    for item in items:
        batch.append(item)
        characters += len(item.text) if isinstance(item, Document) else 0
        if len(batch) >= BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def prepare(batch: Sequence[Document | Quarantined], corpus_json: str) -> list[Prepared | Quarantined]:
    """Prepare a batch, in order. Modules without docstrings hold no prose and vanish; nothing else does.

    corpus_json: the recipe's `corpus` section; its steps are built once in each process.
    """
    steps = _steps(corpus_json)
    # A parsed module is a hundred thousand small objects without cycles: collecting them costs a quarter of the time.
    gc.disable()
    read = (prose(item) if isinstance(item, Document) else item for item in batch)
    prepared = [_prepare(item, steps) if isinstance(item, Document) else item for item in read if item]
    gc.enable()
    return prepared


@cache
def _steps(corpus_json: str) -> list[Step]:
    return build_steps(Corpus.model_validate_json(corpus_json))


def _prepare(document: Document, steps: Sequence[Step]) -> Prepared:
    # A JSON string may hold half a surrogate pair, which UTF-8 cannot say; the first step replaces it.
    before = document.text.encode("utf-8", errors="surrogatepass")
    draft = Draft(document, document.text, document.language)
    dropped_by = None
    for step in steps:
        step(draft)
        if draft.reason:
            dropped_by = step.name
            break
    after = draft.text.encode("utf-8", errors="replace")
    return Prepared(
        document=dataclasses.replace(document, text=draft.text, language=draft.language),
        reason=draft.reason, dropped_by=dropped_by,
        sha256_before=hashlib.sha256(before).hexdigest(), sha256_after=hashlib.sha256(after).hexdigest(),
        bytes_before=len(before), bytes_after=len(after), edits=dict(+draft.edits), changes=draft.changes,
        sketch=None if draft.reason else sketch(draft.text),
    )  # fmt: skip
