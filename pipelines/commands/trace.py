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
from desdecero.pipelines.tokens.trace import TracedSpan, trace

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
    parser.add_argument("--min-tokens", type=int, default=8, metavar="N", help="shorter runs are left out (default: 8)")
    parser.add_argument("--json", action="store_true", help="print the runs as JSON")
    parser.add_argument("--language", choices=("en", "es"), help="default: the recipe's first, or LANG")
    arguments = parser.parse_args(argv)
    if arguments.min_tokens < 2:
        raise UserError(f"--min-tokens {arguments.min_tokens}: give 2 or more")
    text, run = _text(arguments), find_run(arguments.run)
    recipe = run.recipe()
    index = open_index(run, recipe)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
    spans = trace(index, run, tokenizer, text, arguments.min_tokens)
    if arguments.json:
        print(json.dumps([span.to_dict() for span in spans], indent=2, ensure_ascii=False))
    else:
        print(_page(spans, arguments.min_tokens, reader_language(recipe.languages, arguments.language)))
    return EXIT_OK


def _text(arguments: argparse.Namespace) -> str:
    """Return the text that was given. Raises `UserError` where there is none, two, or a file that cannot be read."""
    if (arguments.text is None) == (arguments.file is None):
        raise UserError("give a text, or a file with --file")
    if arguments.text is not None:
        return str(arguments.text)
    try:
        return Path(arguments.file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{arguments.file}: not UTF-8 text at byte {error.start}") from None
    except OSError as error:
        raise UserError(f"{arguments.file} cannot be read: {error.strerror}") from None


def _page(spans: list[TracedSpan], least: int, language: Language) -> str:
    if not spans:
        return say(language, "trace.none", tokens=least)
    lines = [say(language, "trace.found", count=len(spans), tokens=least)]
    for span in spans[:SHOWN]:
        shown = " ".join(span.text.split())
        lines.append(f"\n  «{shown[:LONGEST_SHOWN]}{'…' if len(shown) > LONGEST_SHOWN else ''}»")
        times = say(
            language, "trace.times", tokens=grouped(language, span.tokens), count=grouped(language, span.occurrences)
        )
        lines.append(f"    {times}" + _beside(span, language))
        lines += [f"    {one.id}  ({one.source}, {one.license or '–'})" for one in span.documents]
    if len(spans) > SHOWN:
        lines.append("\n  " + say(language, "trace.more", count=grouped(language, len(spans) - SHOWN)))
    return "\n".join([*lines, "", say(language, "trace.no_proof")])


def _beside(span: TracedSpan, language: Language) -> str:
    if span.held_out is None:
        return ""
    return "; " + say(language, "trace.held_out", share=percent(language, span.held_out))
