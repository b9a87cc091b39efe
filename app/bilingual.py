"""Components whose texts change with the language that the reader chooses, without a restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from desdecero.model_cards.words import Language

Component = TypeVar("Component", bound=gr.blocks.Block)


class Bilingual:
    """The components of a page, with the functions that update each to a language."""

    def __init__(self, language: Language):
        self.language = language
        self.components: list[gr.blocks.Block] = []
        self.updates: list[Callable[[Language], gr.blocks.Block]] = []

    def add(self, kind: type[Component], texts: Callable[[Language], dict[str, Any]], **fixed: Any) -> Component:
        """Add a component. `texts` returns the arguments that depend on the language; `fixed` are the others."""
        component = kind(**texts(self.language), **fixed)
        self.components.append(component)
        self.updates.append(lambda language: kind(**texts(language)))
        return component

    def html(self, show: Callable[[Language], str]) -> gr.HTML:
        """Add a piece of HTML, which is hidden while it is empty."""

        def texts(language: Language) -> dict[str, Any]:
            value = show(language)
            return {"value": value, "visible": bool(value)}

        return self.add(gr.HTML, texts)

    def set_language(self, language: Language) -> list[gr.blocks.Block]:
        """Return the update of every component."""
        return [update(language) for update in self.updates]
