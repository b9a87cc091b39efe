"""Run the stages of a recipe and print a summary of the results."""

from __future__ import annotations

from desdecero.pipelines.commands import dry_run
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError
from desdecero.pipelines.run import chain


def main(argv: list[str]) -> int:
    """Run the stages of a recipe and print a summary of the results."""
    parser = Arguments("run", chain.__doc__)
    chain.add_recipe_arguments(parser)
    parser.add_argument("--from", dest="first", metavar="STAGE", help="redo this stage and all after it")
    parser.add_argument("--until", dest="last", metavar="STAGE", help="stop after this stage")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="training processes (default: one per CUDA device, else one)"
    )
    parser.add_argument("--anyway", action="store_true", help=chain.ANYWAY_HELP)
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and why; write nothing")
    parser.add_argument(
        "--language", choices=("en", "es"), help="of the summary (default: the recipe's first, or LANG)"
    )
    args = parser.parse_args(argv)
    if args.processes is not None and args.processes < 1:
        raise UserError(f"--processes {args.processes}: at least one process must train")
    recipe, run_dir, origin = chain.open_run(args)
    if args.dry_run:
        dry_run.print_plan(recipe, run_dir, args.first, args.last)
        return EXIT_OK
    chain.run_chain(recipe, run_dir, args.first, args.last, args.processes, origin, args.anyway)
    if args.last is None and recipe.base is None:  # of a base that was not trained here there is nothing to sum up
        from desdecero.model_cards.words import reader_language
        from desdecero.pipelines.commands.summary import summary

        print("\n" + summary(recipe, run_dir, reader_language(recipe.languages, args.language)))
    return EXIT_OK
