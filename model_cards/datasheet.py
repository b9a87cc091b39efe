"""The corpus' datasheet: `corpus/report.json` → Markdown, in English and in Spanish.

What a person asks of a corpus, in the order of Gebru et al. 2021 ("Datasheets for Datasets"): what it is made of,
what was done to it and to how much of it, what is known of the rights of others in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2

from model_cards.corpus_words import named
from model_cards.formats import Language, filters


def render(report: Mapping[str, Any], name: str, purpose: str, language: Language) -> str:
    """The whole page. `report` is the corpus' report, `name` and `purpose` the recipe's."""
    return page("datasheet", language, report=report, name=name, purpose=purpose)


def page(template: str, language: Language, **values: Any) -> str:
    """A template of this package, filled in."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("model_cards"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters(language))
    environment.filters["named"] = lambda word, kind: named(language, kind, word)
    return environment.get_template(f"{template}.{language}.md.jinja").render(values)
