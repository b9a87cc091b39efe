"""The corpus' units: documents, and records that could not be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

FileFormat = Literal[
    "text", "python", "metadata", "html", "pdf", "epub", "docx", "odt", "rtf", "jats", "latex", "wikitext"
]
"""Format of a document until `extraction.prose` has read it. `python` holds docstrings, `metadata` is a Python
package's METADATA, `jats` the XML of scientific journals."""


EXAMPLES = 3
"""Changes of one kind that a document keeps, for the report to show."""


class Change(NamedTuple):
    """One edit for people to read: a few words around it, before and after."""

    kind: str
    before: str
    after: str


@dataclass(slots=True)
class Edits:
    """Counts edits by kind, and keeps the first `EXAMPLES` of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)

    def add(self, kind: str, before: str = "", after: str = "", times: int = 1) -> None:
        """Count an edit. One without words before and after is counted, but not shown."""
        self.counts[kind] += times
        if (before or after) and sum(change.kind == kind for change in self.changes) < EXAMPLES:
            self.changes.append(Change(kind, before, after))


@dataclass(frozen=True, slots=True)
class Document:
    """One text and its origin."""

    id: str
    """Unique within its source."""
    text: str
    source: str
    """Name of the recipe's source."""
    license: str
    """SPDX expression, or `LicenseRef-unknown`."""
    license_evidence: str
    """Evidence for the licence: declared, free_text, classifier, contradictory or unknown."""
    language: str
    """ISO 639-1 code, or "" if unknown."""
    meta: dict[str, Any]
    """Other metadata from the source: distribution, version, path, record, author, …

    Reserved keys: `terms` of use; `url`; `date` of the text and `retrieved`, when it was fetched (ISO 8601); `tdm`,
    `tdm_policy`, `robots` and `content_usage`, the publisher's machine-readable reservations; `stated_license`, the
    document's own statement, `license_statements`, if several contradict one another, and `other_licenses`, those of
    pictures and other works in it; `damage`, the parts that could not be read; `title`; `encoding`, if it was not
    UTF-8."""
    form: FileFormat = "text"
    data: bytes = b""
    """The file's bytes, for formats that are not text; empty once `extraction.prose` has read it."""
    edits: Edits | None = None
    """Edits made by `extraction.prose`, if any: `joined_word`, `page_number`, …"""

    @property
    def size(self) -> int:
        """Characters and bytes in it: the cost of sending it to a worker."""
        return len(self.text) + len(self.data)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be read: it stops nothing, and is always reported."""

    place: str
    """File, and line or record in it."""
    reason: str
    size: int = field(default=0, compare=False)
    """Its size in bytes, if known and nothing of it was read otherwise."""
