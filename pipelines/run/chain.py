"""The chain: run the stages in order, skip what is sealed, and seal what is new.

desdecero run quickstart                     every stage that is missing or stale
desdecero run quickstart --until tokens      … up to one
desdecero run quickstart --from pretrain     that one and all after it, even if sealed
desdecero run quickstart --dry-run           what would be done, and why; nothing is written
desdecero pretrain quickstart                one stage alone; `accelerate launch pipelines/pretrain.py quickstart`
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.recipe.origin import Origin
from desdecero.pipelines.run.launcher import one_of_several, run_together
from desdecero.pipelines.run.run_dir import RunDir, State
from desdecero.pipelines.run.stages import KINDS, OF_ADAPTER, Stage, load, stages

ANYWAY = "train also where a budget in minutes has room for a few steps only"


def quiet_environment() -> None:
    """Offline is normal: set what keeps the libraries from calling home, before they are imported.

    `HF_HUB_OFFLINE` is left alone: a recipe may name a Hub source, and `publish` uploads.
    """
    for name, value in {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "WANDB_MODE": "offline",
        "TOKENIZERS_PARALLELISM": "true",
        # The libraries' own bars (weights loaded in 2 ms, …) would only hide ours.
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }.items():
        os.environ.setdefault(name, value)


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """The words that every command on a recipe takes."""
    parser.add_argument("recipe", help="a shipped recipe's name (quickstart, …) or a YAML file")
    add_place_arguments(parser)


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run-dir", metavar="DIR", help="where the run lands (default: runs/<recipe name>)")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides",
        help="override one value of the recipe, as in --set pretrain.budget.minutes=10; may be repeated",
    )  # fmt: skip


def open_run(args: argparse.Namespace) -> tuple[Recipe, RunDir, Origin]:
    """The recipe that was named, the run that it makes, and where the recipe came from."""
    recipe = load_recipe(args.recipe, args.overrides)
    run = RunDir(local_path(args.run_dir) if args.run_dir else Path("runs") / recipe.name)
    return recipe, run, Origin.of(args.recipe, args.overrides)


def stage_main(kind: str, argv: list[str] | None, flags: Mapping[str, str] | None = None) -> int:
    """The command line of one stage alone: it runs even if sealed, provided that its inputs are.

    flags: name and help of what the stage's function takes besides, false by default.
    """

    def command(words: list[str]) -> int:
        quiet_environment()
        parser = Arguments(kind, importlib.import_module(KINDS[kind].module).__doc__)
        add_recipe_arguments(parser)
        if any(stage.kind == kind for stage in OF_ADAPTER):
            parser.add_argument("--adapter", metavar="NAME", help="of this adapter, where the recipe names several")
        for flag, told in (flags or {}).items():
            parser.add_argument(f"--{flag}", action="store_true", help=told)
        arguments = parser.parse_args(words)
        said = {flag: getattr(arguments, flag) for flag in flags or {}}
        with one_of_several():
            recipe, run, origin = open_run(arguments)
            stage = find_stage(recipe, kind, getattr(arguments, "adapter", None))
            if int(os.environ.get("RANK", "0")) > 0:  # a launched process: the first one prepares and seals
                _function(stage)(recipe, run, run.unsealed, **stage.options, **said)
                return EXIT_OK
            with run.lock():
                run.recover(recipe)
                check_inputs(stage, recipe, run)
                run.remember_origin(origin)
                run_stage(stage, recipe, run, **said)
        return EXIT_OK

    return guard(command, argv)


def run_chain(
    recipe: Recipe, run: RunDir, first: str | None = None, last: str | None = None, processes: int | None = None,
    origin: Origin | None = None, anyway: bool = False,
) -> None:  # fmt: skip
    """Run the stages from `first` (redone even if sealed) to `last`; by default every one that needs it. `anyway`: see
    `ANYWAY`."""
    chain = between(recipe, first, last)
    with run.lock() as lock:
        run.recover(recipe)
        if origin:
            run.remember_origin(origin)
        redo = False
        for name, stage in chain.items():
            redo = redo or name == first
            state = current_state(stage, recipe, run, remember=True)
            if state.name == "sealed" and not redo:
                _say(name, f"sealed, nothing to do{f' ({state.reason})' if state.reason else ''}")
                continue
            flags = {flag: value for flag, value in {"anyway": anyway}.items() if flag in stage.flags}
            if stage.launched and (count := processes or _device_count()) > 1:
                _launch(stage, recipe, run, count, lock, flags)
            else:
                run_stage(stage, recipe, run, because=state.reason, **flags)
        run.update_recipe(recipe)


def find_stage(recipe: Recipe, kind: str, adapter: str | None) -> Stage:
    """The stage of this kind that a recipe asks for; raises `UserError` where it asks for none, or for several."""
    chain = stages(recipe)
    if adapter is not None and not recipe.names_its_adapters:
        raise UserError(f"recipe {recipe.name} does not name its adapters: leave --adapter out")
    name = kind if adapter is None else f"{kind}:{adapter}"
    if name in chain:
        return chain[name]
    if recipe.names_its_adapters:
        raise UserError(f"name one of the recipe's adapters with --adapter: {', '.join(recipe.adapters)}")
    raise UserError(f"recipe {recipe.name} has no {kind} section: add one, or leave the stage out")


def between(recipe: Recipe, first: str | None, last: str | None) -> dict[str, Stage]:
    """The stages up to `last`, in order. Raises `UserError` for one that is not there, or comes after `last`."""
    chain = stages(recipe)
    names = list(chain)
    for option, name in (("--from", first), ("--until", last)):
        if name and name not in chain:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names)}"
            raise UserError(f"{option} {name}: the recipe has no such stage: {hint}")
    if first and last and names.index(first) > names.index(last):
        raise UserError(f"--from {first} comes after --until {last}: the order is {', '.join(names)}")
    return {name: chain[name] for name in names[: names.index(last) + 1 if last else None]}


def current_state(stage: Stage, recipe: Recipe, run: RunDir, remember: bool = False) -> State:
    """Where a stage stands; the corpus, compared with its sources too.

    remember: whether hashes of sources may be written into the run
    """
    state = run.state(stage, recipe)
    seal = run.seal(stage.name, recipe)
    if state.name != "sealed" or seal is None or seal.sources is None:
        return state
    memory = load(stage.sources)(run.sources_file)
    found = memory.compare(recipe, seal.sources)
    if remember:
        memory.keep_hashes(found.now)
    if found.changes:
        changed = run.state(stage, recipe, sources="of another corpus")
        return State(changed.name, f"{changed.reason}: {found.changes}")
    return State("sealed", "sources were renamed; the ledger has their names of then" if found.renamed else "")


def run_stage(stage: Stage, recipe: Recipe, run: RunDir, because: str = "", **flags: bool) -> None:
    """Build one stage below `unsealed/`, seal it and move it into place. flags: of the stage's function."""
    function = _function(stage)
    out = run.start(stage, recipe)
    _say(stage.name, f"building ({because})" if because else "building")
    started = time.perf_counter()
    with _sources(stage, recipe, run) as sources:
        summary = function(recipe, run, out, **stage.options, **flags)
        seal = run.commit(stage, recipe, time.perf_counter() - started, sources)
    _say(stage.name, f"sealed in {seal.seconds:.1f} s: {summary}")


