"""Reading a corpus' documents, for the later stages."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.layout import Split
from desdecero.pipelines.run.run_dir import RunDir

PIECE_BYTES = 8000
"""Largest piece of a document that is drawn. It is some 2,000 tokens, several contexts of a small model, so that the
lack of context at its beginning weighs little; and the default of a million bytes holds 125, from that many documents
where there are."""
LEAST_PIECE_BYTES = 64
"""A piece is also at most an eighth of what is drawn, so that a little text too comes from several documents, but no
shorter than this: one line."""


def read_documents(run: RunDir, split: Split, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Stream the documents of a split as dictionaries, in order. Memory: one row group.

    columns: any of id, text, source, license, license_evidence, language and meta (a JSON string); all by default.
    Raises `UserError` if the corpus has no such split.
    """
    from datasets import load_dataset

    paths = [str(path) for path in run.document_files(split)]
    if not paths:
        raise UserError(
            f"{run}: the corpus has no {split} documents; make them with `desdecero corpus {run.recipe_file}`"
        )
    wanted = list(columns) if columns else None
    yield from load_dataset("parquet", data_files=paths, split="train", streaming=True, columns=wanted)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A document of which some or all pieces were drawn to be measured."""

    id: str
    pieces: tuple[str, ...]
    """In the order of the text."""
    numbers: tuple[int, ...]
    """Places of these pieces among all of the document, from 0."""
    length: int
    """Bytes of the whole document."""
    facts: Mapping[str, Any]
    """What else was read of it: its `source`, `language`, …"""


def pieces(documents: Sequence[Drawn]) -> tuple[list[str], list[int]]:
    """Return all pieces of documents, and for each the number of its document, from 0."""
    texts = [piece for document in documents for piece in document.pieces]
    return texts, [number for number, document in enumerate(documents) for _ in document.pieces]


def measured_split(recipe: Recipe) -> Literal["test", "validation"]:
    """Return the split that the finished model is measured on."""
    return "test" if recipe.corpus.test else "validation"


def held_out(recipe: Recipe, run: RunDir, split: Split, max_bytes: int) -> list[Drawn]:
    """Draw held-out text of a split: see `draw_documents`. Raises `UserError` if there is none."""
    documents = draw_documents(read_documents(run, split, ["id", "text", "source", "language"]), max_bytes, recipe.seed)
    if not documents:
        raise UserError(
            f"the corpus has no {split} documents, so nothing can be measured on them: "
            "bring more documents, or raise the share in corpus.validation, corpus.test or corpus.domain.validation"
        )
    return documents


def draw_documents(documents: Iterable[Mapping[str, Any]], max_bytes: int, seed: int) -> list[Drawn]:
    """Draw pieces of documents with `id` and `text`, so that every byte has the same chance, up to `max_bytes`.

    Documents are cut into pieces, which have an order that depends on seed, id and number alone. They are taken as long
    as a piece of the largest size would still fit: so whether one is taken does not depend on its own size. Of two
    documents at least one piece is taken, whatever its size. Returns the documents of these pieces, that of the first
    one first.

    Memory: the pieces taken and one document more, however many there are.
    """
    largest = min(PIECE_BYTES, max(LEAST_PIECE_BYTES, max_bytes // 8))
    heap: list[_Piece] = []  # the latest in the order on top
    first: list[_Piece] = []  # of the two documents that come first in the order
    total, all_taken = 0, True
    for document in documents:
        identity, text = document["id"], document["text"]
        facts = {name: value for name, value in document.items() if name not in ("id", "text")}
        length = len(text.encode())
        cuts = [
            _Piece(-_place(seed, identity, number), identity, number, piece, length, facts)
            for number, piece in enumerate(cut(text, largest))
        ]
        for piece in cuts:
            heapq.heappush(heap, piece)
            total += piece.size
            while total > max_bytes:
                total, all_taken = total - heapq.heappop(heap).size, False
        if cuts:
            first = heapq.nlargest(2, [*first, max(cuts)])
    taken, before = dict[tuple[str, int], _Piece](), 0
    for piece in sorted(heap, reverse=True):
        if all_taken or before <= max_bytes - largest:
            taken[piece.identity, piece.number] = piece
        before += piece.size
    if len({identity for identity, _ in taken}) < 2:
        taken |= {(piece.identity, piece.number): piece for piece in first}
    by_document: dict[str, list[_Piece]] = {}
    for piece in sorted(taken.values(), reverse=True):
        by_document.setdefault(piece.identity, []).append(piece)
    return [_joined(drawn) for drawn in by_document.values()]


def cut(text: str, largest: int) -> list[str]:
    """Cut a text into the fewest pieces of at most `largest` bytes, of nearly the same size.

    A cut is made after a blank line, or else a line, or else before a space, if there is one in the last quarter of the
    piece; never inside a character.
    """
    raw, parts, start = text.encode(), list[str](), 0
    while start < len(raw):
        left = len(raw) - start
        end = start + math.ceil(left / math.ceil(left / largest))
        if end < len(raw):
            end = _boundary(raw, end - (end - start) // 4, end)
        parts.append(raw[start:end].decode())
        start = end
    return parts


def _boundary(raw: bytes, lowest: int, highest: int) -> int:
    """Return the last good place to cut a text between two, or the last one between two characters."""
    for mark, offset in ((b"\n\n", 2), (b"\n", 1), (b" ", 0)):
        found = raw.rfind(mark, lowest, highest + (not offset))
        if found >= 0:
            return found + offset
    while raw[highest] & 0xC0 == 0x80:  # inside a character
        highest -= 1
    return highest


class _Piece(NamedTuple):
    """A piece of a document. The first in the order is the largest."""

    place: int
    """Negative."""
    identity: str
    number: int
    text: str
    length: int
    facts: Mapping[str, Any]

    @property
    def size(self) -> int:
        return len(self.text.encode())


def _place(seed: int, identity: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{identity}:{number}".encode()).digest()[:16])


def _joined(drawn: Sequence[_Piece]) -> Drawn:
    ordered = sorted(drawn, key=lambda piece: piece.number)
    numbers, texts = tuple(piece.number for piece in ordered), tuple(piece.text for piece in ordered)
    return Drawn(ordered[0].identity, texts, numbers, ordered[0].length, ordered[0].facts)
