"""The tab of the adapters, one below another tab each: its verdict, what it can be asked, and the limits of its use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr

from desdecero.app import adapter_views
from desdecero.app.adapter_answers import beside_base, classify, converse, mark
from desdecero.app.bilingual import Bilingual
from desdecero.app.markup import element, paragraph
from desdecero.app.try_it import MODEL_KINDS, ONE_AT_A_TIME, prompt_box, settings
from desdecero.eval_suites.models.load import kind_of
from desdecero.model_cards.words import LANGUAGES, Language, say
from desdecero.pipelines.recipe import Finetune, Recipe
from desdecero.pipelines.recipe.domains import Line, domain
from desdecero.pipelines.run.run_dir import RunDir

WORDS_OF_PROMPT = 8
"""Words of an example's text that are a prompt: the model is to write the others."""


def adapters(page: Bilingual, chosen: gr.Radio, run: RunDir, recipe: Recipe) -> None:
    """Add the adapters to the page.

    chosen: the component that holds the reader's language
    """
    with gr.Tabs():
        for name, section in recipe.adapters.items():
            with gr.Tab(name, id=name):
                page.html(partial(adapter_views.about, run, recipe, name))
                _PANELS[section.task](page, chosen, run, recipe, name)
                page.html(partial(adapter_views.limits_of_use, recipe, name))


# --- a panel for each task -----------------------------------------------------------------------------------------


def _writing(
    page: Bilingual, chosen: gr.Radio, run: RunDir, recipe: Recipe, name: str,
    how: Sequence[gr.components.Component] | None = None,
) -> None:  # fmt: skip
    """Add a prompt that the base and the adapter answer side by side.

    how: settings that are there; None to add them
    """
    section, kind = recipe.adapters[name], MODEL_KINDS[kind_of(recipe.model.architecture)]
    chat = section.task == "chat"
    examples = [line.prompt or "" for line in _lines(section) if line.prompt] if chat else _beginnings(recipe, section)
    prompt = prompt_box(page, examples, None if chat else recipe.model.objective)
    if how is None:
        how = settings(page, recipe) if kind.draws else []
    with gr.Row(elem_classes="dd-buttons"):
        start, stop = _buttons(page, "page.write" if kind.draws else "page.fill", stops=kind.streams or chat)
    unlike = chat and recipe.tokenizer.chat is None
    if kind.draws:
        page.html(partial(_aside, "page.base_continues" if unlike else "page.same_seed"))
    answers = []
    with gr.Row(elem_classes="dd-beside"):
        for of in ("page.of_base", "page.of_adapter"):
            with gr.Column(min_width=280):
                page.html(partial(_heading, of))
                answers.append(gr.HTML(elem_classes="dd-answer"))
    _on_click(start, prompt, beside_base(run, recipe, name), [chosen, prompt, *how], answers, stop)


def _conversation(page: Bilingual, chosen: gr.Radio, run: RunDir, recipe: Recipe, name: str) -> None:
    """Add a conversation with the adapter; below it, one prompt that the base answers too."""
    turns = page.add(
        gr.Chatbot,
        lambda language: {"label": say(language, "page.conversation")},
        height=340,
        render_markdown=False,
        buttons=[],
        feedback_options=None,
        elem_classes="dd-chat",
    )
    message = page.add(gr.Textbox, lambda language: {"label": say(language, "page.message")}, lines=2, max_lines=8)
    how = settings(page, recipe)
    with gr.Row(elem_classes="dd-buttons"):
        start, stop = _buttons(page, "page.send", stops=True)
        anew = page.add(gr.Button, lambda language: {"value": say(language, "page.new_conversation")})
    notes = gr.HTML(elem_classes="dd-notes")
    sent = _on_click(
        start, message, converse(run, recipe, name), [chosen, turns, message, *how], [turns, message, notes], stop
    )
    anew.click(lambda: ([], ""), None, [turns, notes], cancels=[sent], api_visibility="private")
    page.html(partial(_heading, "page.beside_base"))
    _writing(page, chosen, run, recipe, name, how)


