"""The catalogue of texts that people read, in English and Spanish: for cards, pages, pictures and the terminal.

    say("es", "page.written.one", number=1)      # "1 token escrito."
    name("es", "verdict", "underpowered")        # "muestra insuficiente": a report's own word
    name("es", "drop", "a_new_reason")           # "a new reason": a word that the catalogue does not know

`en.yaml` and `es.yaml` have the same keys, each text with the same `{placeholders}`. They are read and compared at the
first look-up. Sections with the name of a report's term in the singular (`source`, `drop`, `verdict`, …) are looked up
with `name`; all others hold labels and sentences, which are looked up with `say`.
"""

from __future__ import annotations

import functools
import os
import string
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any, Literal, get_args

import yaml

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def say(language: Language, key: str, /, **values: object) -> str:
    """Return the text of `key` with its placeholders filled in; raise `KeyError` for a missing key or value."""
    return catalogue()[language][key].format_map(values)


def name(language: Language, family: str, word: str) -> str:
    """Return the name of a report's word; the word itself, with spaces for underscores, if the catalogue has none."""
    return catalogue()[language].get(f"{family}.{word}") or word.replace("_", " ")


def file_in(language: Language, file: str) -> str:
    """Return the name of a file's version in a language: `README.md` is English, `README.es.md` Spanish."""
    stem, _, ending = file.rpartition(".")
    return file if language == LANGUAGES[0] else f"{stem}.{language}.{ending}"


def reader_language(languages: Sequence[str], asked: Language | None) -> Language:
    """Return the language to tell a person in: the one asked for, or the first of the recipe's, or LANG, or English."""
    candidates = (asked, languages[0], os.environ.get("LANG", "")[:2])
    return next((language for candidate in candidates for language in LANGUAGES if language == candidate), "en")


@functools.cache
def catalogue() -> Mapping[Language, Mapping[str, str]]:
    """Read language → key → text; raise `ValueError` if the languages differ in a key or in its placeholders."""
    texts = {language: dict(_flat(_read(language))) for language in LANGUAGES}
    first, *others = LANGUAGES
    for other in others:
        if lacking := texts[first].keys() ^ texts[other].keys():
            raise ValueError(f"words in one language only: {', '.join(sorted(lacking))}")
        for key, text in texts[first].items():
            if placeholders(text) != placeholders(texts[other][key]):
                raise ValueError(f"{key} has other placeholders in {other} than in {first}")
    return texts


def placeholders(text: str) -> set[str]:
    """Return the names in braces."""
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def _read(language: Language) -> Any:
    text = (resources.files(__name__) / f"{language}.yaml").read_text(encoding="utf-8")
    # libyaml's reader takes 0.03 s for both languages, Python's 0.2 s (one core of a Xeon).
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _flat(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield key, node
    elif isinstance(node, dict) and node:
        for step, below in node.items():
            yield from _flat(below, f"{key}.{step}" if key else str(step))
    else:
        raise ValueError(f"{key} is not a text: quote it")
