"""What the corpus is made of: documents, and records that could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["text", "python", "metadata"]


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
    """How the licence is known: declared, free_text, classifier or unknown."""
    language: str
    """ISO 639-1 code, or "" where it is not known."""
    meta: dict[str, Any]
    """What else the source says of it: distribution, version, path, record, author, …"""
    form: Form = "text"
    """What `text` is written in until `extraction.prose` has read it: prose, Python code, package metadata."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be read: never fatal, never silent."""

    place: str
    """File, and line or record in it."""
    reason: str
