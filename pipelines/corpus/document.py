"""What the corpus is made of: documents, and records that could not be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Form = Literal[
    "text", "python", "metadata", "html", "pdf", "epub", "docx", "odt", "rtf", "jats", "latex", "wikitext"
]  # fmt: skip
"""What a document is written in until `extraction.prose` has read it. `python` holds docstrings, `metadata` is that
of a Python package, `jats` the XML of scientific journals."""


EXAMPLES = 3
"""Changes of one kind that a document remembers, for the report to show."""


class Change(NamedTuple):
    """One edit as a person wants to see it: a few words around it, before and after."""

    kind: str
    before: str
    after: str


@dataclass(slots=True)
class Edits:
    """Counts edits by kind, and keeps the first `EXAMPLES` of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)

    def add(self, kind: str, before: str = "", after: str = "", times: int = 1) -> None:
        """Count an edit. One without words before and after is counted, and not shown."""
        self.counts[kind] += times
        if (before or after) and sum(change.kind == kind for change in self.changes) < EXAMPLES:
            self.changes.append(Change(kind, before, after))


@dataclass(frozen=True, slots=True)
class Document:
    """One text and where it comes from."""

    id: str
    """Distinct within its source."""
    text: str
    source: str
    """Name of the recipe's source."""
    license: str
    """SPDX expression, or `LicenseRef-unknown`."""
    license_evidence: str
    """How the licence is known: declared, free_text, classifier, contradictory or unknown."""
    language: str
    """ISO 639-1 code, or "" where it is not known."""
    meta: dict[str, Any]
    """What else the source says of it: distribution, version, path, record, author, …

    Keys with a meaning of their own: `terms` of use; `url`; `date` of the text and `retrieved`, when it was fetched
    (ISO 8601); `tdm`, `tdm_policy`, `robots` and `content_usage`, the publisher's words to machines; `stated_license`,
    what the document itself says, `license_statements`, where several contradict one another, and `other_licenses`,
    those of pictures and other works in it; `damage`, what of it could not be read; `title`; `encoding`,
    in which it was written, where that is not UTF-8."""
    form: Form = "text"
    data: bytes = b""
    """What the file holds, in forms that are not text; empty once `extraction.prose` has read it."""
    edits: Edits | None = None
    """What `extraction.prose` left out, joined or could not read, where it did: `joined_word`, `page_number`, …"""

    @property
    def size(self) -> int:
        """Characters and bytes that it holds: what it costs to send to a worker."""
        return len(self.text) + len(self.data)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be read: never fatal, never silent."""

    place: str
    """File, and line or record in it."""
    reason: str
    size: int = field(default=0, compare=False)
    """Its bytes, as far as they are known and nothing else of it was read."""
