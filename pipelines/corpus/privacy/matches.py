"""Matches of the detectors of personal data, and the choice between overlapping ones."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Strength(IntEnum):
    """Evidence for a match. The stronger wins if two overlap; of equals, the longer one."""

    SHAPE = 1
    """It has the format of its kind."""
    WORD = 2
    """Only the word before it distinguishes it from any other number."""
    CHECKED = 3
    """Its check digits hold, or its format is unambiguous (an e-mail address)."""
    NAMED = 4
    """It has the format of its kind, and the text before it names it."""


@dataclass(frozen=True, slots=True)
class Match:
    """One piece of personal data in a text."""

    start: int
    end: int
    kind: str
    """The recipe's name: email, phone, national_id, …"""
    form: str
    """The format: es_dni, br_cpf, iban, jwt, …"""
    strength: Strength


def disjoint(matches: Iterable[Match]) -> list[Match]:
    """Return the matches that are kept, in the order of the text, without overlaps."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda match: (-match.strength, match.start - match.end, match.start, match.form)):
        place = bisect.bisect(kept, match.start, key=lambda other: other.start)
        free_before = place == 0 or kept[place - 1].end <= match.start
        free_after = place == len(kept) or match.end <= kept[place].start
        if free_before and free_after:
            kept.insert(place, match)
    return kept
