"""Numbers, dates and names in a text: what a sentence states that can be checked word for word.

    [value.text for value in values_in("On 3 May 1912 the house of Anna Berg had 1,204 books.")]
    # ["3 May 1912", "Anna Berg", "1,204"]

Patterns for English and Spanish. A name is a run of words with a capital inside a sentence; a title, or a noun that is
written with a capital, looks the same. Numbers of one digit are left out: they stand everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["number", "date", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_CAPITAL, _SMALL = "A-Z\u00c0-\u00d6\u00d8-\u00de", "a-z\u00df-\u00f6\u00f8-\u00ff"
_MONTH = "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
_MONTH += "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|enero|febrero|marzo|abril|mayo|junio|julio|agosto|"
_MONTH += r"sep?tiembre|setiembre|octubre|noviembre|diciembre)\b\.?"
_YEAR = r"(?:,? (?:del? |of )?\d{4})"
_DATES = (
    rf"\d{{1,2}}(?:st|nd|rd|th)?(?: de| of)? {_MONTH}{_YEAR}?",
    rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?!\d){_YEAR}?",
    rf"{_MONTH}{_YEAR}",
    r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}",
    r"\d{4}-\d{2}-\d{2}",
)
_NAME = rf"[{_CAPITAL}](?:[^\W\d_]|['’-](?=[^\W\d_]))+[{_SMALL}](?!\w)"
_INSIDE = rf"(?:(?<=[{_SMALL}] )|(?<=[{_SMALL}\d], ))"
_VALUE = re.compile(
    rf"(?<![\w/.,-])(?P<date>{'|'.join(_DATES)})(?![\w/])"
    r"|(?<![\w/.,-])(?P<number>\d[\d.,]*\d)(?![\w/-])"
    rf"|{_INSIDE}(?P<name>{_NAME}(?: (?:(?:de|del|de la|de los|of|of the|van|von) )?{_NAME})*)"
)


@dataclass(frozen=True)
class Value:
    """A value in a text, in characters."""

    kind: Kind
    text: str
    start: int
    end: int


def values_in(text: str) -> list[Value]:
    """Return the numbers, dates and names of a text, in its order, without overlaps."""
    found = []
    for match in _VALUE.finditer(text):
        kind = next(kind for kind in KINDS if match[kind])
        found.append(Value(kind, match[kind], match.start(kind), match.end(kind)))
    return found


class Lookup:
    """Values to look for in many texts, where they stand as whole words. It takes some 10 MB a second (one core)."""

    def __init__(self, values: frozenset[str]) -> None:
        self._by_first = dict[str, list[str]]()
        for value in sorted(values):
            self._by_first.setdefault(_WORD.findall(value)[0], []).append(value)

    def __call__(self, text: str) -> set[str]:
        """Return the values that stand in the text."""
        found = set[str]()
        for word in _WORD.finditer(text):
            for value in self._by_first.get(word[0], ()):
                if value not in found and text.startswith(value, word.start()):
                    end = word.start() + len(value)
                    if not _WORD.match(text, end):
                        found.add(value)
        return found


_WORD = re.compile(r"\w+")
