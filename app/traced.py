"""Mark what the model wrote where it stands in the training text word for word, and list these runs below it.

    text, below = traced_html(run, recipe, "Return the number of elements in the array.", language)

Only where the tokens that the model was trained on lie in the run, with their index: `desdecero trace` builds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup, escape
from transformers import PreTrainedTokenizerFast

from desdecero.app import markup
from desdecero.app.markup import Column, details, element, paragraph
from desdecero.model_cards.formats import grouped, percent
from desdecero.model_cards.words import Language, say
from desdecero.pipelines.commands.trace import SHOWN, shortened, times
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir, shortest
from desdecero.pipelines.run.seals import AlteredFile
from desdecero.pipelines.tokens.suffix_array import TokenIndex, find_index
from desdecero.pipelines.tokens.trace import LEAST_TOKENS, Documents, SourceDocument, TracedSpan, trace
from desdecero.pipelines.verification.seals import check_seal


class TracedText(NamedTuple):
    """HTML of a text that was looked up."""

    text: Markup
    """The text, in which its runs are marked."""
    below: Markup
    """The runs with their documents, or why none were looked for."""


@dataclass(frozen=True)
class Tracer:
    """What looks a text up."""

    index: TokenIndex
    documents: Documents
    tokenizer: Any


def traced_html(run: RunDir, recipe: Recipe, text: str, language: Language) -> TracedText:
    """Return a text with its runs of `LEAST_TOKENS` tokens or more marked, and the list of them."""
    try:
        if not _trained_on_these_tokens(run, recipe):
            return TracedText(escape(text), markup.NOTHING)
        tracer = _load(run, recipe)
    except AlteredFile as error:
        return TracedText(escape(text), paragraph(say(language, "page.trace_altered", file=error.name), "dd-notice"))
    if tracer is None:
        command = f'desdecero trace {shortest(run)} "…"'
        return TracedText(escape(text), paragraph(say(language, "page.trace_missing", command=command), "dd-aside"))
    spans = trace(tracer.index, tracer.documents, tracer.tokenizer, text, LEAST_TOKENS)
    return TracedText(marked_html(text, spans, language), listed_html(spans, language))


def marked_html(text: str, spans: Sequence[TracedSpan], language: Language) -> Markup:
    """Return a text in which each character of a run is marked; where runs overlap, as one of the longest."""
    owners: list[TracedSpan | None] = [None] * len(text)
    for span in sorted(spans, key=lambda span: span.tokens):
        owners[span.start : span.end] = [span] * (span.end - span.start)
    pieces, start = list[Markup](), 0
    for _, group in groupby(owners, key=id):
        owner, *others = group
        piece = text[start : start + 1 + len(others)]
        pieces.append(escape(piece) if owner is None else markup.mark(piece, times(owner, language)))
        start += len(piece)
    return markup.NOTHING.join(pieces)


def listed_html(spans: Sequence[TracedSpan], language: Language) -> Markup:
    """Return the runs, folded up: how often each stands in the training text, in which documents, and what it proves.

    spans: longest first
    """
    if not spans:
        return paragraph(say(language, "trace.none", tokens=LEAST_TOKENS), "dd-aside")
    columns = [
        Column(say(language, "trace.run")),
        Column(say(language, "trace.tokens"), numeric=True),
        Column(say(language, "trace.occurrences"), numeric=True),
        Column(say(language, "trace.documents")),
        Column(say(language, "trace.held_out_share"), numeric=True),
    ]
    rows = [
        [
            shortened(span.text),
            grouped(language, span.tokens),
            grouped(language, span.occurrences),
            markup.NOTHING.join(element("div", _named(document)) for document in span.documents),
            "–" if span.held_out is None else percent(language, span.held_out),
        ]
        for span in spans[:SHOWN]
    ]
    left_out = len(spans) - SHOWN
    more = paragraph(say(language, "trace.more", count=grouped(language, left_out))) if left_out > 0 else markup.NOTHING
    return element(
        "section",
        details(
            say(language, "trace.found", tokens=LEAST_TOKENS, count=grouped(language, len(spans))),
            element("div", markup.table(columns, rows), more, paragraph(say(language, "trace.no_proof"))),
        ),
    )


def _named(document: SourceDocument) -> str:
    return f"{document.id} ({document.source}, {document.license or '–'})"


def _trained_on_these_tokens(run: RunDir, recipe: Recipe) -> bool:
    """Return whether the tokens lie here, and are those that the model was trained on. Raises `AlteredFile`."""
    if not (check_seal(run, recipe, "tokens") and run.token_files("train")):  # a Space has none
        return False
    tokens, model = run.seal("tokens", recipe), run.seal("pretrain", recipe)
    return tokens is not None and model is not None and model.inputs.get("tokens") == tokens.digest


def _load(run: RunDir, recipe: Recipe) -> Tracer | None:
    """Return what looks texts up, hashed when it is first asked for and after any of its files changed.

    None where there is no index of these tokens. Raises `AlteredFile`.
    """
    files = sorted([*run.trace.glob("*"), *run.tokens.glob("*")])
    state = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    if _LOADED.get(run.path, (None, None))[0] != state:
        _LOADED.clear()
        if (index := find_index(run, recipe)) is None:
            return None
        tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
        _LOADED[run.path] = state, Tracer(index, Documents(run), tokenizer)
    return _LOADED[run.path][1]


_LOADED: dict[Path, tuple[list[tuple[str, int, int]], Tracer]] = {}
"""Run → state of the files on the disk, and what was opened. Only one function at a time uses it."""
