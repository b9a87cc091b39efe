"""The first tab: a prompt, the settings, the answer as it is written; and the same for programs, through the API.

One text is written at a time, and the others wait in line.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from desdecero.app import views
from desdecero.app.answers import completed_html, filled_html, refused_html, sentence, written_html
from desdecero.app.bilingual import Bilingual
from desdecero.app.generation import Filler, Refused, SpanFiller, Wish, Writer
from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import kind_of
from desdecero.eval_suites.models.masked import Masked
from desdecero.eval_suites.models.seq2seq import EncoderDecoder
from desdecero.model_cards.words import Language, say
from desdecero.pipelines.commands.verify import check_seal, model_faults
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import AlteredFile, reading

UPDATE_SECONDS = 0.1  # between two states of a text on the page: a browser that draws each token hears no click

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model"}


def try_it(page: Bilingual, chosen: gr.Radio, run: RunDir, recipe: Recipe) -> None:
    kind = KINDS[kind_of(recipe.model.architecture)]
    page.html(lambda language: views.no_model(run, recipe, language))
    prompt = _prompt(page, recipe)
    settings = _settings(page, recipe) if kind.draws else []
    with gr.Row(elem_classes="dd-buttons"):
        start = page.add(
            gr.Button,
            lambda language: {"value": say(language, "page.write" if kind.streams else "page.fill")},
            variant="primary",
        )
        stop = page.add(gr.Button, lambda language: {"value": say(language, "page.stop")}, visible=kind.streams)
    answer = gr.HTML(elem_classes="dd-answer")
    asked = gr.on(
        [start.click, prompt.submit], kind.on_page(run, recipe), [chosen, prompt, *settings], answer,
        api_visibility="private", show_progress="minimal", **ONE_AT_A_TIME,
    )  # fmt: skip
    stop.click(None, cancels=[asked])
    gr.api(kind.for_programs(run, recipe), **ONE_AT_A_TIME)


def _prompt(page: Bilingual, recipe: Recipe) -> gr.Textbox:
    """The text box, and the recipe's prompts as examples."""
    objective = recipe.model.objective
    prompts = [[prompt] for prompt in recipe.evaluate.prompts]
    prompt = page.add(
        gr.Textbox,
        lambda language: {
            "label": say(language, f"page.prompt.{objective}", mask="[MASK]"),
            "info": say(language, f"page.prompt_hint.{objective}", mask="[MASK]"),
        },
        value=prompts[0][0] if prompts else "", lines=3, max_lines=12, elem_classes="dd-prompt",
    )  # fmt: skip
    if prompts:
        examples = page.add(
            gr.Dataset, lambda language: {"label": say(language, "page.examples")},
            components=[prompt], samples=prompts, elem_classes="dd-examples",
        )  # fmt: skip
        examples.click(lambda sample: sample[0], examples, prompt, api_visibility="private")
    return prompt


def _settings(page: Bilingual, recipe: Recipe) -> list[gr.components.Component]:
    usual, longest = Wish(""), recipe.model.context_length // 2
    with page.add(gr.Accordion, lambda language: {"label": say(language, "page.settings")}, open=False), gr.Row():
        return [
            _setting(page, gr.Slider, "length", minimum=1, maximum=longest, step=1, value=min(usual.length, longest)),
            _setting(page, gr.Slider, "temperature", minimum=0, maximum=2, step=0.05, value=usual.temperature),
            _setting(page, gr.Slider, "top_p", minimum=0.05, maximum=1, step=0.05, value=usual.top_p),
            _setting(page, gr.Number, "seed", precision=0, value=usual.seed),
        ]


def _setting(page: Bilingual, kind: type, key: str, **fixed: Any) -> gr.components.Component:
    return page.add(
        kind,
        lambda language: {"label": say(language, f"setting.{key}"), "info": say(language, f"setting_hint.{key}")},
        min_width=200,
        **fixed,
    )


# --- the model at work -------------------------------------------------------------------------------------


def _model(run: RunDir, recipe: Recipe) -> Any:
    """The run's model, loaded when first asked for, and again once it has been trained anew."""
    try:
        sealed = check_seal(run, recipe, "pretrain")
    except AlteredFile as error:
        raise Refused("refused_altered", file=error.name) from None
    seal = run.seal("pretrain", recipe)
    if not sealed or seal is None:
        raise Refused("refused_no_model")
    if (run.path, seal.digest) not in _LOADED:
        if faults := model_faults(run, recipe):  # every file is hashed, once for each model
            raise Refused("refused_altered", file=faults[0].partition(": ")[0])
        try:
            with reading(run.model):
                model = KINDS[kind_of(recipe.model.architecture)].model(run.model)
        except AlteredFile as error:  # sealed as it is, and not a model: whoever serves the page may want to know more
            traceback.print_exception(error)
            raise Refused("refused_altered", file="model") from None
        _LOADED.clear()  # before another one is kept
        _LOADED[run.path, seal.digest] = model
    return _LOADED[run.path, seal.digest]


