"""The corpus' datasheet: `corpus/report.json` → Markdown, in English and in Spanish.

The questions follow Gebru et al. 2021 ("Datasheets for Datasets"): composition of the corpus, its processing with
quantities, and the rights of others in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desdecero.model_cards.pages import page
from desdecero.model_cards.words import Language


def render(report: Mapping[str, Any], name: str, purpose: str, language: Language) -> str:
    """Render the page. `report` is the corpus' report; `name` and `purpose` are those of the recipe."""
    return page("datasheet", language, report=report, name=name, purpose=purpose)
