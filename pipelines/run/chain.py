"""Run the stages of a recipe in order: skip what is sealed, build and seal the rest.

desdecero run quickstart                     every stage that is missing or stale
desdecero run quickstart --until tokens      … up to one
desdecero run quickstart --from pretrain     that stage and all after it, even if sealed
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_OK, UserError, guard
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.recipe import Recipe, load_recipe, parse_recipe, shipped_recipes
from desdecero.pipelines.recipe.origin import Origin
from desdecero.pipelines.run.base_model import is_base, open_base
from desdecero.pipelines.run.launcher import launched_process, run_processes
from desdecero.pipelines.run.run_dir import RunDir, State, find_run
from desdecero.pipelines.run.stages import KINDS, OF_ADAPTER, Stage, load, stage_name, stages, stages_of

ANYWAY_HELP = "train even if a budget in minutes has room for only a few steps"


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every command on a recipe takes."""
    parser.add_argument("recipe", help="a shipped recipe's name (quickstart, …), a YAML file, or a run")
    add_place_arguments(parser)


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for the run directory and for overrides of the recipe."""
    parser.add_argument("--run-dir", metavar="DIR", help="the run directory (default: runs/<recipe name>)")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="override one value of the recipe, as in --set pretrain.budget.minutes=10; may be repeated",
    )


def open_run(args: argparse.Namespace) -> tuple[Recipe, RunDir, Origin]:
    """Return the named recipe, its run directory, and where the recipe came from. A run stands for its recipe."""
    if named := _named_run(args.recipe):
        recipe = named.with_added_adapters(load_recipe(named.recipe_file, args.overrides))
        run = RunDir(local_path(args.run_dir)) if args.run_dir else named
        return recipe, run, Origin.of(str(named.recipe_file), args.overrides)
    recipe = load_recipe(args.recipe, args.overrides)
    run = RunDir(local_path(args.run_dir) if args.run_dir else Path("runs") / recipe.name)
    return recipe, run, Origin.of(args.recipe, args.overrides)


def _named_run(name: str) -> RunDir | None:
    """Return the run that a name or a folder means, unless it is that of a recipe."""
    if name in shipped_recipes() or Path(local_path(name)).is_file():
        return None
    places = (Path(name), Path("runs") / name)
    return next((RunDir(place) for place in places if (place / "recipe.yaml").is_file()), None)


def stage_main(
    kind: str,
    argv: list[str] | None,
    flags: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    adds_adapters: bool = False,
) -> int:
    """Run the command of a single stage: it runs even if sealed, provided that its inputs are sealed.

    flags: names and help texts of further options of the stage's function, false by default
    names: the same of options that take a name and may be repeated
    adds_adapters: whether it may add an adapter on data of one's own to a run
    """

    def command(words: list[str]) -> int:
        quiet_environment()
        parser = Arguments(kind, importlib.import_module(KINDS[kind].module).__doc__)
        add_recipe_arguments(parser)
        if adds_adapters:
            parser.add_argument("name", nargs="?", metavar="NAME", help="the adapter; the same as --adapter NAME")
        if any(stage.kind == kind for stage in OF_ADAPTER):
            parser.add_argument("--adapter", metavar="NAME", help="the adapter, where the recipe has several")
        for flag, description in (flags or {}).items():
            parser.add_argument(f"--{flag}", action="store_true", help=description)
        for option, description in (names or {}).items():
            parser.add_argument(f"--{option}", action="append", default=[], metavar="NAME", help=description)
        if adds_adapters:
            add_adapter_arguments(parser)
        arguments = parser.parse_args(words)
        if adds_adapters and arguments.name:
            if arguments.adapter not in (None, arguments.name):
                raise UserError(f"two adapters are named, {arguments.name} and {arguments.adapter}: name one")
            arguments.adapter = arguments.name
        values = {option: getattr(arguments, option) for option in (*(flags or {}), *(names or {}))}
        with launched_process():
            if adds_adapters and (arguments.data or arguments.domain or arguments.test):
                run, section, name = adapter_of_arguments(arguments)
                add_adapter(run, name, section, arguments.overrides, values)
                return EXIT_OK
            recipe, run, origin = open_run(arguments)
            recipe = run.with_added_adapters(recipe)
            if (elsewhere := recipe.adapters_elsewhere.get(getattr(arguments, "adapter", None) or "")) is not None:
                if not adds_adapters:
                    raise UserError(
                        f"the adapter {arguments.adapter} is on {elsewhere.base}: name the run of that model, which "
                        f"`desdecero finetune {arguments.recipe} {arguments.adapter}` made"
                    )
                add_adapter_elsewhere(recipe, arguments.adapter, arguments.run_dir, values)
                return EXIT_OK
            stage = find_stage(recipe, kind, getattr(arguments, "adapter", None))
            if int(os.environ.get("RANK", "0")) > 0:  # a launched process: the first one prepares and seals
                _function(stage)(recipe, run, run.unsealed, **stage.options, **values)
                return EXIT_OK
            with run.lock():
                run.recover(recipe)
                check_inputs(stage, recipe, run)
                run_stage(stage, recipe, run, **values)
                run.remember_origin(origin)  # as `recipe.yaml` is: a stage that is refused leaves both
        return EXIT_OK

    return guard(command, argv)


def add_adapter_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that add an adapter to a run."""
    parser.add_argument("--data", metavar="PATH", help="examples of your own: JSONL, CSV, TSV, Parquet, plain text, …")
    parser.add_argument("--test", metavar="PATH", help="examples to measure on (default: a fifth of the data)")
    parser.add_argument("--domain", metavar="NAME", help="a domain pack: see `desdecero domains`")
    parser.add_argument("--task", help="text, chat, classification or tokens (default: the domain pack's, or text)")
    parser.add_argument("--text", metavar="COLUMN", help="the column of the text (default: text)")
    parser.add_argument("--label", metavar="COLUMN", help="the column of the label (default: label)")