@contextmanager
def _sources(stage: Stage, recipe: Recipe, run: RunDir) -> Iterator[str | None]:
    """The digest of the stage's sources, which the run remembers once it is sealed; None for a stage without."""
    if not stage.sources:
        yield None
        return
    memory = load(stage.sources)(run.sources_file)
    seen = memory.look(recipe)  # before the stage reads them: what changes meanwhile is another content
    yield memory.digest(seen)
    memory.seal(seen)


def check_inputs(stage: Stage, recipe: Recipe, run: RunDir) -> None:
    """Refuse to build on what is missing or stale."""
    chain = stages(recipe)
    for name in stage.inputs:
        state = run.state(chain[name], recipe)
        if state.name in ("missing", "stale"):
            reason = f" ({state.reason})" if state.reason else ""
            raise UserError(
                f"{stage.name} needs {name}, which is {state.name}{reason} in {run}: "
                f"make it with `desdecero run {recipe.name} --until {name}`"
            )


def _function(stage: Stage):  # type: ignore[no-untyped-def]
    quiet_environment()
    return load(f"{stage.module}:{stage.page}")


def _launch(stage: Stage, recipe: Recipe, run: RunDir, processes: int, lock: int, flags: Mapping[str, bool]) -> None:
    """Run a training stage in several processes, one a device."""
    quiet_environment()
    import torch

    resolved = run.unsealed.path / "recipe.yaml"
    resolved.parent.mkdir(parents=True, exist_ok=True)
    resolved.write_text(recipe.to_yaml(), encoding="utf-8")
    environment = {**os.environ, "DESDECERO_LOCKED": str(run.path)}
    if not torch.cuda.is_available():
        environment["ACCELERATE_USE_CPU"] = "true"
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    script = importlib.import_module(stage.module).__file__
    command = [sys.executable, str(script), str(resolved), "--run-dir", str(run.path)]
    command += [f"--{flag}" for flag, given in flags.items() if given]
    if recipe.names_its_adapters and stage.adapter:
        command += ["--adapter", stage.adapter]
    try:
        run_together(command, processes, environment, lock)
    finally:
        resolved.unlink(missing_ok=True)


def _device_count() -> int:
    import torch

    return max(1, torch.cuda.device_count())


def _say(stage: str, what: str) -> None:
    print(f"{stage:<10} {what}", flush=True)
