"""Score any model on a recipe's suites and held-out text, so that `desdecero compare` can set it beside others.

    desdecero score openai-community/gpt2 --recipe my_recipe.yaml --out scores/gpt2
    desdecero score runs/other --recipe my_recipe.yaml --out scores/other
    desdecero compare runs/mine scores/gpt2

MODEL is a run, a checkpoint of its training, an adapter, a folder of transformers, or a name on the Hub. The held-out
text is that of the recipe's run, where its corpus is sealed; without one, only the suites are scored. Writes

    DIR/report.json            the results, as in a run's evaluation/
    DIR/documents.parquet      the scores of held-out documents
    DIR/items/SUITE.parquet    the scores of a suite's items
    DIR/model.json             name and digest of the model

The same command again measures only what has changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_OK, UserError
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.evaluation.models import find_model
from desdecero.pipelines.evaluation.suites import load_suites
from desdecero.pipelines.run.chain import add_place_arguments, open_run


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero score`."""
    parser = Arguments("score", __doc__)
    parser.add_argument("model", help="a run, checkpoint, adapter, folder of transformers, or name on the Hub")
    parser.add_argument("--recipe", required=True, help="a shipped recipe's name or a YAML file")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder that the scores are written to")
    add_place_arguments(parser)
    arguments = parser.parse_args(argv)
    recipe, run, _ = open_run(arguments)
    out = Path(local_path(arguments.out))
    if out.is_file():
        raise UserError(f"--out {out} is a file: name a folder")
    quiet_environment()
    suites, named = load_suites(recipe), find_model(arguments.model)
    if run.seal("corpus", recipe) is None and not suites:
        raise UserError(f"nothing to score on: {run} has no corpus, and the recipe no suites")
    from desdecero.pipelines.evaluation.score import score_model  # imports torch

    scored = score_model(recipe, run, named, suites, out)
    for result in scored.report.results:
        measured = result.measures[result.main]
        between = f" ({measured.low:.3f} to {measured.high:.3f})" if measured.interval else ""
        print(f"{result.name}: {result.main} {measured.value:.3f}{between} on {result.items:,}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
