"""Compare two cards: what changed in statements, data, licences, training, scores and verdicts, in words.

    desdecero card diff runs/a runs/b                    two runs, by the cards of their models
    desdecero card diff runs/a runs/a/adapters/x/card    any folder with an `evidence.json`
    desdecero card diff runs/a runs/b --language es --json

Everything comes from the evidence of the two cards. Where the scores by document of both are here, and the documents
are the same, their differences (second minus first) have an interval, paired by document; elsewhere it is said why not.
A recipe that is named `diff` is `./diff.yaml` for `desdecero card`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from desdecero.model_cards.card_changes import SECTIONS, Change, changes, reports_of
from desdecero.model_cards.evaluation_page import verdict_sentence
from desdecero.model_cards.formats import interval
from desdecero.model_cards.words import LANGUAGES, Language, name, say
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError, printable
from desdecero.pipelines.evaluation.scores import compare_models, read_scored
from desdecero.pipelines.run.reports import content_of
from desdecero.pipelines.run.seals import InvalidFile, parse_json, read_file

Row = dict[str, Any]
PLACES = ("card", "evidence/card", "evidence", ".")
"""Folders of a run, of a published model and of a card that may hold the evidence."""


@dataclass(frozen=True)
class Card:
    """The evidence of a card, and the run or folder that may hold the scores behind it."""

    name: str
    folder: Path
    quotes: list[dict[str, Any]]


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero card diff`."""
    parser = Arguments("card diff", __doc__)
    parser.add_argument("first", metavar="A", help="a run, or a folder with an evidence.json")
    parser.add_argument("second", metavar="B", help="another")
    parser.add_argument("--margin", type=float, default=0.01, help="difference that counts as none (default: 0.01)")
    parser.add_argument("--confidence", type=float, default=0.95, help="of paired intervals (default: 0.95)")
    parser.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0], help="of the sentences")
    parser.add_argument("--json", action="store_true", help="print the changes as JSON")
    arguments = parser.parse_args(argv)
    if not arguments.margin > 0 or not 0.5 < arguments.confidence < 1:
        raise UserError("--margin is above 0, and --confidence between 0.5 and 1")
    language: Language = arguments.language
    first, second = read_card(arguments.first), read_card(arguments.second)
    found = changes(language, reports_of(first.quotes), reports_of(second.quotes))
    paired, suites, why_not = _paired(language, first, second, arguments.margin, arguments.confidence)
    if arguments.json:
        content = {"changes": [asdict(change) for change in found], "paired": paired, "not_paired": why_not}
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return EXIT_OK
    told = [line for row in paired for line in _told(language, row, suites, arguments.margin)]
    if why_not:
        told.append(say(language, "card_diff.not_paired", why=why_not))
    for line in _lines(language, found, told):
        print(line)
    return EXIT_OK


def read_card(given: str) -> Card:
    """Return the card of a run, of a published model or in a folder; raises `UserError` for anything else."""
    for path in (Path(given).expanduser(), Path("runs") / given):
        for place in PLACES:
            folder = path / place
            if (folder / "evidence.json").is_file():
                return Card(given, folder, _quotes(folder / "evidence.json"))
    raise UserError(f"no card at {given}: name a run whose card was written, or a folder that holds its evidence.json")


def _quotes(path: Path) -> list[dict[str, Any]]:
    try:
        quotes = parse_json(read_file(path))
    except InvalidFile as error:
        raise UserError(f"{path} {error}: write the card again with `desdecero card`") from None
    if not isinstance(quotes, list) or not all(_is_quote(quote) for quote in quotes):
        raise UserError(f"{path} is not the evidence of a card: write the card again with `desdecero card`")
    return quotes


def _is_quote(quote: Any) -> bool:
    return (
        isinstance(quote, dict)
        and isinstance(quote.get("key"), str)
        and ":/" in quote["key"]
        and isinstance(quote.get("value"), str | int | float)
    )


def _lines(language: Language, found: list[Change], paired: list[str]) -> Iterator[str]:
    """Yield the changes under the names of their sections; a section without any says so."""
    for section in SECTIONS:
        lines = [_line(language, change) for change in found if change.section == section]
        lines += paired if section == "scores" else []
        title = say(language, f"card_diff.section.{section}")
        yield title if lines else say(language, "card_diff.same", section=title)
        yield from (f"  {line}" for line in lines)


def _line(language: Language, change: Change) -> str:
    if change.before is None:
        return say(language, "card_diff.new", what=change.what, after=change.after)
    if change.after is None:
        return say(language, "card_diff.gone", what=change.what, before=change.before)
    return say(language, "card_diff.now", what=change.what, before=change.before, after=change.after)


def _told(language: Language, row: Row, suites: list[Row], margin: float) -> Iterator[str]:
    """Yield what a comparison by item says: the difference with its interval, and the verdict."""
    suite, measure = name(language, "suite", row["suite"]), name(language, "measure", row["measure"])
    difference = interval(language, row["difference"], "signed")
    yield say(language, "card_diff.paired", suite=suite, measure=measure, difference=difference)
    yield f"  {verdict_sentence(language, row, suites, margin)}"


def _paired(
    language: Language, first: Card, second: Card, margin: float, confidence: float
) -> tuple[list[Row], list[Row], str]:
    """Return the second model's scores less the first's, paired by item; their suites; and why there are none."""
    places = [_scores_beside(card) for card in (second, first)]
    if places[0] == places[1]:
        return [], [], ""
    for card, (_, scores) in zip((second, first), places, strict=True):
        if not (scores / "documents.parquet").is_file():
            return [], [], say(language, "card_diff.no_scores", name=card.name)
    try:
        models = [
            replace(read_scored(str(place)), name=card.name)
            for card, (place, _) in zip((second, first), places, strict=True)
        ]
        compared = [content_of(each) for each in compare_models(models, margin, confidence)]
        return compared, [content_of(suite) for model in models for suite in model.report.results], ""
    except UserError as error:
        return [], [], printable(error)


def _scores_beside(card: Card) -> tuple[Path, Path]:
    """Return the run that a card lies in, or its folder of scores; and that folder."""
    above = card.folder.resolve().parent
    scores = above / "evaluation"
    return (above if (above / "recipe.yaml").is_file() else scores), scores


if __name__ == "__main__":
    sys.exit(main())
