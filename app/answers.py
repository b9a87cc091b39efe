"""Format the model's answers as HTML that distinguishes the user's text from the model's, with notes."""

from __future__ import annotations

from markupsafe import Markup

from desdecero.app import markup
from desdecero.app.generation import ANSWER_SECONDS, Completed, Filled, Filling, GenerationRequest, InvalidRequest
from desdecero.app.markup import element, paragraph
from desdecero.app.traced import TracedText
from desdecero.eval_suites.models.prompts import PartialText
from desdecero.model_cards.formats import counted, grouped, percent
from desdecero.model_cards.words import Language, name, say


def written_html(
    request: GenerationRequest,
    partial: PartialText,
    context_length: int,
    language: Language,
    traced: TracedText | None = None,
) -> Markup:
    """Return the prompt and its continuation; at the end, also the number of tokens and why it ended.

    traced: the continuation with the runs of it that stand in the training text
    """
    written, below = traced or (partial.text, markup.NOTHING)
    text = element("span", request.prompt, css="dd-human") + element("span", written, css="dd-machine")
    return element("p", text, css="dd-written") + notes_html(request, partial, context_length, language) + below


def notes_html(request: GenerationRequest, partial: PartialText, context_length: int, language: Language) -> Markup:
    """Return what is to be said of an answer: its number of tokens, why it ended, and what was left out for it."""
    notes = [] if partial.tokens is None else [counted(language, "page.written", len(partial.tokens))]
    if partial.out_of_time:
        notes.append(say(language, "page.out_of_time", seconds=ANSWER_SECONDS))
    elif partial.tokens is not None and len(partial.tokens) < request.length:
        notes.append(say(language, "page.ended"))
    return _notes(notes, partial.left_out, context_length, language)


def filled_html(text: str, filled: Filled, context_length: int, language: Language) -> Markup:
    """Return the text, and for each mask the probabilities of its most probable tokens as bars."""
    tables = [
        element("h3", say(language, "page.gap_of", number=number))
        + markup.bars(_bar(each, mask, language) for each in mask)
        for number, mask in enumerate(filled.masks, start=1)
    ]
    prompt = element("p", element("span", text, css="dd-human"), css="dd-written")
    return prompt + markup.NOTHING.join(tables) + _notes([], filled.left_out, context_length, language)


def completed_html(completed: Completed, context_length: int, language: Language) -> Markup:
    """Return a text with its gaps filled."""
    first, *others = completed.pieces
    text = element("span", first, css="dd-human")
    for answer, piece in zip(completed.answers, others, strict=True):
        text += element("span", answer, css="dd-machine") + element("span", piece, css="dd-human")
    return element("p", text, css="dd-written") + _notes([], completed.left_out, context_length, language)


def invalid_request_html(error: InvalidRequest, language: Language) -> Markup:
    """Return the reason for which a request was refused."""
    css = "dd-notice dd-altered" if error.key == "refused_altered" else "dd-notice"
    return paragraph(sentence(error, language), css)


def sentence(error: InvalidRequest, language: Language) -> str:
    """Return the reason for which a request was refused, with settings named as on the page."""
    values = {key: name(language, key, value) if key == "setting" else value for key, value in error.values.items()}
    return say(language, f"refusal.{error.key}", **values)


def _bar(filling: Filling, mask: list[Filling], language: Language) -> tuple[str, str, float, bool]:
    best = mask[0]
    return filling.token, percent(language, filling.probability), filling.probability, filling is best


def _notes(notes: list[str], left_out: int, context_length: int, language: Language) -> Markup:
    if left_out:
        figures = {"context": grouped(language, context_length), "left_out": grouped(language, left_out)}
        notes.append(say(language, "page.cut_left", **figures))
    return markup.NOTHING.join(paragraph(note, "dd-aside") for note in notes)
