"""What the model answered, as HTML: a person's words and the machine's told apart, and what there is to say."""

from __future__ import annotations

from markupsafe import Markup

from desdecero.app import markup
from desdecero.app.generation import ANSWER_SECONDS, Completed, Filled, Filling, Refused, Wish, Written
from desdecero.app.markup import element, paragraph
from desdecero.model_cards.formats import counted, grouped, percent
from desdecero.model_cards.words import Language, name, say


def written_html(wish: Wish, written: Written, context_length: int, language: Language) -> Markup:
    text = element("span", wish.prompt, css="dd-human") + element("span", written.text, css="dd-machine")
    notes = [] if written.tokens is None else [counted(language, "page.written", written.tokens)]
    if written.out_of_time:
        notes.append(say(language, "page.out_of_time", seconds=ANSWER_SECONDS))
    elif written.tokens is not None and written.tokens < wish.length:
        notes.append(say(language, "page.ended"))
    return element("p", text, css="dd-written") + _notes(notes, written.left_out, context_length, language)


def filled_html(text: str, filled: Filled, context_length: int, language: Language) -> Markup:
    tables = [
        element("h3", say(language, "page.gap_of", number=number))
        + markup.bars(_bar(each, mask, language) for each in mask)
        for number, mask in enumerate(filled.masks, start=1)
    ]
    asked = element("p", element("span", text, css="dd-human"), css="dd-written")
    return asked + markup.NOTHING.join(tables) + _notes([], filled.left_out, context_length, language)


def completed_html(completed: Completed, context_length: int, language: Language) -> Markup:
    first, *others = completed.pieces
    text = element("span", first, css="dd-human")
    for answer, piece in zip(completed.answers, others, strict=True):
        text += element("span", answer, css="dd-machine") + element("span", piece, css="dd-human")
    return element("p", text, css="dd-written") + _notes([], completed.left_out, context_length, language)


def refused_html(refused: Refused, language: Language) -> Markup:
    css = "dd-notice dd-altered" if refused.key == "refused_altered" else "dd-notice"
    return paragraph(sentence(refused, language), css)


def sentence(refused: Refused, language: Language) -> str:
    """Why a wish was refused. A setting has its name on the page."""
    values = {key: name(language, key, value) if key == "setting" else value for key, value in refused.values.items()}
    return say(language, f"refusal.{refused.key}", **values)


def _bar(filling: Filling, mask: list[Filling], language: Language) -> tuple[str, str, float, bool]:
    best = mask[0]
    return filling.token, percent(language, filling.probability), filling.probability, filling is best


def _notes(notes: list[str], left_out: int, context_length: int, language: Language) -> Markup:
    if left_out:
        figures = {"context": grouped(language, context_length), "left_out": grouped(language, left_out)}
        notes.append(say(language, "page.cut_left", **figures))
    return markup.NOTHING.join(paragraph(note, "dd-aside") for note in notes)
