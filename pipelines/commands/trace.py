"""Look up where the words of a text stand in the training text: document, source, licence (`desdecero trace`).

    desdecero trace quickstart "Return the number of elements in the array"
    desdecero trace quickstart --file answer.txt --min-tokens 12
    desdecero trace quickstart --file answer.txt --json

Prints the runs of at least --min-tokens tokens that stand in the training text word for word, longest first, with how
often, and how often runs of held-out text as long do: text that no model has seen has them too, so that a match alone
does not show that something was learnt by heart. The index, `trace/` in the run, is built at the first call; it takes
twice the place of the training tokens.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from desdecero.model_cards.formats import grouped, percent
from desdecero.model_cards.words import Language, reader_language, say
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError
from desdecero.pipelines.run.run_dir import find_run
from desdecero.pipelines.tokens.suffix_array import open_index
from desdecero.pipelines.tokens.trace import LEAST_TOKENS, Documents, TracedSpan, encode, trace

SHOWN = 20
"""Spans that are printed; the rest is counted."""
LONGEST_SHOWN = 300
"""Characters of a span that are printed."""


def main(argv: list[str]) -> int:
    """Run `desdecero trace`."""
    parser = Arguments("trace", __doc__)
    parser.add_run()
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the text; or --file")
    parser.add_argument("--file", metavar="FILE", help="a file that holds the text, in UTF-8")
    parser.add_argument(
        "--min-tokens",
        type=int,
        default=LEAST_TOKENS,
        metavar="N",
        help=f"shorter runs are left out (default: {LEAST_TOKENS})",
    )
    parser.add_argument("--json", action="store_true", help="print the runs as JSON")
    parser.add_argument("--language", choices=("en", "es"), help="default: the recipe's first, or LANG")
    arguments = parser.parse_args(argv)
    if arguments.min_tokens < 2:
        raise UserError(f"--min-tokens {arguments.min_tokens}: give 2 or more")
    text, run = _text(arguments), find_run(arguments.run)
    recipe = run.recipe()
    index = open_index(run, recipe)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
    _check(tokenizer, text, arguments.min_tokens)
    spans = trace(index, Documents(run), tokenizer, text, arguments.min_tokens)
    if arguments.json:
        print(json.dumps([span.to_dict() for span in spans], indent=2, ensure_ascii=False))
    else:
        print(_page(spans, arguments.min_tokens, reader_language(recipe.languages, arguments.language)))
    return EXIT_OK


def _text(arguments: argparse.Namespace) -> str:
    """Return the text that was given. Raises `UserError` where there is none, two, or one that cannot be read."""
    if (arguments.text is None) == (arguments.file is None):
        raise UserError("give a text, or a file with --file")
    text, where = arguments.text, "the text"
    if text is None:
        where = arguments.file
        try:
            text = Path(arguments.file).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{arguments.file}: not UTF-8 text at byte {error.start}") from None
        except OSError as error:
            raise UserError(f"{arguments.file} cannot be read: {error.strerror}") from None
    if not text.strip():
        raise UserError(f"{where} is empty: give some words of the text to look up")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{where} is not UTF-8 text at character {error.start}: give it in a file, in UTF-8") from None
    return str(text)


def _check(tokenizer: PreTrainedTokenizerFast, text: str, least: int) -> None:
    """Raise `UserError` for a text that cannot have a run of so many tokens."""
    ids, _ = encode(tokenizer, text)
    if all(one == tokenizer.unk_token_id for one in ids):
        raise UserError("the tokenizer knows no character of the text: give one in a language of the training text")
    if len(ids) < least:
        raise UserError(
            f"the text has {len(ids)} tokens, and runs of {least} are looked for: give a longer text, or lower "
            "--min-tokens"
        )


def _page(spans: list[TracedSpan], least: int, language: Language) -> str:
    if not spans:
        return say(language, "trace.none", tokens=least)
    lines = [say(language, "trace.found", count=len(spans), tokens=least)]
    for span in spans[:SHOWN]:
        lines.append(f"\n  «{shortened(span.text)}»")
        lines.append(f"    {times(span, language)}{_beside(span, language)}")
        lines += [f"    {one.id}  ({one.source}, {one.license or '–'})" for one in span.documents]
    if len(spans) > SHOWN:
        lines.append("\n  " + say(language, "trace.more", count=grouped(language, len(spans) - SHOWN)))
    return "\n".join([*lines, "", say(language, "trace.no_proof")])


def shortened(text: str) -> str:
    """Return a text on one line, up to `LONGEST_SHOWN` characters of it."""
    shown = " ".join(text.split())
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"


def times(span: TracedSpan, language: Language) -> str:
    """Return how long a run is, and how often it stands in the training text."""
    numbers = {"tokens": grouped(language, span.tokens), "count": grouped(language, span.occurrences)}
    return say(language, "trace.times", **numbers)


def _beside(span: TracedSpan, language: Language) -> str:
    if span.held_out is None:
        return ""
    return "; " + say(language, "trace.held_out", share=percent(language, span.held_out))
