"""Compare models on the items that each was scored on: which is better, by how much, and is that more than chance?

    desdecero compare runs/a runs/b                     two runs
    desdecero compare runs/a scores/gpt2 --margin 0.02  a run, and a folder that `desdecero score` wrote
    desdecero compare a b c --json                      for programs

Items are matched by their hash. For each suite and pair of models it prints the difference (first minus second) with
its interval, and one verdict that takes account of all comparisons (Holm 1979). A difference within the margin counts
as none; it is in the unit of the suite's measure, 0.01 is a point of accuracy.
"""

from __future__ import annotations

import json
import sys

from desdecero.model_cards.evaluation_page import verdict_sentence
from desdecero.model_cards.formats import figure, interval
from desdecero.model_cards.words import LANGUAGES, name
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError
from desdecero.pipelines.evaluation.scores import compare_models, read_scored
from desdecero.pipelines.run.reports import content_of


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero compare`."""
    parser = Arguments("compare", __doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a run, or a folder that `desdecero score` wrote")
    parser.add_argument("--margin", type=float, default=0.01, help="difference that counts as none (default: 0.01)")
    parser.add_argument("--confidence", type=float, default=0.95, help="of intervals and verdicts (default: 0.95)")
    parser.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0], help="of the sentences")
    parser.add_argument("--json", action="store_true", help="print the comparisons as JSON")
    arguments = parser.parse_args(argv)
    if len(arguments.models) < 2:
        raise UserError("name two models at least: what should be compared?")
    if not arguments.margin > 0 or not 0.5 < arguments.confidence < 1:
        raise UserError("--margin is above 0, and --confidence between 0.5 and 1")
    models = [read_scored(model) for model in arguments.models]
    found = compare_models(models, arguments.margin, arguments.confidence)
    rows = [content_of(each) for each in found]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return EXIT_OK
    suites = [content_of(suite) for model in models for suite in model.report.results]
    language = arguments.language
    for row in rows:
        measure = f"{name(language, 'suite', row['suite'])}, {name(language, 'measure', row['measure'])}"
        effect = f"  d {figure(row['effect_size'], 2)}" if row["effect_size"] is not None else ""
        print(f"{measure}: {interval(language, row['difference'], 'signed')}{effect}")
        print(f"  {verdict_sentence(language, row, suites, arguments.margin)}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
