"""A document on its way through the steps of cleaning, what a step is, and what comes out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from desdecero.pipelines.corpus.document import EXAMPLES, Change, Document


@dataclass(slots=True)
class Draft:
    """What the steps work on. A step may change `text`, `language` and `license`, count its edits, or set `reason`."""

    document: Document
    text: str
    language: str
    """ISO 639-1, or "" where it is not known."""
    reason: str | None = None
    """Why the document is dropped; the first step to set it is the last one to see the document."""
    passes_as: str | None = None
    """For a draft that quality drops: a form (`corpus.quality.form`) whose limits it would pass."""
    copy_of: str | None = None
    """The id of the removed document that this one is a copy of; see `removed_texts`."""
    edits: Counter[str] = field(default_factory=Counter)
    """Edits by kind: `unicode`, `repeated_line`, `spelling`, `email`, …"""
    changes: list[Change] = field(default_factory=list)
    """Examples of them; see `show`."""

    def show(self, kind: str, before: str, after: str) -> None:
        """Keep an edit as an example, up to `EXAMPLES` of a kind."""
        if sum(change.kind == kind for change in self.changes) < EXAMPLES:
            self.changes.append(Change(kind, before, after))


class Step(Protocol):
    """One step of cleaning. It lives in the workers: what it loads, it loads once for each of them.

    The same draft gives the same result in every process and on every machine.
    """

    name: str
    """As the report and the ledger call it: `unicode`, `language`, `quality`, …"""

    def __call__(self, draft: Draft) -> None: ...


class Trace(NamedTuple):
    """What one step did to one document."""

    step: str
    bytes: int
    """UTF-8, after the step."""
    changed: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be kept or dropped, and what was done to it."""

    document: Document
    reason: str | None
    """Why it is dropped, or None."""
    dropped_by: str | None
    """The step that said so."""
    passes_as: str | None
    """The form that it would pass quality as, or None."""
    copy_of: str | None
    """The id of the removed document that it is a copy of."""
    sha256_before: str
    sha256_after: str
    bytes_before: int
    bytes_after: int
    edits: dict[str, int]
    """How many edits of each kind; see the steps."""
    changes: list[Change]
    """Examples of them."""
    trace: list[Trace]
    """The steps that it took, in order; one that was dropped ends with the step that dropped it."""
