"""Texts of the authors on a card: as they stand in the card's language, or quoted, with the language they are in.

A recipe holds a text as one string, or as `{en: …, es: …}`. Nothing is translated: a text that is written in one
language is never shown as if it were the other. The language of a string is told by its commonest words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from desdecero.model_cards.evidence import Evidence, Missing, View
from desdecero.model_cards.formats import paragraphs, plain
from desdecero.model_cards.words import LANGUAGES, Language, name, say

FUNCTION_WORDS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:the|of|and|to|is|are|was|be|been|in|on|at|for|with|by|from|that|this|it|its|not|or|an|as|which|who)\b"
    ),
    "es": re.compile(
        r"\b(?:el|la|los|las|de|del|y|un|una|unos|en|con|para|por|que|se|su|sus|es|son|fue|ser|no|al|lo|como|sin)\b"
    ),
}
"""Words that are frequent in one of the languages and are none of the other's."""


def stated(evidence: Evidence, key: str) -> Any:
    """Return what the authors stated at a key of the recipe; `Missing` where they left it empty."""
    return evidence[key] or Missing(key)


def in_language(language: Language, text: Any) -> Any:
    """Return a text for programs, without a mark: in a language, or in the one that it is written in."""
    return _words(language, text)[0]


def written_in(text: str) -> Language | None:
    """Return the language with more function words in the text; None where none has more."""
    counts = {language: len(words.findall(text.lower())) for language, words in FUNCTION_WORDS.items()}
    first, second = sorted(counts, key=lambda language: -counts[language])
    return first if counts[first] > counts[second] else None


def quoted_block(language: Language, text: Any) -> Any:
    """Return the paragraphs of a text; in another language, as a quotation under a line that names it."""
    words, written = _words(language, text)
    if not isinstance(words, str) or written == language:
        return paragraphs(words) if isinstance(words, str) else words
    lines = [_heading(language, written), "", *paragraphs(words).split("\n")]
    return "\n".join([lines[0], "", *(f"> {line}".rstrip() for line in lines[2:])])


def quoted_line(language: Language, text: Any) -> Any:
    """Return the same in one line, for a cell of a table."""
    words, written = _words(language, text)
    if not isinstance(words, str) or written == language:
        return plain(words) if isinstance(words, str) else words
    return f"{_heading(language, written)} {say(language, 'card.quotation', text=plain(words))}"


def _words(language: Language, text: Any) -> tuple[Any, Language | None]:
    """Return the text and the language that it is in; the text is `Missing` where nothing is stated."""
    if not isinstance(text, View):
        return text, written_in(text) if isinstance(text, str) else None
    return next((text[each], each) for each in _preferred(language) if text[each])


def _preferred(language: Language) -> Iterator[Language]:
    yield language
    yield from (other for other in LANGUAGES if other != language)


def _heading(language: Language, written: Language | None) -> str:
    if written is None:
        return say(language, "card.as_written")
    return say(language, "card.as_written_in", language=name(language, "language", written))
