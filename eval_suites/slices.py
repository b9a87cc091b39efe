"""A measure by parts of the held-out text: by source, language, length, and the corpus' domain slice.

    slices(suite, measure, [Facts("laws", "es", 10_400), …], scores)       # → list of `Slice`
    one_slice(suite, measure, "domain", "health", scores)

The unit is the document, as in the suite itself. A slice has an interval from `LEAST_EFFECTIVE` effective documents on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from desdecero.eval_suites.language_modeling import LanguageModeling, Measure
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.eval_suites.results import Dimension, Measured, Slice
from desdecero.eval_suites.statistics import LEAST_EFFECTIVE, effective_documents

PARTS_BY_LENGTH = 4
"""Slices by length hold a quarter of the documents each."""


@dataclass(frozen=True)
class Facts:
    """What a document is sliced by."""

    source: str
    language: str
    """Empty where it is not known."""
    length: int
    """Bytes of the whole document, of which perhaps only pieces are scored."""


def slices(
    suite: LanguageModeling, measure: Measure, facts: Sequence[Facts], scores: Sequence[DocumentScore]
) -> list[Slice]:
    """Return the measure by source, by language and by length of the documents; `scores` are of the same documents.

    Sources and languages are in alphabetical order, lengths from the shortest on.
    """
    lengths = _lengths([fact.length for fact in facts])
    names: dict[Dimension, list[str]] = {
        "source": [fact.source for fact in facts],
        "language": [fact.language for fact in facts],
        "length": [lengths[fact.length] for fact in facts],
    }
    found = []
    for dimension, of_documents in names.items():
        values = list(dict.fromkeys(lengths.values())) if dimension == "length" else sorted(set(of_documents))
        for value in values:
            chosen = [score for score, name in zip(scores, of_documents, strict=True) if name == value]
            found.append(one_slice(suite, measure, dimension, value, chosen))
    return found


def one_slice(
    suite: LanguageModeling, measure: Measure, dimension: Dimension, value: str, scores: Sequence[DocumentScore]
) -> Slice:
    """Return the measure of the documents with these scores; with an interval where there are enough of them."""
    estimate = suite.estimate(measure, scores)
    enough = effective_documents([score.bytes for score in scores]) >= LEAST_EFFECTIVE
    return Slice(
        dimension=dimension,
        value=value,
        documents=len(scores),
        bytes=sum(score.bytes for score in scores),
        measured=Measured(
            value=estimate.value,
            low=estimate.low if enough else None,
            high=estimate.high if enough else None,
            better="higher" if measure.is_share else "lower",
            share=measure.is_share,
        ),
    )


def _lengths(lengths: Sequence[int]) -> dict[int, str]:
    """Name the slice of each length by the shortest and the longest document of it in bytes, the shortest first."""
    bounds = np.quantile(lengths, np.arange(1, PARTS_BY_LENGTH) / PARTS_BY_LENGTH) if lengths else np.zeros(0)
    parts: dict[int, list[int]] = {}
    for length in sorted(set(lengths)):
        parts.setdefault(int(np.searchsorted(bounds, length)), []).append(length)
    return {length: f"{part[0]}-{part[-1]}" for part in parts.values() for length in part}
