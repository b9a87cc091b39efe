"""Build the page: a language switch and the tabs.

Reports are read again whenever the page is loaded, so that newly sealed stages appear.
"""

from __future__ import annotations

import functools
from typing import Any

import gradio as gr

from desdecero.app import audit_views, training_views, views
from desdecero.app.adapters import adapters
from desdecero.app.bilingual import Bilingual
from desdecero.app.try_it import try_it
from desdecero.model_cards.words import LANGUAGES, Language, say
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir

SET_LANGUAGE = "(language) => { document.documentElement.lang = language; return language; }"  # for screen readers
MAX_QUEUE = 20  # requests in the queue; more are asked to come later


def build(run: RunDir, language: Language = "en") -> gr.Blocks:
    """Build the page, with its first language."""
    recipe, page = run.recipe(), Bilingual(language)
    blocks = gr.Blocks(title=recipe.name, analytics_enabled=False)
    with blocks:
        chosen = _language_switch(page)
        page.html(functools.partial(views.header, recipe))
        with gr.Tabs():
            with _tab(page, "page.tab_try"):
                try_it(page, chosen, run, recipe)
            if recipe.adapters:
                with _tab(page, "page.tab_adapters"):
                    adapters(page, chosen, run, recipe)
            with _tab(page, "term.training"):
                page.html(functools.partial(training_views.quality, run, recipe))
                page.html(functools.partial(training_views.before_curve, run, recipe))
                _curve(page, run, recipe)
                page.html(functools.partial(training_views.after_curve, run, recipe))
            with _tab(page, "term.data_and_licenses"):
                page.html(functools.partial(views.data, run, recipe))
            with _tab(page, "term.bias_audit"):
                page.html(functools.partial(audit_views.audit, run, recipe))
            with _tab(page, "page.tab_card"):
                page.add(
                    gr.Markdown, lambda language: {"value": views.card(run, recipe, language)}, elem_classes="dd-card"
                )
        # Also on loading: a stage may have been sealed since the page was built.
        gr.on(
            [chosen.change, blocks.load],
            page.set_language,
            chosen,
            page.components,
            js=SET_LANGUAGE,
            show_progress="hidden",
            api_visibility="private",
        )
    blocks.queue(max_size=MAX_QUEUE, api_open=False)
    return blocks


def _language_switch(page: Bilingual) -> gr.Radio:
    choices = [(say(language, f"language.{language}").capitalize(), language) for language in LANGUAGES]
    return page.add(
        gr.Radio,
        lambda language: {"label": say(language, "page.language")},
        choices=choices,
        value=page.language,
        show_label=False,
        container=False,
        elem_classes="dd-language",
    )


def _tab(page: Bilingual, key: str) -> gr.Tab:
    return page.add(gr.Tab, lambda language: {"label": say(language, key)}, id=key)


def _curve(page: Bilingual, run: RunDir, recipe: Recipe) -> None:
    """Add the loss curve: dragging over it zooms in, and a double click shows all of it again."""
    plot = page.add(gr.LinePlot, functools.partial(training_views.curve, run, recipe), height=360, container=False)

    def zoom(part: gr.SelectData) -> gr.LinePlot:
        return gr.LinePlot(x_lim=part.index)

    quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    plot.select(zoom, None, plot, **quietly)
    plot.double_click(lambda: gr.LinePlot(x_lim=None), None, plot, **quietly)