def _classes(page: Bilingual, chosen: gr.Radio, run: RunDir, recipe: Recipe, name: str) -> None:
    """Add a text, or a pair of texts, and the probabilities of its labels."""
    section = recipe.adapters[name]
    pairs = section.data is not None and section.data.text_b is not None
    texts = [_text_box(page, "page.text")] + ([_text_box(page, "page.text_b")] if pairs else [])
    samples = [[line.text or "", line.text_b or ""][: len(texts)] for line in _lines(section)]
    _examples(page, texts, [sample for sample in samples if all(sample)])
    with gr.Row(elem_classes="dd-buttons"):
        start, _ = _buttons(page, "page.classify", stops=False)
    answer = gr.HTML(elem_classes="dd-answer")
    _on_click(start, texts[-1], classify(run, recipe, name), [chosen, *texts], [answer])


def _spans(page: Bilingual, chosen: gr.Radio, run: RunDir, recipe: Recipe, name: str) -> None:
    """Add a text, and the parts of it that are labelled."""
    text = _text_box(page, "page.text")
    _examples(page, [text], [[line.text] for line in _lines(recipe.adapters[name]) if line.text])
    with gr.Row(elem_classes="dd-buttons"):
        start, _ = _buttons(page, "page.mark", stops=False)
    answer = gr.HTML(elem_classes="dd-answer")
    _on_click(start, text, mark(run, recipe, name), [chosen, text], [answer])


_PANELS: dict[str, Callable[[Bilingual, gr.Radio, RunDir, Recipe, str], None]] = {
    "text": _writing, "chat": _conversation, "classification": _classes, "tokens": _spans,
}  # fmt: skip
"""Task → what adds its panel."""

# --- parts ---------------------------------------------------------------------------------------------------------


def _on_click(
    start: gr.Button,
    box: gr.Textbox,
    function: Callable[..., Any],
    inputs: Sequence[gr.components.Component],
    outputs: Sequence[gr.components.Component],
    stop: gr.Button | None = None,
) -> Any:
    """Call a function when its button is clicked, or Enter typed in the box; return the event."""
    event = gr.on(
        [start.click, box.submit],
        function,
        inputs,
        outputs,
        api_visibility="private",
        show_progress="minimal",
        **ONE_AT_A_TIME,
    )
    if stop is not None:
        stop.click(None, cancels=[event])
    return event


def _buttons(page: Bilingual, start: str, stops: bool) -> tuple[gr.Button, gr.Button]:
    started = page.add(gr.Button, lambda language: {"value": say(language, start)}, variant="primary")
    return started, page.add(gr.Button, lambda language: {"value": say(language, "page.stop")}, visible=stops)


def _text_box(page: Bilingual, label: str) -> gr.Textbox:
    return page.add(gr.Textbox, lambda language: {"label": say(language, label)}, lines=3, max_lines=12)


def _examples(page: Bilingual, boxes: list[gr.Textbox], samples: list[list[Any]]) -> None:
    """Offer examples to put into the boxes."""
    if not samples:
        return
    offered = page.add(
        gr.Dataset,
        lambda language: {"label": say(language, "page.examples")},
        components=boxes,
        samples=samples,
        elem_classes="dd-examples",
    )
    offered.click(lambda sample: sample[0] if len(boxes) == 1 else sample, offered, boxes, api_visibility="private")


def _lines(section: Finetune) -> list[Line]:
    """Return the example lines of an adapter's domain pack, in both languages."""
    pack = domain(section.domain) if section.domain else None
    if pack is None or pack.task != section.task:
        return []
    return [line for language in LANGUAGES for line in pack.examples.get(language, ())]


def _beginnings(recipe: Recipe, section: Finetune) -> list[str]:
    """Return prompts of the domain; the recipe's where there are none, or where a prompt needs a gap."""
    texts = [line.text for line in _lines(section) if line.text] if recipe.model.objective == "causal" else []
    return [" ".join(text.split()[:WORDS_OF_PROMPT]) for text in texts] or list(recipe.evaluate.prompts)


def _aside(key: str, language: Language) -> str:
    return paragraph(say(language, key), "dd-aside")


def _heading(key: str, language: Language) -> str:
    return element("h3", say(language, key))