_LOADED: dict[tuple[Path, str], Any] = {}
"""The model at work, by its run and digest. One function at a time asks for it."""


def _write_on_page(run: RunDir, recipe: Recipe) -> Callable[..., Iterator[str]]:
    def write(
        language: Language, prompt: str, length: int, temperature: float, top_p: float, seed: int
    ) -> Iterator[str]:
        try:
            model, wish = _model(run, recipe), Wish(prompt, length, temperature, top_p, seed)
            due = 0.0
            for written in model.write(wish):
                if written.tokens is not None or time.monotonic() >= due:
                    yield written_html(wish, written, model.context_length, language)
                    due = time.monotonic() + UPDATE_SECONDS
        except Refused as refused:
            yield refused_html(refused, language)

    return write


def _fill_on_page(run: RunDir, recipe: Recipe) -> Callable[[Language, str], str]:
    def fill_in(language: Language, text: str) -> str:
        try:
            model = _model(run, recipe)
            return filled_html(text, model.fill(text), model.context_length, language)
        except Refused as refused:
            return refused_html(refused, language)

    return fill_in


def _write_for_programs(run: RunDir, recipe: Recipe) -> Callable[..., Iterator[str]]:
    def generate(
        prompt: str, length: int = 60, temperature: float = 0.8, top_p: float = 0.95, seed: int = 0
    ) -> Iterator[str]:
        """Go on from a prompt: the text written so far, without the prompt, longer each time."""
        try:
            for written in _model(run, recipe).write(Wish(prompt, length, temperature, top_p, seed)):
                yield written.text
        except Refused as refused:
            raise gr.Error(sentence(refused, "en"), print_exception=False) from None

    return generate


def _fill_for_programs(run: RunDir, recipe: Recipe) -> Callable[[str], list[list[dict[str, Any]]]]:
    def fill(text: str) -> list[list[dict[str, Any]]]:
        """For each [MASK] of a text, the most probable tokens: {"token", "probability"}, best first."""
        try:
            masks = _model(run, recipe).fill(text).masks
        except Refused as refused:
            raise gr.Error(sentence(refused, "en"), print_exception=False) from None
        return [[{"token": each.token, "probability": each.probability} for each in mask] for mask in masks]

    return fill


def _complete_on_page(run: RunDir, recipe: Recipe) -> Callable[..., str]:
    def complete(language: Language, text: str, length: int, temperature: float, top_p: float, seed: int) -> str:
        try:
            model = _model(run, recipe)
            completed = model.fill(Wish(text, length, temperature, top_p, seed))
            return completed_html(completed, model.context_length, language)
        except Refused as refused:
            return refused_html(refused, language)

    return complete


def _complete_for_programs(run: RunDir, recipe: Recipe) -> Callable[..., list[str]]:
    def fill(text: str, length: int = 60, temperature: float = 0.8, top_p: float = 0.95, seed: int = 0) -> list[str]:
        """What fills each [MASK] of a text, in order; of a text without one, how it goes on."""
        try:
            return _model(run, recipe).fill(Wish(text, length, temperature, top_p, seed)).answers
        except Refused as refused:
            raise gr.Error(sentence(refused, "en"), print_exception=False) from None

    return fill


# --- kinds of model ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """How models of one kind are tried."""

    model: Callable[[Path], Any]
    draws: bool
    """Whether what it writes is drawn, and so has settings."""
    streams: bool
    """Whether it shows what it writes as it goes, and can be stopped."""
    on_page: Callable[[RunDir, Recipe], Callable[..., Any]]
    for_programs: Callable[[RunDir, Recipe], Callable[..., Any]]


KINDS: dict[type[LanguageModel], Kind] = {
    Causal: Kind(Writer, True, True, _write_on_page, _write_for_programs),
    Masked: Kind(Filler, False, False, _fill_on_page, _fill_for_programs),
    EncoderDecoder: Kind(SpanFiller, True, False, _complete_on_page, _complete_for_programs),
}
