"""A share of items with its interval: clustered by document, or Wilson's where each item has a document of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from desdecero.eval_suites.by_heart.results import Extracted
from desdecero.eval_suites.statistics import Interval, clustered_share, wilson

NEGLIGIBLE = 1e-12
"""Chances that count as 0: the fourth powers of some of them, of which variances of variances are made, are no numbers
for a computer."""


def extracted(values: Sequence[float] | Sequence[bool], documents: Sequence[str], confidence: float) -> Extracted:
    """Return the share of items that were extracted; `values` are true or false, or chances between 0 and 1.

    documents: that of each item
    Raises `ValueError` for no items.
    """
    array = np.asarray(values, dtype=np.float64)
    array = np.where(array < NEGLIGIBLE, 0.0, array)
    binary = bool(np.isin(array, (0.0, 1.0)).all())
    found = (
        wilson(int(array.sum()), len(array), confidence)
        if binary and len(set(documents)) == len(documents)
        else clustered_share(array, list(documents), confidence)
    )
    return of_interval(float(array.sum()), len(array), found)


def of_interval(count: float, of: int, found: Interval | None) -> Extracted:
    """Return `count` of so many with an interval of the share, or without one."""
    value = count / of
    return Extracted(
        count=count, of=of, value=value, low=found.low if found else None, high=found.high if found else None
    )


def interval(share: Extracted) -> Interval | None:
    """Return the interval of a share; None where it has none."""
    return None if share.low is None or share.high is None else Interval(share.value, share.low, share.high)
