"""The corpus' datasheet: `corpus/report.json` → Markdown, in English and in Spanish.

What a person asks of a corpus, in the order of Gebru et al. 2021 ("Datasheets for Datasets"): what it is made of,
what was done to it and to how much of it, what is known of the rights of others in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desdecero.model_cards.pages import page
from desdecero.model_cards.words import Language


def render(report: Mapping[str, Any], name: str, purpose: str, language: Language) -> str:
    """The whole page. `report` is the corpus' report, `name` and `purpose` the recipe's."""
    return page("datasheet", language, report=report, name=name, purpose=purpose)
