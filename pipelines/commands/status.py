"""Show the state of every stage of a run, compared with the current recipe. Writes nothing.

    desdecero status quickstart                        a run, by its name below runs/ or its folder
    desdecero status my_recipe.yaml                    the run that this recipe makes
    desdecero status my_recipe.yaml --run-dir DIR      … in another place

A stage is stale where the recipe's file differs from what was sealed: `desdecero run` would build it again, and later
stages too unless its output is the same as before.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from desdecero.pipelines.commands.dry_run import unless
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import add_place_arguments, current_state, open_run
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stages

SHOWN = 5
"""Number of changed values that are printed."""


def print_status(run: RunDir, recipe: Recipe) -> None:
    """Print one line for each stage: state, duration, time of its seal and reason."""
    width = max([10, *map(len, stages(recipe))])
    unsure: list[str] = []  # stages that `run` would build, and those whose output may change as a result
    for stage in stages(recipe).values():
        state = current_state(stage, recipe, run)
        before = [name for name in stage.inputs if name in unsure]
        reason = state.reason
        if state.name == "sealed" and before:
            reason = f"rebuilt {unless(before)}"
        if state.name in ("stale", "missing") or before:
            unsure.append(stage.name)
        seal = run.seal(stage.name, recipe)
        took = f"{seal.seconds:8.1f} s  {seal.finished}" if seal else " " * 10
        print(f"{stage.name:<{width}} {state.name:<9} {took}  {reason}".rstrip())


def current_recipe(run: RunDir) -> tuple[Recipe, str]:
    """Load the recipe that made the run from its file as it is now; return it with a sentence about its origin.

    Where the file is missing or no longer valid, the run's own copy is returned.
    """
    sealed, origin = run.recipe(), run.origin()
    if sealed.base is not None:
        return sealed, f"adapters on {sealed.base.name}{f' at {sealed.base.revision}' if sealed.base.revision else ''}"
    if origin is None:
        return sealed, "recipe.yaml of the run (the file that it came from is not known)"
    try:
        recipe = run.with_added_adapters(origin.load())
    except UserError as error:
        return sealed, f"recipe.yaml of the run, because the recipe that it was made from cannot be read: {error}"
    changed = list(_changes(sealed.model_dump(mode="json"), recipe.model_dump(mode="json")))
    if not changed:
        return recipe, f"{origin}"
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return recipe, f"{origin}, changed since: {'; '.join(changed[:SHOWN])}{more}"


def _changes(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Yield the values that differ, each with its dotted key."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*before, *now)):
            yield from _changes(before.get(key), now.get(key), f"{place}.{key}" if place else str(key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, pair in enumerate(zip(before, now, strict=True)):
            yield from _changes(*pair, f"{place}.{number}")
    elif before != now:
        yield f"{place} {_short(before)} → {_short(now)}"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def find(args: argparse.Namespace) -> tuple[RunDir, Recipe, str]:
    """Return the named run, or the run of the named recipe, with its current recipe and a sentence about that."""
    if Path(args.recipe).is_file() or args.run_dir or args.overrides:
        recipe, run, origin = open_run(args)
        if not run.recipe_file.is_file():
            raise UserError(f"no run of {args.recipe} at {run}: make one with `desdecero run {args.recipe}`")
        return run, recipe, str(origin)
    run = find_run(args.recipe)
    return run, *current_recipe(run)


def main(argv: list[str]) -> int:
    """Run `desdecero status`."""
    parser = Arguments("status", __doc__)
    parser.add_argument("recipe", metavar="RUN", help="a run directory, its name below runs/, or a recipe's YAML file")
    add_place_arguments(parser)
    run, recipe, about = find(parser.parse_args(argv))
    print(f"{run}\nrecipe: {about}")
    print_status(run, recipe)
    return EXIT_OK