def adapter_of_arguments(arguments: argparse.Namespace) -> tuple[RunDir, dict[str, Any], str]:
    """Return the run, the section and the name of the adapter that the options of `desdecero finetune` describe.

    A base that is no run gets one, for all of its adapters.
    """
    name, place = arguments.adapter or arguments.domain, arguments.recipe
    if not arguments.data or not name:
        raise UserError("give the examples with --data, and a name with --domain or --adapter")
    if _named_run(place) is None and is_base(place):
        run = open_base(place, arguments.run_dir, arguments.overrides)
    else:
        run = find_run(place)
    options = {"train": arguments.data, "test": arguments.test, "text": arguments.text, "label": arguments.label}
    section = {
        "domain": arguments.domain,
        "data": {option: value for option, value in options.items() if value is not None},
        **({"task": arguments.task} if arguments.task else {}),
    }
    return run, section, name


def add_adapter_elsewhere(recipe: Recipe, name: str, run_dir: str | None, flags: Mapping[str, bool]) -> None:
    """Add the adapter of a recipe whose base is another model to the run of that model."""
    section = recipe.adapters_elsewhere[name].model_dump(mode="json", exclude={"base"})
    base = recipe.adapters_elsewhere[name].base
    if not is_base(base):
        raise UserError(
            f"finetune.{name}.base: {base} is no folder of transformers (it has no config.json), and no name of a "
            "model on the Hub, owner/name@revision; `run` is the recipe's own model"
        )
    made = [f"languages=[{', '.join(recipe.languages)}]", f"seed={recipe.seed}"]
    add_adapter(open_base(base, run_dir, made), name, section, [], flags)


def add_adapter(
    run: RunDir, name: str, section: Mapping[str, Any], overrides: Sequence[str], flags: Mapping[str, bool]
) -> None:
    """Add an adapter to a run that is there: train, evaluate and audit it, and write its card. The run stays sealed."""
    known = run.recipe()
    content = known.model_dump(mode="json")
    content["finetune"] = {**(content["finetune"] or {}), name: section}
    recipe = parse_recipe(yaml.safe_dump(content), f"{run}", Path.cwd(), overrides)
    if name in known.adapters and known.adapters[name].data != recipe.adapters[name].data:
        raise UserError(f"the adapter {name} of {run} is of other data: name another with --adapter")
    with run.lock():
        run.recover(recipe)
        for stage in stages_of(recipe, name):
            state = run.state(stage, recipe)
            if state.name == "sealed":
                _print(stage.name, "sealed, nothing to do")
                continue
            check_inputs(stage, recipe, run)
            own = {flag: given for flag, given in flags.items() if flag in stage.flags}
            run_stage(stage, recipe, run, because=state.reason, **own)


def run_chain(
    recipe: Recipe,
    run: RunDir,
    first: str | None = None,
    last: str | None = None,
    processes: int | None = None,
    origin: Origin | None = None,
    anyway: bool = False,
) -> None:
    """Run every missing or stale stage up to `last`, and all from `first` on, even if sealed.

    anyway: see `ANYWAY_HELP`
    """
    chain = stages_until(recipe, first, last)
    with run.lock() as lock:
        run.recover(recipe)
        if origin:
            run.remember_origin(origin)
        redo = False
        for name, stage in chain.items():
            redo = redo or name == first
            state = current_state(stage, recipe, run, remember=True)
            if state.name == "sealed" and not redo:
                _print(name, f"sealed, nothing to do{f' ({state.reason})' if state.reason else ''}")
                continue
            flags = {flag: value for flag, value in {"anyway": anyway}.items() if flag in stage.flags}
            if stage.launched and (count := processes or _device_count()) > 1:
                _launch(stage, recipe, run, count, lock, flags)
            else:
                run_stage(stage, recipe, run, because=state.reason, **flags)
        run.update_recipe(recipe)
    if last is None:
        for name in recipe.adapters_elsewhere:
            add_adapter_elsewhere(recipe, name, None, {"anyway": anyway})


