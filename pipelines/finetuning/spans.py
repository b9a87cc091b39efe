"""What holds of the spans of a text: they lie in it, are not empty, and do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from desdecero.pipelines.finetuning.example import Span


def checked(spans: Sequence[Span], places: Sequence[str], text: str) -> tuple[Span, ...]:
    """Return the spans in the order of the text. Raises `ValueError` for one that cannot be learned from.

    places: where each span stands, for messages
    """
    for span, place in zip(spans, places, strict=True):
        if not 0 <= span.start <= span.end <= len(text):
            raise ValueError(
                f"{place}: the span {_named(span)} lies outside its text of {len(text)} characters: fix its ends, "
                "which count characters from 0"
            )
        if not text[span.start : span.end].strip():
            raise ValueError(f"{place}: the span {_named(span)} is empty: fix its ends, or take it out")
    order = sorted(range(len(spans)), key=lambda number: (spans[number].start, spans[number].end))
    for first, second in pairwise(order):
        if spans[second].start < spans[first].end:
            raise ValueError(
                f"{places[second]}: the span {_named(spans[second])} overlaps {_named(spans[first])}: a character has "
                "one label: shorten one of the two, or take it out"
            )
    return tuple(spans[number] for number in order)


def _named(span: Span) -> str:
    return f"{span.label} {span.start}–{span.end}"
