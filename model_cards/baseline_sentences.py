"""What a model is worth beside its baselines, in sentences: which of them it beats, and which beat it.

A baseline's value has no interval of its own: it was computed on the same items, so the model is called better where
its whole interval is, and worse where the whole interval is on the other side. Without an interval nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from desdecero.model_cards.formats import Scale, interval
from desdecero.model_cards.words import Language, name, say

Place = Literal["wins", "loses", "open"]


def beside_baselines(language: Language, suite: Any) -> str:
    """Return the sentences about a suite's main measure, those that beat the model first; "" without baselines."""
    places = dict[Place, list[str]](loses=[], open=[], wins=[])
    scale: Scale = "percent" if suite["measures"][suite["main"]]["share"] else "plain"
    for baseline, value, place in _placed(suite):
        places[place].append(f"{name(language, 'baseline', baseline)} ({interval(language, value, scale)})")
    measure = name(language, "measure", suite["main"]) if suite["main"] else ""
    return " ".join(
        say(language, f"beside_baselines.{place}", measure=measure, baselines="; ".join(found))
        for place, found in places.items()
        if found
    )


def _placed(suite: Any) -> Iterator[tuple[str, float, Place]]:
    main = suite["main"]
    own = suite["measures"][main] if main else main
    for baseline in suite["baselines"] if own else ():
        value = suite["baselines"][baseline][main]
        if not isinstance(value, int | float):
            continue
        low, high = own["low"], own["high"]
        if not (isinstance(low, int | float) and isinstance(high, int | float)) or low <= value <= high:
            yield baseline, value, "open"
        else:
            yield baseline, value, "wins" if (value < low) == (own["better"] == "higher") else "loses"
