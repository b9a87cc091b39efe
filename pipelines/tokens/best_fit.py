"""Best-fit packing of documents into blocks of one length (Ding et al. 2024, "Fewer Truncations Improve Language
Modeling", §3).

A document that fits into a block is never cut. A longer one is cut into pieces that each fill a block, and its rest is
packed like a document. Pieces are placed largest first, each into the block with the least room that is sufficient. In
the block

    … the rest of a long document <end> one document <end> another <end> <pad> the rest of another <end> <pad> <pad>

the token before a piece shows its kind: after <end>, a document begins; after <pad>, or at the block's edge, one
continues. So a block without a rest opens with <end>, and the model sees <end> before every beginning of a document.

Documents are packed one window at a time, in memory that depends on the window alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.run.reports.tokens import ComparedPacking, Cuts

Integers = NDArray[np.int64]

WINDOW_TOKENS = 1 << 24
"""Tokens that are packed together: 34 MB as uint16. A larger window saves hardly any padding (docs/measured/tokens.md).
"""

CONTEXTS = (256, 512, 1024, 2048, 4096)
"""Context lengths at which best-fit packing and concatenation are compared."""


@dataclass(frozen=True)
class Layout:
    """Positions of the pieces of documents. All arrays but `opens` have one entry per piece, in document order."""

    document: Integers
    start: Integers
    """First token of the piece, in its document."""
    length: Integers
    block: Integers
    place: Integers
    """Position in its block."""
    opens: NDArray[np.bool_]
    """For each block: whether it begins with a document, and so with an end-of-text token."""

    @property
    def pieces(self) -> tuple[Integers, ...]:
        """(document, start, length, block, place), with one entry per piece."""
        return self.document, self.start, self.length, self.block, self.place

    def padding(self, block_length: int) -> int:
        """Count the tokens that belong neither to a document nor to the end-of-text tokens that open blocks."""
        return int(len(self.opens) * block_length - self.length.sum() - self.opens.sum())


def lay_out(lengths: Integers, block_length: int) -> Layout:
    """Pack documents of these lengths, each including its closing end-of-text token."""
    document, start, length = cut(lengths, block_length)
    rest = start > 0
    room = block_length - 1  # one token is the end-of-text token that opens a block
    block, blocks = best_fit(np.minimum(length + rest, room), room)
    order = np.lexsort((document, ~rest, block))  # rests first: at the block's edge they need no token before them
    first = np.diff(block[order], prepend=-1) > 0
    before = np.where(rest[order], ~first, first).astype(np.int64)
    ends = (before + length[order]).cumsum()
    begins = ends - length[order]
    offset = np.repeat((begins - before)[first], np.diff(np.append(np.flatnonzero(first), len(order))))
    place = np.empty_like(length)
    place[order] = begins - offset
    opens = np.zeros(blocks, np.bool_)
    opens[block[order[first]]] = ~rest[order[first]]
    return Layout(document, start, length, block, place, opens)


def cut(lengths: Integers, block_length: int) -> tuple[Integers, Integers, Integers]:
    """Return (document, start in it, length) of each piece.

    The first piece of a long document fills a block after its opening end-of-text token, later ones fill a block, and
    the last is the rest.
    """
    pieces = 1 + lengths // block_length
    document = np.repeat(np.arange(len(lengths)), pieces)
    number = np.arange(len(document)) - np.repeat(pieces.cumsum() - pieces, pieces)
    start = np.maximum(0, number * block_length - 1)
    whole = np.where(number == 0, block_length - 1, block_length)
    return document, start, np.minimum(lengths[document] - start, whole)


def best_fit(sizes: Integers, room: int) -> tuple[Integers, int]:
    """Assign items to bins by best-fit decreasing: each goes into the bin with the least room that is sufficient.

    sizes: from 1 to `room`, the capacity of a bin. Returns (bin of each item, number of bins). Items of one size are
    placed together: the bin that took one takes as many as fit, because it is then the fullest one possible.
    """
    assigned = np.empty(len(sizes), np.int64)
    order = np.argsort(-sizes, kind="stable")
    _, firsts = np.unique(-sizes[order], return_index=True)
    with_room: list[list[int]] = [[] for _ in range(room + 1)]
    rooms, bins = 0, 0  # bit n of `rooms` is set if a bin has room n
    for items in np.split(order, firsts[1:]):
        size = int(sizes[items[0]])
        while len(items):
            fitting = rooms >> size
            space = size + (fitting & -fitting).bit_length() - 1 if fitting else room
            each = space // size
            needed = -(-len(items) // each)
            if fitting:
                taken = with_room[space][-needed:]
                del with_room[space][-needed:]
                rooms ^= (not with_room[space]) << space
            else:
                taken = list(range(bins, bins + needed))
                bins += needed
            here, items = np.split(items, [each * len(taken)])
            assigned[here] = np.repeat(taken, each)[: len(here)]
            for some, number in ((taken[:-1], each), (taken[-1:], len(here) - each * (len(taken) - 1))):
                if some:
                    with_room[space - number * size] += some
                    rooms |= 1 << (space - number * size)
    return assigned, bins


class Comparison:
    """Padding and cuts of concatenation and of best-fit packing at common context lengths."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.waiting, self.position, self.documents = 0, 0, 0
        self.counts = {
            context: {way: np.zeros(4, np.int64) for way in ("concatenate", "best_fit")} for context in CONTEXTS
        }

    def add(self, lengths: Iterable[int]) -> None:
        """Add the next documents by their lengths, each including its closing token."""
        for length in lengths:
            self.lengths.append(length)
            self.waiting += length
            if self.waiting >= WINDOW_TOKENS:
                self._count()

    def report(self) -> list[ComparedPacking]:
        """Return one row per context length, with padding and cuts of both."""
        if self.lengths:
            self._count()
        return [
            ComparedPacking(
                context_length=context,
                concatenate=self._cuts(*ways["concatenate"]),
                best_fit=self._cuts(*ways["best_fit"]),
            )
            for context, ways in self.counts.items()
        ]

    def _count(self) -> None:
        lengths = np.asarray(self.lengths)
        starts = self.position + lengths.cumsum() - lengths
        for context, ways in self.counts.items():
            crossing = starts // context != (starts + lengths - 1) // context
            ways["concatenate"] += [0, *_cut(lengths, crossing, context)]
            padding = lay_out(lengths, context + 1).padding(context + 1)
            ways["best_fit"] += [padding, *_cut(lengths, lengths > context, context)]
        self.documents += len(lengths)
        self.position += int(lengths.sum())
        self.lengths, self.waiting = [], 0

    def _cuts(self, padding: int, documents: int, needlessly: int, tokens: int) -> Cuts:
        return Cuts(
            padding_share=float(padding / (self.position + padding)),
            documents_cut=int(documents),
            documents_cut_that_would_fit=int(needlessly),
            share_documents_cut=float(documents / self.documents),
            share_tokens_in_cut_documents=float(tokens / self.position),
        )


def _cut(lengths: Integers, which: NDArray[np.bool_], context: int) -> tuple[int, int, int]:
    """Count (documents that are cut, those of them that would fit into the context, tokens of all of them)."""
    return int(which.sum()), int((which & (lengths <= context)).sum()), int(lengths[which].sum())
