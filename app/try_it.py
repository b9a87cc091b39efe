"""The first tab: a prompt, the settings, the answer while it is generated; and the same as an API for programs.

One request is answered at a time; the others wait in a queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import api

from desdecero.app import views
from desdecero.app.answers import completed_html, filled_html, invalid_request_html, sentence, written_html
from desdecero.app.bilingual import Bilingual
from desdecero.app.generation import Filler, GenerationRequest, InvalidRequest, SpanFiller, Writer
from desdecero.app.loading import load_model
from desdecero.app.traced import traced_html
from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import kind_of
from desdecero.eval_suites.models.masked import Masked
from desdecero.eval_suites.models.seq2seq import EncoderDecoder
from desdecero.model_cards.words import Language, say
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir

UPDATE_SECONDS = 0.1  # between two updates of a text on the page: a browser that draws each token ignores clicks

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model"}


def try_it(page: Bilingual, chosen: gr.Radio, run: RunDir, recipe: Recipe) -> None:
    """Add the tab to the page, and the function for programs to the API.

    chosen: the component that holds the reader's language
    """
    kind = MODEL_KINDS[kind_of(recipe.model.architecture)]
    page.html(lambda language: views.no_model(run, recipe, language))
    prompt = prompt_box(page, recipe.evaluate.prompts, recipe.model.objective)
    chosen_settings = settings(page, recipe) if kind.draws else []
    with gr.Row(elem_classes="dd-buttons"):
        start = page.add(
            gr.Button,
            lambda language: {"value": say(language, "page.write" if kind.streams else "page.fill")},
            variant="primary",
        )
        stop = page.add(gr.Button, lambda language: {"value": say(language, "page.stop")}, visible=kind.streams)
    answer = gr.HTML(elem_classes="dd-answer")
    request = gr.on(
        [start.click, prompt.submit],
        kind.on_page(run, recipe, None),
        [chosen, prompt, *chosen_settings],
        answer,
        api_visibility="private",
        show_progress="minimal",
        **ONE_AT_A_TIME,
    )
    stop.click(None, cancels=[request])
    api(kind.for_programs(run, recipe), **ONE_AT_A_TIME)


def prompt_box(page: Bilingual, examples: Sequence[str], objective: str | None) -> gr.Textbox:
    """Add the text box, with prompts as examples.

    objective: that of the model, for the hint; None for a message to one that answers
    """
    key = objective or "chat"
    prompts = [[prompt] for prompt in examples]
    prompt = page.add(
        gr.Textbox,
        lambda language: {
            "label": say(language, f"page.prompt.{key}", mask="[MASK]"),
            "info": say(language, f"page.prompt_hint.{key}", mask="[MASK]"),
        },
        value=prompts[0][0] if prompts else "",
        lines=3,
        max_lines=12,
        elem_classes="dd-prompt",
    )
    if prompts:
        offered = page.add(
            gr.Dataset,
            lambda language: {"label": say(language, "page.examples")},
            components=[prompt],
            samples=prompts,
            elem_classes="dd-examples",
        )
        offered.click(lambda sample: sample[0], offered, prompt, api_visibility="private")
    return prompt


def settings(page: Bilingual, recipe: Recipe) -> list[gr.components.Component]:
    """Add the settings of writing, folded up."""
    defaults, longest = GenerationRequest(""), recipe.model.context_length // 2
    with page.add(gr.Accordion, lambda language: {"label": say(language, "page.settings")}, open=False), gr.Row():
        return [
            _setting(
                page, gr.Slider, "length", minimum=1, maximum=longest, step=1, value=min(defaults.length, longest)
            ),
            _setting(page, gr.Slider, "temperature", minimum=0, maximum=2, step=0.05, value=defaults.temperature),
            _setting(page, gr.Slider, "top_p", minimum=0.05, maximum=1, step=0.05, value=defaults.top_p),
            _setting(page, gr.Number, "seed", precision=0, value=defaults.seed),
        ]


def _setting(page: Bilingual, kind: type[gr.components.Component], key: str, **fixed: Any) -> gr.components.Component:
    return page.add(
        kind,
        lambda language: {"label": say(language, f"setting.{key}"), "info": say(language, f"setting_hint.{key}")},
        min_width=200,
        **fixed,
    )


# --- requests ----------------------------------------------------------------------------------------------


def write_on_page(
    run: RunDir, recipe: Recipe, adapter: str | None = None, kind: type[Writer] = Writer
) -> Callable[..., Iterator[str]]:
    """Return the function that the page calls for a text, with the base or an adapter."""

    def write(
        language: Language, prompt: str, length: int, temperature: float, top_p: float, seed: int
    ) -> Iterator[str]:
        try:
            model = load_model(run, recipe, kind, adapter)
            request = GenerationRequest(prompt, length, temperature, top_p, seed)
            due = 0.0
            for partial in model.write(request):
                if partial.tokens is not None or time.monotonic() >= due:
                    ended = partial.tokens is not None and adapter is None  # an adapter learnt from other texts too
                    traced = traced_html(run, recipe, partial.text, language) if ended else None
                    yield written_html(request, partial, model.context_length, language, traced)
                    due = time.monotonic() + UPDATE_SECONDS
        except InvalidRequest as error:
            yield invalid_request_html(error, language)

    return write


def _fill_on_page(run: RunDir, recipe: Recipe, adapter: str | None = None) -> Callable[[Language, str], str]:
    def fill_in(language: Language, text: str) -> str:
        try:
            model = load_model(run, recipe, Filler, adapter)
            return filled_html(text, model.fill(text), model.context_length, language)
        except InvalidRequest as error:
            return invalid_request_html(error, language)

    return fill_in


def _write_for_programs(run: RunDir, recipe: Recipe) -> Callable[..., Iterator[str]]:
    def generate(
        prompt: str, length: int = 60, temperature: float = 0.8, top_p: float = 0.95, seed: int = 0
    ) -> Iterator[str]:
        """Continue a prompt. Yield the text written so far, without the prompt, longer each time."""
        request = GenerationRequest(prompt, length, temperature, top_p, seed)
        try:
            for partial in load_model(run, recipe, Writer).write(request):
                yield partial.text
        except InvalidRequest as error:
            raise gr.Error(sentence(error, "en"), print_exception=False) from None

    return generate


def _fill_for_programs(run: RunDir, recipe: Recipe) -> Callable[[str], list[list[dict[str, Any]]]]:
    def fill(text: str) -> list[list[dict[str, Any]]]:
        """Return the most probable tokens for each [MASK] of a text: {"token", "probability"}, best first."""
        try:
            masks = load_model(run, recipe, Filler).fill(text).masks
        except InvalidRequest as error:
            raise gr.Error(sentence(error, "en"), print_exception=False) from None
        return [[{"token": each.token, "probability": each.probability} for each in mask] for mask in masks]

    return fill


def _complete_on_page(run: RunDir, recipe: Recipe, adapter: str | None = None) -> Callable[..., str]:
    def complete(language: Language, text: str, length: int, temperature: float, top_p: float, seed: int) -> str:
        try:
            model = load_model(run, recipe, SpanFiller, adapter)
            completed = model.fill(GenerationRequest(text, length, temperature, top_p, seed))
            return completed_html(completed, model.context_length, language)
        except InvalidRequest as error:
            return invalid_request_html(error, language)

    return complete


def _complete_for_programs(run: RunDir, recipe: Recipe) -> Callable[..., list[str]]:
    def fill(text: str, length: int = 60, temperature: float = 0.8, top_p: float = 0.95, seed: int = 0) -> list[str]:
        """Return the text for each [MASK], in order; for a text without one, its continuation."""
        request = GenerationRequest(text, length, temperature, top_p, seed)
        try:
            return load_model(run, recipe, SpanFiller).fill(request).answers
        except InvalidRequest as error:
            raise gr.Error(sentence(error, "en"), print_exception=False) from None

    return fill


# --- kinds of model ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelKind:
    """Functions and controls for one kind of model."""

    draws: bool
    """True if answers are drawn at random, which needs settings."""
    streams: bool
    """True if the answer is shown while it is generated, and can be stopped."""
    on_page: Callable[[RunDir, Recipe, str | None], Callable[..., Any]]
    """Makes the function that the page calls, which returns HTML; of the base for None, or of an adapter."""
    for_programs: Callable[[RunDir, Recipe], Callable[..., Any]]
    """Makes the function of the API, which returns plain data."""


MODEL_KINDS: dict[type[LanguageModel], ModelKind] = {
    Causal: ModelKind(True, True, write_on_page, _write_for_programs),
    Masked: ModelKind(False, False, _fill_on_page, _fill_for_programs),
    EncoderDecoder: ModelKind(True, False, _complete_on_page, _complete_for_programs),
}
