"""A passage: a run of tokens of a document."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """Tokens of a document, with their place in it."""

    document: str
    """Id of the document; passages of one document resemble each other, and are drawn together."""
    offset: int
    """Number of tokens before it in the document."""
    tokens: tuple[int, ...]
