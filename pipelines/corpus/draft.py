"""A document in cleaning: the draft that steps work on, the protocol of a step, and the result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from desdecero.pipelines.corpus.document import EXAMPLES, Change, Document


@dataclass(slots=True)
class Draft:
    """A document in cleaning. A step may change `text`, `language` and `license`, count edits, or set `reason`."""

    document: Document
    text: str
    language: str
    """ISO 639-1, or "" if unknown."""
    reason: str | None = None
    """Reason for which the document is dropped; the first step to set it is the last to see the document."""
    passes_as: str | None = None
    """For a draft that the quality step drops: a form (`corpus.quality.form`) whose limits it would pass."""
    copy_of: str | None = None
    """Id of the removed document that this one is a copy of; see `removed_texts`."""
    edits: Counter[str] = field(default_factory=Counter)
    """Edits by kind: `unicode`, `repeated_line`, `spelling`, `email`, …"""
    changes: list[Change] = field(default_factory=list)
    """Examples of edits; see `show`."""

    def show(self, kind: str, before: str, after: str) -> None:
        """Keep an edit as an example, up to `EXAMPLES` of a kind."""
        if sum(change.kind == kind for change in self.changes) < EXAMPLES:
            self.changes.append(Change(kind, before, after))


class Step(Protocol):
    """One step of cleaning. It lives in the workers: resources are loaded once in each of them.

    The same draft gives the same result in every process and on every machine.
    """

    name: str
    """Its name in the report and the ledger: `unicode`, `language`, `quality`, …"""

    def __call__(self, draft: Draft) -> None:
        """Take the step: change the draft, or set its `reason`."""
        ...


class Trace(NamedTuple):
    """The effect of one step on one document."""

    step: str
    bytes: int
    """Size of the UTF-8 text after the step."""
    changed: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document after all steps, kept or dropped, with its edits."""

    document: Document
    reason: str | None
    """Reason for which it is dropped, or None."""
    dropped_by: str | None
    """The step that dropped it."""
    passes_as: str | None
    """The form whose quality limits it would pass, or None."""
    copy_of: str | None
    """Id of the removed document that it is a copy of."""
    sha256_before: str
    sha256_after: str
    bytes_before: int
    after: bytes
    """The document's text in UTF-8."""
    edits: dict[str, int]
    """Number of edits by kind; see the steps."""
    changes: list[Change]
    """Examples of edits."""
    trace: list[Trace]
    """The steps taken, in order; for a dropped document it ends with the step that dropped it."""
