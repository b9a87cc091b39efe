"""What all pages are made with: templates, and what they may call, in English and in Spanish."""

from __future__ import annotations

from typing import Any

import jinja2

from desdecero.model_cards.corpus_words import named
from desdecero.model_cards.evidence import Missing
from desdecero.model_cards.formats import Language, filters


def page(template: str, language: Language, **values: Any) -> str:
    """A template of this package, filled in."""
    return environment(language).get_template(f"{template}.{language}.md.jinja").render(values)


def environment(language: Language, **options: Any) -> jinja2.Environment:
    """Templates of this package, with the filters of a language; a name that they do not know is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("desdecero.model_cards"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    made.filters.update(filters(language))
    made.filters["named"] = lambda word, kind: word if isinstance(word, Missing) else named(language, kind, word)
    return made
