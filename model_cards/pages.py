"""Templates of all pages, and what they may call, in English and in Spanish.

A template is the same for every language: its words come from the catalogue, with `say` and `term`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2

from desdecero.model_cards.evidence import Missing
from desdecero.model_cards.formats import filters
from desdecero.model_cards.words import Language, file_in, name, say


def page(template: str, language: Language, **values: Any) -> str:
    """Fill in a template of this package."""
    return environment(language).get_template(f"{template}.md.jinja").render(values, language=language)


def environment(language: Language, finalize: Callable[[Any], Any] | None = None) -> jinja2.Environment:
    """Make the environment of the templates, with a language's words and filters; an unknown name is an error.

    finalize: what becomes of each value that is printed, alone or within a text of the catalogue
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("desdecero.model_cards"),
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def say_finalized(key: str, /, **values: Any) -> str:
        return say(language, key, **{field: finalize(value) if finalize else value for field, value in values.items()})

    made.globals["say"] = say_finalized
    made.globals["term"] = lambda key: say(language, f"term.{key}")
    made.filters.update(filters(language))
    made.filters["name"] = lambda word, family: word if isinstance(word, Missing) else name(language, family, word)
    made.filters["file_in"] = lambda file: file_in(language, file)
    made.tests["missing"] = lambda value: isinstance(value, Missing)
    return made
