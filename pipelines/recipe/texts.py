"""Texts of the authors, in one language or in both that the pages are written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from desdecero.model_cards.words import LANGUAGES, Language


def _one_or_both(text: Any) -> Any:
    if isinstance(text, str):
        return text
    written = isinstance(text, Mapping) and text.keys() <= set(LANGUAGES)
    if not (written and text and all(isinstance(words, str) and words.strip() for words in text.values())):
        raise ValueError("is not a text, nor one for each language: write {en: …, es: …}, or one of the two")
    return text


Text = Annotated[str | dict[Language, str], BeforeValidator(_one_or_both)]
"""`A text.`, or `{en: A text., es: Un texto.}`."""


def read_in(text: str | Mapping[Language, str], language: Language) -> str:
    """Return a text in a language, or in the one that it is written in."""
    if isinstance(text, str):
        return text
    return text.get(language) or next(iter(text.values()))
