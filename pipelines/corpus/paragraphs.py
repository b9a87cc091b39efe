"""Paragraphs that occur word for word in several documents: notices, menus, forms, quotations of the same law.

A paragraph is enclosed by blank lines; in a text without blank lines, each line is one. Two are the same if their words
are, whatever their case, whitespace and punctuation. One that occurs in more documents than the recipe allows is kept
in the first of them and removed from the others.

Workers hash the paragraphs; the main process appends the hashes to files, partitioned by hash, and counts one file at a
time. Disk: 16 bytes a paragraph. Memory: one file, and 12 bytes for each repeated paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.corpus.text_arrays import Characters, Hashes, SpanHasher, words_and_signs
from desdecero.pipelines.recipe import RepeatedParagraphs

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_FILES = 64
_RECORD = np.dtype([("hash", "<u8"), ("document", "<i4"), ("words", "<i4")])


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """The paragraphs of some documents that are long enough to be compared."""

    hashes: Hashes
    owners: NDArray[np.int64]
    """Number of each paragraph's document, counted from 0."""
    words: NDArray[np.int64]
    """Number of words in each paragraph."""
    totals: NDArray[np.int64]
    """Number of words in each document, in paragraphs of any length."""

    def head(self, count: int) -> Paragraphs:
        """Return those of the first `count` documents."""
        end = np.searchsorted(self.owners, count)
        return Paragraphs(self.hashes[:end], self.owners[:end], self.words[:end], self.totals[:count])


@dataclass(frozen=True, slots=True)
class Repeated:
    """Paragraphs that occur in too many documents."""

    hashes: Hashes
    """Ascending."""
    first: NDArray[np.int32]
    """The document that keeps each of them."""
    left: NDArray[np.int32]
    """Words left in each document; -1 for one that loses none."""


def spans(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each paragraph of a text."""
    separator = _BLANK_LINES if _BLANK_LINES.search(text) else re.compile("\n")
    cuts = [match.span() for match in separator.finditer(text)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    return list(zip(starts, ends, strict=True))


def paragraphs_of(texts: Sequence[str], limits: RepeatedParagraphs) -> Paragraphs:
    """Hash the paragraphs of texts: the same in every batch and on every machine."""
    hashes, counts, owners = _hash(texts, [spans(text) for text in texts])
    totals = np.bincount(owners, weights=counts, minlength=len(texts)).astype(np.int64)
    long = counts >= limits.min_words
    return Paragraphs(hashes[long], owners[long], counts[long], totals)


def _hash(
    texts: Sequence[str], places: Sequence[Sequence[tuple[int, int]]]
) -> tuple[Hashes, NDArray[np.int64], NDArray[np.int64]]:
    """Return (hash, number of words, number of the text) of each paragraph."""
    characters = Characters(texts)
    starts, ends = words_and_signs(characters)
    sequence = SpanHasher(characters.hasher(fold=True)(starts, ends))
    owners = np.repeat(np.arange(len(texts)), [len(spans) for spans in places])
    flat = np.array([span for spans in places for span in spans], dtype=np.int64).reshape(-1, 2)
    flat += characters.starts[owners][:, None]
    first, last = np.searchsorted(starts, flat[:, 0]), np.searchsorted(starts, flat[:, 1])
    return sequence(first, last), last - first, owners


class ParagraphIndex:
    """The hashes of all paragraphs, in files below a folder."""

    def __init__(self, folder: Path, limits: RepeatedParagraphs):
        self.folder, self.limits, self.count = folder, limits, 0
        folder.mkdir(parents=True, exist_ok=True)
        self._totals = (folder / "totals.i32").open("wb")
        self._files = [(folder / f"{number:02d}.paragraphs").open("wb") for number in range(_FILES)]

    def add(self, paragraphs: Paragraphs) -> None:
        """Append paragraphs; documents are numbered in the order in which they come."""
        records = np.empty(len(paragraphs.hashes), dtype=_RECORD)
        records["hash"], records["words"] = paragraphs.hashes, paragraphs.words
        records["document"] = paragraphs.owners + self.count
        parts = paragraphs.hashes >> np.uint64(64 - 6)
        records = records[np.argsort(parts, kind="stable")]
        bounds = np.searchsorted(np.sort(parts), np.arange(_FILES + 1))
        for file, start, end in zip(self._files, bounds[:-1], bounds[1:], strict=True):
            file.write(records[start:end].tobytes())
        self._totals.write(paragraphs.totals.astype(np.int32).tobytes())
        self.count += len(paragraphs.totals)

    def close(self) -> None:
        """Close the files."""
        for file in (self._totals, *self._files):
            file.close()

    def __enter__(self) -> ParagraphIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decide(self, kept: NDArray[np.bool_]) -> Repeated:
        """Find the repeated paragraphs, counted over the documents that are kept."""
        self.close()
        totals = np.fromfile(self.folder / "totals.i32", dtype=np.int32)
        lost = np.zeros(self.count, dtype=np.int64)
        hashes, first = [], []
        for file in self._files:
            for repeated, document, records in self._repeated_in(Path(file.name), kept):
                hashes.append(repeated)
                first.append(document)
                np.add.at(lost, records["document"], records["words"])
        none = np.zeros(0, dtype=np.uint64)
        return Repeated(
            np.concatenate([none, *hashes]),
            np.concatenate([none, *first]).astype(np.int32),
            np.where(lost > 0, totals - lost, -1).astype(np.int32),
        )

    def _repeated_in(
        self, path: Path, kept: NDArray[np.bool_]
    ) -> Iterator[tuple[Hashes, NDArray[np.int32], NDArray[np.void]]]:
        """Yield (hashes, first document of each, records of the others) of the repeated paragraphs of one file."""
        records = np.fromfile(path, dtype=_RECORD)
        records = records[kept[records["document"]]]
        records = records[np.lexsort((records["document"], records["hash"]))]
        if not len(records):
            return
        opens = np.diff(records["hash"], prepend=~records["hash"][:1]) != 0
        fresh = opens | (np.diff(records["document"], prepend=-1) != 0)
        paragraph = np.cumsum(opens) - 1
        too_many = np.bincount(paragraph, weights=fresh) > self.limits.max_documents
        heads = records[opens]
        other = too_many[paragraph] & (records["document"] != heads["document"][paragraph])
        yield heads["hash"][too_many], heads["document"][too_many], records[other]


def without_repeated(
    texts: Sequence[str], numbers: NDArray[np.int64], repeated: Repeated, limits: RepeatedParagraphs
) -> list[tuple[str, list[str]]]:
    """Return each text without its repeated paragraphs, and the paragraphs removed. numbers: those of the documents."""
    places = [spans(text) for text in texts]
    hashes, counts, owners = _hash(texts, places)
    index = np.minimum(np.searchsorted(repeated.hashes, hashes), len(repeated.hashes) - 1)
    goes = (
        (repeated.hashes[index] == hashes) & (repeated.first[index] != numbers[owners]) & (counts >= limits.min_words)
    )
    results, position = [], 0
    for text, marks in zip(texts, places, strict=True):
        gone = [span for span, go in zip(marks, goes[position : position + len(marks)], strict=True) if go]
        position += len(marks)
        results.append((_cut(text, gone), [text[start:end] for start, end in gone]))
    return results


def _cut(text: str, gone: Sequence[tuple[int, int]]) -> str:
    """Remove these ranges from the text, and the blank lines that they leave."""
    pieces, position = [], 0
    for start, end in gone:
        pieces.append(text[position:start])
        blank = re.compile(r"\s*").match(text, end)
        position = blank.end() if blank else end
    return ("".join(pieces) + text[position:]).strip("\n")
