"""Where the words of a text come from: its runs of tokens that stand in the training text, word for word.

    documents = Documents(run)
    for span in trace(index, documents, tokenizer, "Return the number of elements", 8):
        span.text, span.occurrences, [document.id for document in span.documents]
    documents.at(index.places(tokens)[1])                  # the documents that hold a run of tokens
    holding_part(index, documents, tokenizer, text, 20)    # … and those that hold 20 tokens of a text in a row

As OLMoTrace (Liu et al. 2025) does for larger models. A run that stands there is no proof that a model has it by heart:
text that it never saw has such runs too, and `held_out` says how often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from desdecero.pipelines.licenses.expressions import UNSAID
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.suffix_array import Place, TokenIndex, read_index

LEAST_TOKENS = 8
"""Of a run that is shown, unless another number is asked for: fewer stand in nearly every text."""
SHOWN_DOCUMENTS = 5
MOST_PLACES = 1000


@dataclass(frozen=True)
class SourceDocument:
    """A training document."""

    id: str
    source: str
    license: str | None
    """None where none is known."""


@dataclass(frozen=True)
class TracedSpan:
    """A run of tokens of a text that stands in the training text, and no longer run around it does."""

    start: int
    """In characters of the text."""
    end: int
    text: str
    tokens: int
    occurrences: int
    documents: list[SourceDocument]
    """Some of those that it stands in."""
    held_out: float | None
    """Share of the runs of held-out text, of as many tokens, that stand in the training text; None where it has none
    of so many."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


class Documents:
    """The training documents of a run, by the places of their tokens."""

    def __init__(self, run: RunDir):
        self.run = run
        self._known: dict[str, SourceDocument] = {}

    @cached_property
    def _rows(self) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        """Shard → (first tokens, ids), in the order of the first tokens."""
        index = read_index(self.run, "train")
        order = np.argsort(index["start"], kind="stable")
        shards, starts, ids = index["shard"][order], index["start"][order], index["id"][order]
        return {shard: (starts[shards == shard], ids[shards == shard]) for shard in set(shards)}

    def at(self, places: Sequence[Place]) -> list[SourceDocument]:
        """Return the documents that hold these tokens, each once.

        The ledger of the tokens is read for those that have not been asked for before: ask for many at once.
        """
        ids = list(dict.fromkeys(self._id(place) for place in places))
        if unknown := [identity for identity in ids if identity not in self._known]:
            columns, wanted = ["id", "source", "license"], [("id", "in", unknown)]
            for row in pq.read_table(self.run.token_ledger, columns=columns, filters=wanted).to_pylist():
                row["license"] = None if row["license"] in UNSAID else row["license"]
                self._known[row["id"]] = SourceDocument(**row)
        return [self._known[identity] for identity in ids]

    def _id(self, place: Place) -> str:
        starts, ids = self._rows[place.shard]
        return str(ids[np.searchsorted(starts, place.position, "right") - 1])


def trace(index: TokenIndex, documents: Documents, tokenizer: Any, text: str, least: int) -> list[TracedSpan]:
    """Return the runs of at least `least` tokens of a text that stand in the training text, longest first."""
    ids, offsets = encode(tokenizer, text)
    found = []
    for first, known in _known(ids, tokenizer.unk_token_id):
        for start, length in index.runs(known, least):
            found.append((first + start, length, *index.places(known[start : start + length], SHOWN_DOCUMENTS)))
    documents.at([place for *_, places in found for place in places])
    spans = []
    for start, length, count, places in found:
        begin, end = offsets[start][0], offsets[start + length - 1][1]
        held_out = index.held_out.share(length)
        spans.append(TracedSpan(begin, end, text[begin:end], length, count, documents.at(places), held_out))
    return sorted(spans, key=lambda span: (-span.tokens, span.start))


def holding_part(
    index: TokenIndex, documents: Documents, tokenizer: Any, text: str, least: int
) -> list[tuple[SourceDocument, int]]:
    """Return the documents that hold at least `least` tokens of a text in one run, and the tokens of their longest one.

    Those with the longest first; of places where the same tokens stand, `MOST_PLACES` are looked at.
    """
    ids, _ = encode(tokenizer, text)
    windows: list[list[Place]] = []  # an empty one between two stretches, so that no run goes on over it
    for _, known in _known(ids, tokenizer.unk_token_id):
        starts = range(len(known) - least + 1)
        windows += [index.places(known[start : start + least], MOST_PLACES)[1] for start in starts]
        windows.append([])
    documents.at([place for places in windows for place in places])
    longest, running = dict[SourceDocument, int](), dict[SourceDocument, int]()
    for places in windows:
        running = {document: running.get(document, least - 1) + 1 for document in documents.at(places)}
        longest |= {document: max(tokens, longest.get(document, 0)) for document, tokens in running.items()}
    return sorted(longest.items(), key=lambda held: (-held[1], held[0].id))


def encode(tokenizer: Any, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the tokens of a text as training has them, special ones in it as text, and the characters of each."""
    options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
    encoded = tokenizer(text, return_offsets_mapping=True, **options)
    return encoded["input_ids"], encoded["offset_mapping"]


def _known(ids: Sequence[int], unknown: int | None) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield the stretches without the token for unknown characters, which stands for any, each with its place."""
    place = 0
    for is_known, group in groupby(ids, key=lambda one: one != unknown):
        stretch = list(group)
        if is_known:
            yield place, stretch
        place += len(stretch)
