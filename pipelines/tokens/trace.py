"""Where the words of a text come from: its runs of tokens that stand in the training text, word for word.

    for span in trace(index, run, tokenizer, "Return the number of elements", 8):
        span.text, span.occurrences, [document.id for document in span.documents]

As OLMoTrace (Liu et al. 2025) does for larger models. A run that stands there is no proof that a model has it by heart:
text that it never saw has such runs too, and `held_out` says how often.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import pyarrow.parquet as pq

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.suffix_array import LONGEST, Place, TokenIndex, read_index

SHOWN_DOCUMENTS = 5


@dataclass(frozen=True)
class SourceDocument:
    """A training document."""

    id: str
    source: str
    license: str | None


@dataclass(frozen=True)
class TracedSpan:
    """A run of tokens of a text that stands in the training text, and no longer run around it does."""

    start: int
    """In characters of the text."""
    end: int
    text: str
    tokens: int
    """`LONGEST` where it is as long or longer."""
    occurrences: int
    documents: list[SourceDocument]
    """Some of those that it stands in."""
    held_out: float | None
    """Share of the runs of held-out text, of as many tokens, that stand in the training text."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


class Documents:
    """The training documents of a run, by the places of their tokens."""

    def __init__(self, run: RunDir):
        self.run = run

    @cached_property
    def _rows(self) -> dict[str, tuple[list[int], list[str]]]:
        """Shard → (first tokens, ids), in the order of the first tokens."""
        index = read_index(self.run, "train")
        found: dict[str, list[tuple[int, str]]] = {}
        for shard, start, identity in zip(index["shard"], index["start"], index["id"], strict=True):
            found.setdefault(shard, []).append((int(start), identity))
        return {shard: tuple(map(list, zip(*sorted(rows), strict=True))) for shard, rows in found.items()}  # type: ignore[misc]

    def at(self, places: Sequence[Place]) -> list[SourceDocument]:
        """Return the documents that hold these tokens, each once."""
        ids = []
        for place in places:
            starts, names = self._rows[place.shard]
            ids.append(names[bisect.bisect_right(starts, place.position) - 1])
        wanted = list(dict.fromkeys(ids))
        columns = ["id", "source", "license"]
        rows = pq.read_table(self.run.token_ledger, columns=columns, filters=[("id", "in", wanted)]).to_pylist()
        known = {row["id"]: SourceDocument(**row) for row in rows}
        return [known[identity] for identity in wanted]


def trace(index: TokenIndex, run: RunDir, tokenizer: Any, text: str, min_tokens: int) -> list[TracedSpan]:
    """Return the runs of at least `min_tokens` tokens of a text that stand in the training text, longest first.

    Raises `UserError` for a text of fewer tokens.
    """
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    if len(ids) < min_tokens:
        raise UserError(
            f"the text has {len(ids)} tokens, and runs of {min_tokens} are looked for: give a longer text, or lower "
            "--min-tokens"
        )
    documents, spans = Documents(run), list[TracedSpan]()
    for start, length in maximal(index.longest(ids), min_tokens):
        count, places = index.places(ids[start : start + length], SHOWN_DOCUMENTS)
        begin, end = offsets[start][0], offsets[start + length - 1][1]
        held_out = index.held_out.share(min(length, LONGEST))
        spans.append(TracedSpan(begin, end, text[begin:end], length, count, documents.at(places), held_out))
    return sorted(spans, key=lambda span: (-span.tokens, span.start))


def maximal(longest: Sequence[int], least: int) -> list[tuple[int, int]]:
    """Return (first token, tokens) of the runs of at least so many tokens that lie in no longer one.

    longest: for each token, how many from it on stand together
    """
    found, reached = list[tuple[int, int]](), 0
    for start, length in enumerate(longest):
        if length >= least and start + length > reached:
            found.append((start, length))
            reached = start + length
    return found
