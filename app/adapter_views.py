"""What the page says of an adapter: its verdict, the limits of its use, and its answers as HTML."""

from __future__ import annotations

from markupsafe import Markup

from desdecero.app import markup
from desdecero.app.labelling import GivenLabels
from desdecero.app.markup import Column, element, paragraph, section
from desdecero.app.training_views import verdict
from desdecero.app.views import of_stage
from desdecero.eval_suites.models.labelled import TaggedSpan
from desdecero.model_cards.formats import counted, percent
from desdecero.model_cards.words import Language, name, say
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.domains import domain
from desdecero.pipelines.run.reports import FinetuneReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stage_name

MOST_LABELS = 10
"""Labels that are shown: the likeliest."""
TONES = 6
"""Colours of labels in style.css."""


def about(run: RunDir, recipe: Recipe, adapter: str, language: Language) -> Markup:
    """Return the verdict of an adapter; or that it is not made yet, out of date, or altered."""
    return of_stage(stage_name("finetune", adapter), FinetuneReport, run, recipe, language, verdict)


def limits_of_use(recipe: Recipe, adapter: str, language: Language) -> Markup:
    """Return what the domain pack says of risks and law; nothing for an adapter without a pack."""
    name_of_pack = recipe.adapters[adapter].domain
    if name_of_pack is None:
        return markup.NOTHING
    pack = domain(name_of_pack)
    uses = (
        element("strong", name(language, "risk", use.category).capitalize())
        + Markup(": {}").format(use.about.read_in(language))
        for use in pack.eu_ai_act
    )
    return section(
        say(language, "domains.note"),
        paragraph(pack.note.read_in(language)),
        element("h3", say(language, "domains.not_for")),
        markup.bullets(use.read_in(language) for use in pack.not_for),
        element("h3", say(language, "domains.eu_ai_act")),
        markup.bullets(uses),
    )


def labels_html(given: GivenLabels, language: Language) -> Markup:
    """Return the likeliest labels with their probabilities as bars; those that the text is given stand out."""
    shown = [label for place, label in enumerate(given.labels) if place < MOST_LABELS or label.chosen]
    bars = markup.bars(
        (label.name, percent(language, label.probability), label.probability, label.chosen) for label in shown
    )
    notes = [say(language, "page.several_labels")] if given.several else []
    if left := len(given.labels) - len(shown):
        notes.append(counted(language, "page.less_likely", left))
    return bars + markup.NOTHING.join(paragraph(note, "dd-aside") for note in notes)


def spans_html(text: str, spans: list[TaggedSpan], labels: tuple[str, ...], language: Language) -> Markup:
    """Return a text with its spans marked, and the spans with their probabilities as a table."""
    if not spans:
        return element("p", text, css="dd-written") + paragraph(say(language, "page.no_spans"), "dd-aside")
    marked, end = markup.NOTHING, 0
    for span in spans:
        tone = f"dd-span dd-tone{labels.index(span.label) % TONES}"
        marked += Markup("{}").format(text[end : span.start])
        marked += element("mark", text[span.start : span.end], element("small", span.label), css=tone)
        end = span.end
    marked += Markup("{}").format(text[end:])
    columns = [
        Column(say(language, "page.span")),
        Column(say(language, "page.label")),
        Column(say(language, "page.probability"), numeric=True),
    ]
    rows = [(text[span.start : span.end], span.label, percent(language, span.probability)) for span in spans]
    return element("p", marked, css="dd-written") + markup.table(columns, rows)
