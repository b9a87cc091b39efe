"""What the recognisers of personal data say, and which of them is right where two claim the same text."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Strength(IntEnum):
    """Why a match is believed. The stronger wins where two overlap; of equals, the longer one."""

    SHAPE = 1
    """It is written as such things are."""
    WORD = 2
    """Nothing but the word before it tells it from any other number."""
    CHECKED = 3
    """Its check digits hold, or its form leaves no doubt (an e-mail address)."""
    NAMED = 4
    """It is written as such things are, and what stands before it says what it is."""


@dataclass(frozen=True, slots=True)
class Match:
    """One piece of personal data in a text."""

    start: int
    end: int
    kind: str
    """As the recipe calls it: email, phone, national_id, …"""
    form: str
    """The exact thing: es_dni, br_cpf, iban, jwt, …"""
    strength: Strength


def disjoint(matches: Iterable[Match]) -> list[Match]:
    """The matches that stay, in the order of the text: none overlaps another."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda match: (-match.strength, match.start - match.end, match.start, match.form)):
        place = bisect.bisect(kept, match.start, key=lambda other: other.start)
        free_before = place == 0 or kept[place - 1].end <= match.start
        free_after = place == len(kept) or match.end <= kept[place].start
        if free_before and free_after:
            kept.insert(place, match)
    return kept
