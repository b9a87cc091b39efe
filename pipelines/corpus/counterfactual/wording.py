"""Parts shared by the swaps of both languages: tokens, letter case, the lexicon, and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

import yaml

from desdecero.pipelines.corpus.letters import LETTERS

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|[^\w\s]|_")

Gender = Literal["m", "f"]


class Inflection(NamedTuple):
    """A word form: its counterpart in the other gender, its gender, and whether it is plural."""

    other: str
    gender: Gender
    plural: bool


class Unsure(Exception):
    """The sentence cannot be swapped with certainty."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign of a sentence."""

    text: str
    lower: str
    start: int
    end: int

    @property
    def is_word(self) -> bool:
        """True for letters."""
        return self.text[0].isalpha()

    @property
    def is_acronym(self) -> bool:
        """True for a word in capitals."""
        return len(self.text) > 1 and self.text.isupper()

    @property
    def is_capitalized(self) -> bool:
        """True for a word that begins with a capital."""
        return self.text[0].isupper()


def tokenize(sentence: str) -> list[Token]:
    """Split a sentence into words and signs."""
    return [Token(m.group(), m.group().lower(), m.start(), m.end()) for m in _TOKEN.finditer(sentence)]


def in_case_of(model: str, word: str) -> str:
    """Return `word` with a capital if `model` begins with one."""
    return word[0].upper() + word[1:] if model[0].isupper() else word


def replace(sentence: str, tokens: Sequence[Token], changes: Mapping[int, str]) -> str:
    """Replace some tokens of the sentence, by their place; "" removes one with the blank before it."""
    pieces, last = [], 0
    for place in sorted(changes):
        token, new = tokens[place], changes[place]
        pieces += [sentence[last : token.start] if new else sentence[last : token.start].rstrip(), new]
        last = token.end
    return "".join(pieces) + sentence[last:]


@cache
def lexicon(language: str) -> dict[str, str]:
    """Read the sections of a language's word list."""
    file = resources.files("desdecero.pipelines") / "corpus" / "counterfactual" / f"lexicon_{language}.yaml"
    data: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return data


@cache
def words(language: str, section: str) -> frozenset[str]:
    """Return the words of a section."""
    return frozenset(lexicon(language)[section].split())


def pairs(section: str) -> list[tuple[str, str]]:
    """Parse `one two, three four` as [("one", "two"), ("three", "four")]."""
    return [(first, second) for first, second in (pair.split() for pair in section.split(","))]


def opens_sentence(tokens: Sequence[Token], place: int) -> bool:
    """Tell whether only punctuation precedes a token, or a mark that requires a capital after it."""
    before = place - 1
    while before >= 0 and not tokens[before].is_word and not tokens[before].text.isdigit():
        if tokens[before].text in "—–-:¿¡«“\"'‘(.!?…":
            return True
        before -= 1
    return before < 0


def swap_if_certain(
    sentence: str,
    names: Mapping[str, Inflection],
    people: frozenset[str],
    swap_once: Callable[[str, Mapping[str, Inflection]], str | None],
) -> str | None:
    """Swap the sentence if swapping twice restores it; None if it does not, or if the sentence mentions nobody.

    people: words in lower case that mention a man or a woman.
    swap_once: returns the swapped sentence, or None if nothing changes; raises `Unsure`.
    """
    if people.isdisjoint(LETTERS.findall(sentence.lower())) and names.keys().isdisjoint(LETTERS.findall(sentence)):
        return None
    try:
        swapped = swap_once(sentence, names)
        return swapped if swapped is not None and swap_once(swapped, names) == sentence else None
    except Unsure:
        return None
