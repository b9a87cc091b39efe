"""The tokenizer's page: `tokenizer/report.json` → Markdown, in English and in Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desdecero.model_cards.pages import page
from desdecero.model_cards.words import Language


def render(report: Mapping[str, Any], name: str, language: Language) -> str:
    """Render the page. `report` is the tokenizer's report; `name` is that of the recipe."""
    return page("tokenizer", language, report=report, name=name)