def find_stage(recipe: Recipe, kind: str, adapter: str | None) -> Stage:
    """Return the stage of this kind in a recipe; raises `UserError` where it has none, or several."""
    chain, names = stages(recipe), list(recipe.adapters)
    if adapter is None and kind not in chain and len(names) == 1:
        adapter = names[0]
    name = stage_name(kind, adapter)
    if name in chain:
        return chain[name]
    if recipe.base is not None and not any(stage.kind == kind for stage in chain.values()):
        raise UserError(
            f"{recipe.name} holds adapters on {recipe.base.name}, which was not trained here: it has no stage {kind}; "
            "add an adapter with `desdecero finetune`"
        )
    if names and any(stage.kind == kind for stage in OF_ADAPTER):
        raise UserError(f"name one of the recipe's adapters with --adapter: {', '.join(names)}")
    raise UserError(f"recipe {recipe.name} has no {kind} section: add one, or leave the stage out")


def stages_until(recipe: Recipe, first: str | None, last: str | None) -> dict[str, Stage]:
    """Return the stages up to `last`, in order.

    Raises `UserError` where the recipe has no stage `first` or `last`, or where `first` comes after `last`.
    """
    chain = stages(recipe)
    names = list(chain)
    for option, name in (("--from", first), ("--until", last)):
        if name and name not in chain:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names)}"
            raise UserError(f"{option} {name}: the recipe has no stage of this name: {hint}")
    if first and last and names.index(first) > names.index(last):
        raise UserError(f"--from {first} comes after --until {last}: the order is {', '.join(names)}")
    return {name: chain[name] for name in names[: names.index(last) + 1 if last else None]}


def current_state(stage: Stage, recipe: Recipe, run: RunDir, remember: bool = False) -> State:
    """Return the state of a stage; a stage with sources is compared with them too.

    remember: whether hashes of sources may be written into the run
    """
    state = run.state(stage, recipe)
    seal = run.seal(stage.name, recipe)
    if state.name != "sealed" or seal is None or seal.sources is None:
        return state
    memory = load(stage.sources)(run.sources_file)
    comparison = memory.compare(recipe, seal.sources)
    if remember:
        memory.keep_hashes(comparison.now)
    if comparison.changes:
        changed = run.state(stage, recipe, sources="of another corpus")
        return State(changed.name, f"{changed.reason}: {comparison.changes}")
    return State("sealed", "sources were renamed; the ledger has their former names" if comparison.renamed else "")


def run_stage(stage: Stage, recipe: Recipe, run: RunDir, because: str = "", **options: object) -> None:
    """Build one stage below `unsealed/`, seal it and move it into place.

    options: options of the stage's function
    """
    function = _function(stage)
    out = run.start(stage, recipe)
    _print(stage.name, f"building ({because})" if because else "building")
    started = time.perf_counter()
    with _sources(stage, recipe, run) as sources:
        summary = function(recipe, run, out, **stage.options, **options)
        seal = run.commit(stage, recipe, time.perf_counter() - started, sources)
    _print(stage.name, f"sealed in {seal.seconds:.1f} s: {summary}")


@contextmanager
def _sources(stage: Stage, recipe: Recipe, run: RunDir) -> Iterator[str | None]:
    """Yield the digest of the stage's sources, which the run keeps once the stage is sealed; None without sources."""
    if not stage.sources:
        yield None
        return
    memory = load(stage.sources)(run.sources_file)
    seen = memory.look(recipe)  # before the stage reads them: a change during the build then counts as a change
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


def _function(stage: Stage) -> Callable[..., str]:
    quiet_environment()
    function: Callable[..., str] = load(f"{stage.module}:{stage.page}")
    return function


def _launch(stage: Stage, recipe: Recipe, run: RunDir, processes: int, lock: int, flags: Mapping[str, bool]) -> None:
    """Run a training stage in several processes, one for each device."""
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
    if stage.adapter:
        command += ["--adapter", stage.adapter]
    try:
        run_processes(command, processes, environment, lock)
    finally:
        resolved.unlink(missing_ok=True)


def _device_count() -> int:
    import torch

    return max(1, torch.cuda.device_count())


def _print(stage: str, message: str) -> None:
    print(f"{stage:<10} {message}", flush=True)
