"""Components that say everything in the language that the reader chose, at once and without a restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from desdecero.model_cards.words import Language


class Bilingual:
    """The components of a page, and how each is said in a language."""

    def __init__(self, language: Language):
        self.language = language
        self.components: list[gr.blocks.Block] = []
        self.updates: list[Callable[[Language], gr.blocks.Block]] = []

    def add(self, kind: type, says: Callable[[Language], dict[str, Any]], **fixed: Any) -> Any:
        """A component of a kind; what depends on the language comes from `says`."""
        component = kind(**says(self.language), **fixed)
        self.components.append(component)
        self.updates.append(lambda language: kind(**says(language)))
        return component

    def html(self, show: Callable[[Language], str]) -> gr.HTML:
        """A piece of HTML, which takes no room while it is empty."""

        def says(language: Language) -> dict[str, Any]:
            value = show(language)
            return {"value": value, "visible": bool(value)}

        return self.add(gr.HTML, says)

    def set_language(self, language: Language) -> list[gr.blocks.Block]:
        """What every component becomes."""
        return [update(language) for update in self.updates]
