"""Command line: a table of commands. A stage is imported only when it is called, so `--help` is fast."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, EXIT_USER_ERROR, UserError, guard, printable
from desdecero.pipelines.run.stages import KINDS

if TYPE_CHECKING:
    from desdecero.pipelines.run.run_dir import RunDir

HELP = """\
usage: desdecero COMMAND …

From your own text to your own language model, and the evidence to stand behind it.

a whole run
  run RECIPE         every stage that is missing or stale, in order; --dry-run lists them
  recipes            the recipes that come with the project
  status RUN         which stages are sealed, stale or missing, and why
  corpus inspect RUN documents dropped, with the reasons, and the history of any document
  verify RUN         hash every sealed file again and name what was altered
  forget RUN         remove documents on request: find what holds them, and block them in later builds
  publish RUN        upload the model to the Hub, through the gate; --dry-run lists what would be uploaded
  export-gguf RUN F  write the model as one GGUF file, for llama.cpp
  app RUN            a page to try the model and read its reports

one stage alone
  corpus tokenizer tokens pretrain evaluate audit finetune card     RECIPE

RECIPE is a shipped name or a YAML file; RUN is a run directory or its name below runs/, on this machine.
`desdecero COMMAND --help` tells more. Training on several devices: `desdecero run` finds them, or use
`accelerate launch pipelines/pretrain.py RECIPE`. A budget in minutes that has room for fewer than 50 steps is refused;
`--anyway` trains them.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command that `argv` names and return its exit code."""
    return guard(_dispatch, argv)


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return EXIT_OK if argv else EXIT_USER_ERROR
    name, *arguments = argv
    if argv[:2] == ["corpus", "inspect"]:
        return _main_of("desdecero.pipelines.commands.inspect_corpus", argv[2:])
    if name in COMMANDS:
        return COMMANDS[name](arguments)
    if name in KINDS:
        return _main_of(KINDS[name].module, arguments)
    import difflib

    near = difflib.get_close_matches(name, [*COMMANDS, *KINDS], n=1)
    raise UserError(f"no command {name!r}: " + (f"did you mean {near[0]}?" if near else "see `desdecero --help`"))


def _main_of(module: str, argv: list[str]) -> int:
    code: int = importlib.import_module(module).main(argv)
    return code


def run(argv: list[str]) -> int:
    """Run the stages of a recipe and print a summary of the results."""
    from desdecero.pipelines.run import chain

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
        importlib.import_module("desdecero.pipelines.commands.dry_run").print_plan(
            recipe, run_dir, args.first, args.last
        )
        return EXIT_OK
    chain.run_chain(recipe, run_dir, args.first, args.last, args.processes, origin, args.anyway)
    if args.last is None:
        from desdecero.pipelines.commands.summary import reader_language, summary

        print("\n" + summary(recipe, run_dir, reader_language(recipe, args.language)))
    return EXIT_OK


def recipes(argv: list[str]) -> int:
    """List the shipped recipes, one line each."""
    from desdecero.pipelines.recipe import load_recipe, shipped_recipes

    Arguments("recipes", recipes.__doc__).parse_args(argv)
    for name in sorted(shipped_recipes()):
        print(f"{name:<18} {load_recipe(name).purpose}")
    return EXIT_OK


def status(argv: list[str]) -> int:
    """Show the state of every stage of a run."""
    return _main_of("desdecero.pipelines.commands.status", argv)


def verify(argv: list[str]) -> int:
    """Hash every sealed file again; print and count the differences. Exit code 1 if there are any."""
    from desdecero.pipelines.commands import verify as verification
    from desdecero.pipelines.run.stages import stages

    run_dir = _run_argument("verify", verify.__doc__, argv)
    sealed: list[str] = []
    try:
        recipe = run_dir.recipe()
        faults = verification.verify(run_dir, recipe)
        sealed = [name for name in stages(recipe) if run_dir.seal(name, recipe)]
    except UserError as error:  # without the recipe, it is not known which stages there are
        faults = [printable(error)]
    for fault in faults:
        print(fault)
    if faults:
        print(f"\n{len(faults)} fault{'s' * (len(faults) > 1)}: this run is not the one that was sealed")
        return EXIT_FINDING
    print(f"whole: {len(sealed)} stages, every file as it was sealed ({', '.join(sealed) or 'none'})")
    if sealed and "corpus" not in sealed:
        print("the corpus is not on this machine: it was not verified")
    return EXIT_OK


def app(argv: list[str]) -> int:
    """Serve the page of a run: try the model, read its loss curve, licences and audit."""
    from desdecero.pipelines.run.chain import quiet_environment

    quiet_environment()
    return _main_of("desdecero.app.app", argv)


def publish(argv: list[str]) -> int:
    """Upload a run's model through the gate."""
    return _main_of("desdecero.pipelines.commands.publish", argv)


def export_gguf(argv: list[str]) -> int:
    """Write a run's model for llama.cpp."""
    return _main_of("desdecero.pipelines.commands.export", argv)


def forget(argv: list[str]) -> int:
    """Remove documents on request."""
    return _main_of("desdecero.pipelines.commands.forget", argv)


def _run_argument(name: str, description: str | None, argv: list[str]) -> RunDir:
    from desdecero.pipelines.run.run_dir import find_run

    parser = Arguments(name, description)
    parser.add_run()
    return find_run(parser.parse_args(argv).run)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "recipes": recipes,
    "status": status,
    "verify": verify,
    "forget": forget,
    "publish": publish,
    "export-gguf": export_gguf,
    "app": app,
}

if __name__ == "__main__":
    sys.exit(main())
