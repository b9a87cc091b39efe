"""What the worker processes do with a batch of documents: extract, clean, judge, redact, sketch."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.corpus.cleaning import clean
from pipelines.corpus.deduplication import Sketch, sketch
from pipelines.corpus.document import Document, Quarantined
from pipelines.corpus.extraction import prose
from pipelines.corpus.personal_data import redact
from pipelines.corpus.quality import reason_to_drop
from pipelines.recipe import Quality

BATCH_DOCUMENTS, BATCH_CHARACTERS = 256, 500_000
"""A batch is some tenths of a second of work: long enough to be worth sending, short enough to be waited for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be kept, and what was done to it."""

    document: Document
    reason: str | None
    """Why it fails the quality rules, or None."""
    sha256_before: str
    sha256_after: str
    bytes_before: int
    bytes_after: int
    unicode: bool
    """Whether characters were repaired or normalised."""
    redacted: dict[str, int]
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


def prepare(
    batch: Sequence[Document | Quarantined], quality: Quality, kinds: Collection[str]
) -> list[Prepared | Quarantined]:
    """Prepare a batch, in order. Modules without docstrings hold no prose and vanish; nothing else does."""
    # A parsed module is a hundred thousand small objects without cycles: collecting them costs a quarter of the time.
    gc.disable()
    read = (prose(item) if isinstance(item, Document) else item for item in batch)
    prepared = [_prepare(item, quality, kinds) if isinstance(item, Document) else item for item in read if item]
    gc.enable()
    return prepared


def _prepare(document: Document, quality: Quality, kinds: Collection[str]) -> Prepared:
    # A JSON string may hold half a surrogate pair, which UTF-8 cannot say; cleaning replaces it.
    before = document.text.encode("utf-8", errors="surrogatepass")
    text, edited = clean(document.text)
    reason = reason_to_drop(text, quality)
    text, redacted = redact(text, kinds)
    after = text.encode("utf-8")
    return Prepared(
        document=dataclasses.replace(document, text=text), reason=reason,
        sha256_before=hashlib.sha256(before).hexdigest(), sha256_after=hashlib.sha256(after).hexdigest(),
        bytes_before=len(before), bytes_after=len(after), unicode=edited, redacted=redacted,
        sketch=None if reason else sketch(text),
    )  # fmt: skip
