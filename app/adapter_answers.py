"""What the page calls to ask an adapter: functions that return HTML, or a conversation with one turn more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from html import unescape
from itertools import pairwise
from typing import Any

import gradio as gr
from markupsafe import escape

from desdecero.app.adapter_views import labels_html, spans_html
from desdecero.app.answers import invalid_request_html, notes_html
from desdecero.app.generation import GenerationRequest, InvalidRequest, Talker
from desdecero.app.labelling import SpanLabels, TextLabels, check_content
from desdecero.app.loading import load_model
from desdecero.app.try_it import MODEL_KINDS, UPDATE_SECONDS, write_on_page
from desdecero.eval_suites.models.load import kind_of
from desdecero.model_cards.words import Language
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir

Turns = list[dict[str, Any]]
"""A conversation as gradio has it: role, and content in parts."""


def beside_base(run: RunDir, recipe: Recipe, adapter: str) -> Callable[..., Iterator[tuple[str, str]]]:
    """Return the function that answers a prompt with the base, then with the adapter."""
    chat, kind = recipe.adapters[adapter].task == "chat", MODEL_KINDS[kind_of(recipe.model.architecture)]

    def answer(of: str | None) -> Callable[..., Any]:
        return write_on_page(run, recipe, of, Talker) if chat else kind.on_page(run, recipe, of)

    base, adapted = answer(None), answer(adapter)

    def write(
        language: Language, prompt: str, length: int, temperature: float, top_p: float, seed: int
    ) -> Iterator[tuple[str, str]]:
        how = (language, prompt, length, temperature, top_p, seed)
        yield from _in_turn(lambda: _pieces(base(*how)), lambda: _pieces(adapted(*how)))

    def fill(language: Language, text: str) -> Iterator[tuple[str, str]]:
        yield from _in_turn(lambda: [base(language, text)], lambda: [adapted(language, text)])

    return write if kind.draws else fill


def _in_turn(*answers: Callable[[], Iterable[str]]) -> Iterator[tuple[str, str]]:
    before = ""
    first, second = answers
    for before in first():
        yield before, ""
    for after in second():
        yield before, after


def _pieces(answer: str | Iterator[str]) -> Iterable[str]:
    """Return an answer that comes at once as one that comes in pieces."""
    return [answer] if isinstance(answer, str) else answer


def converse(run: RunDir, recipe: Recipe, adapter: str) -> Callable[..., Iterator[tuple[Turns, Any, str]]]:
    """Return the function that answers a message: it yields the conversation, what is left to send, and notes.

    A chatbot shows its texts as HTML: they are escaped on the way there.
    """

    def send(
        language: Language, turns: Turns, message: str, length: int, temperature: float, top_p: float, seed: int
    ) -> Iterator[tuple[Turns, Any, str]]:
        turns, left, due = _answered(turns), "", 0.0
        try:
            check_content(message)
            model = load_model(run, recipe, Talker, adapter)
            messages = [{"role": turn["role"], "content": _text(turn)} for turn in turns]
            messages.append({"role": "user", "content": message})
            request = GenerationRequest(message, length, temperature, top_p, seed)
            for partial in model.reply(messages, request):
                if partial.tokens is not None or time.monotonic() >= due:
                    said = [*messages, {"role": "assistant", "content": partial.text}]
                    shown = [{**turn, "content": str(escape(turn["content"]))} for turn in said]
                    notes = notes_html(request, partial, model.context_length, language)
                    yield shown, left, notes if partial.tokens is not None else ""
                    left, due = gr.skip(), time.monotonic() + UPDATE_SECONDS  # the next message may be typed meanwhile
        except InvalidRequest as error:
            yield turns, message, invalid_request_html(error, language)

    return send


def _answered(turns: Turns) -> Turns:
    """Return the turns that alternate between user and assistant: a message whose answer was stopped is left out."""
    kept = Turns()
    for turn, following in pairwise(turns):
        if turn["role"] == "user" and following["role"] == "assistant":
            kept += [turn, following]
    return kept


def _text(turn: dict[str, Any]) -> str:
    return unescape("".join(part["text"] for part in turn["content"]))


def classify(run: RunDir, recipe: Recipe, adapter: str) -> Callable[..., str]:
    """Return the function that gives labels to a text, or to a pair of texts."""

    def label(language: Language, text: str, text_b: str | None = None) -> str:
        return _answer(
            language, lambda: labels_html(load_model(run, recipe, TextLabels, adapter).classify(text, text_b), language)
        )

    return label


def mark(run: RunDir, recipe: Recipe, adapter: str) -> Callable[[Language, str], str]:
    """Return the function that labels parts of a text."""

    def marked(language: Language, text: str) -> str:
        model = load_model(run, recipe, SpanLabels, adapter)
        return spans_html(text, model.mark(text), model.labels, language)

    return lambda language, text: _answer(language, lambda: marked(language, text))


def _answer(language: Language, answered: Callable[[], str]) -> str:
    """Return an answer, or what was wrong with the request."""
    try:
        return answered()
    except InvalidRequest as error:
        return invalid_request_html(error, language)
