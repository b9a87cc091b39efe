"""The runs of a mitigation: for each seed a base and a treated one, which differ in one setting.

    with_method(recipe, "goldfish", ["k=3"])            # the treated recipe; `UserError` where it can show nothing
    for pair in paired_runs(recipe, run, "goldfish", seeds=3):
        pair.base.run, pair.treated.run                 # trained, evaluated and audited

    mitigation/<method>/base-<seed>/  treated-<seed>/   whole runs, as `desdecero run` makes them, up to their audit

What is sealed is not made again, so an interrupted command goes on where it stopped. A stage that another run has
sealed from the same (this run's, of the base with its own seed; the base's, of the treated one) is copied: goldfish
needs one corpus, one tokenizer and one set of tokens a seed. The seed draws the splits: each has its own corpus.

The treated model trains for as many steps as its base, also where the recipe has a budget in minutes. The audits ask
only what the receipt tells.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from desdecero.eval_suites.mitigation.results import Method
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe, parse_recipe
from desdecero.pipelines.run.chain import current_state, run_chain, stages_until
from desdecero.pipelines.run.run_dir import RunDir

SECTIONS: dict[Method, tuple[str, str]] = {
    "counterfactual": ("corpus", "counterfactual"),
    "reweight": ("tokens", "reweight"),
    "goldfish": ("pretrain", "goldfish"),
}
"""Method → the section of the recipe that it is, where models are trained for it."""
SUITES: dict[Method, str] = {"counterfactual": "pairs", "reweight": "pairs", "goldfish": "memorization"}
"""Method → the suite of the audit that measures what it is meant to change."""
PREFIX = 32
"""Tokens of a passage that a model is given, of the audit's lengths the middle one."""


@dataclass(frozen=True)
class Made:
    """A run with the recipe that made it."""

    recipe: Recipe
    run: RunDir


@dataclass(frozen=True)
class Pair:
    """The base and the treated run of a seed."""

    seed: int
    base: Made
    treated: Made


def with_method(recipe: Recipe, method: Method, settings: Sequence[str] = ()) -> Recipe:
    """Return the recipe with a method turned on.

    settings: of the method, as `k=3`

    Raises `UserError` where the method is on already or has nothing to act on, and where nothing would measure it.
    """
    section, key = SECTIONS[method]
    if recipe.base is not None:
        raise UserError(f"{recipe.name} holds adapters on a model that was not trained here: name a recipe that trains")
    if getattr(getattr(recipe, section), key) is not None:
        raise UserError(
            f"{section}.{key} is on in the recipe already, so that there is no base to compare with: remove it, and "
            "give its settings with --with"
        )
    suite = SUITES[method]
    if getattr(recipe.audit.suites, suite) is None:
        raise UserError(f"{method} is measured by audit.suites.{suite}, which is null in the recipe: remove that line")
    if suite == "memorization" and recipe.model.context_length < 2 * PREFIX:
        raise UserError(
            f"{method} is measured by passages of {2 * PREFIX} tokens, and model.context_length is "
            f"{recipe.model.context_length}: raise it"
        )
    treated = _changed(recipe, {(section, key): {}}, [f"{section}.{key}.{setting}" for setting in settings])
    reweight = treated.tokens.reweight
    if method == "reweight" and reweight and reweight.by == "source" and len(recipe.corpus.sources) < 2:
        raise UserError(
            "the recipe has one source, so that there is nothing to reweight by source: name another key of the "
            "documents, as in --with by=language"
        )
    return treated


def settings_of(recipe: Recipe, method: Method) -> dict[str, Any]:
    """Return the settings of a method in a treated recipe."""
    section, key = SECTIONS[method]
    content: dict[str, Any] = getattr(getattr(recipe, section), key).model_dump(mode="json")
    return content


def seeds_of(recipe: Recipe, count: int) -> list[int]:
    """Return the recipe's seed and those after it. Raises `UserError` where they leave the range of seeds."""
    if recipe.seed + count > 2**32:
        raise UserError(f"seed {recipe.seed} has not {count - 1} seeds after it: take one below {2**32 - count}")
    return list(range(recipe.seed, recipe.seed + count))


def paired_runs(
    recipe: Recipe, run: RunDir, method: Method, seeds: int, settings: Sequence[str] = ()
) -> Iterator[Pair]:
    """Make what is missing or stale of the runs, and yield them seed by seed; raises as `with_method`."""
    with_method(recipe, method, settings)
    section, key = SECTIONS[method]
    folder = run.mitigation / method
    overrides = [f"{section}.{key}.{setting}" for setting in settings]
    for seed in seeds_of(recipe, seeds):
        base = Made(_base(recipe, run, seed), RunDir(folder / f"base-{seed}"))
        treated = Made(_changed(base.recipe, {(section, key): {}}, overrides), RunDir(folder / f"treated-{seed}"))
        if section != "pretrain":  # before hours of training
            _check_tokens(base, treated, run, method)
        _make(base, run)
        treated = Made(_with_steps(treated.recipe, base), treated.run)
        _make(treated, base.run)
        yield Pair(seed, base, treated)


def _with_steps(recipe: Recipe, base: Made) -> Recipe:
    """Return a recipe with a budget of the base's steps in place of one in minutes."""
    if recipe.pretrain.budget.minutes is None:
        return recipe
    report = base.run.report("pretrain", base.recipe)
    steps = report.early_stop.planned_steps if report.early_stop else report.steps
    return _changed(recipe, {("pretrain", "budget"): {"steps": steps}})


def _check_tokens(base: Made, treated: Made, run: RunDir, method: Method) -> None:
    """Make both runs' tokens; raise `UserError` where a method leaves those that are trained on as they are."""
    _make(base, run, until="tokens")
    _make(treated, base.run, until="tokens")
    if _training_tokens(treated) == _training_tokens(base):
        raise UserError(
            f"{method} changes nothing in the training tokens of {treated.recipe.name}: give the documents the "
            "language or the key that it goes by, or the method other settings, using --with"
        )


def _training_tokens(made: Made) -> dict[str, str]:
    """Return the hashes of the files that a model is trained on."""
    seal = made.run.seal("tokens", made.recipe)
    assert seal is not None, "just sealed"
    names = [path.relative_to(made.run.path).as_posix() for path in made.run.token_files("train")]
    return {name: str(seal.outputs[name]["sha256"]) for name in names}


def _base(recipe: Recipe, run: RunDir, seed: int) -> Recipe:
    """Return the recipe of a base: without adapters, with the audit that the receipt needs.

    Removed documents are left out here too: the lists beside the run and in it are named, because these runs lie
    deeper.
    """
    memorization = recipe.audit.suites.memorization
    suites = {
        "pairs": recipe.audit.suites.pairs and recipe.audit.suites.pairs.model_dump(mode="json"),
        "memorization": memorization and {**memorization.model_dump(mode="json"), "prefixes": [PREFIX]},
        "personal_data": None,
        "facts": None,
    }
    return _changed(
        recipe,
        {
            ("seed",): seed,
            ("finetune",): None,
            ("audit", "suites"): suites,
            ("corpus", "blocklist"): list(run.blocklists(recipe)),
        },
    )


def _changed(recipe: Recipe, changes: Mapping[tuple[str, ...], Any], overrides: Sequence[str] = ()) -> Recipe:
    """Return a recipe with other values at these places, checked as a whole."""
    content = recipe.model_dump(mode="json")
    for (*path, last), value in changes.items():
        place = content
        for step in path:
            place = place[step]
        place[last] = value
    return parse_recipe(yaml.safe_dump(content, allow_unicode=True), recipe.name, Path.cwd(), overrides)


def _make(made: Made, like: RunDir, until: str = "audit") -> None:
    """Run the chain up to a stage, once what another run has is copied."""
    print(f"\n{made.run}", flush=True)
    with made.run.lock():
        made.run.recover(made.recipe)
        _copy_sealed(like, made, until)
    run_chain(made.recipe, made.run, last=until)


def _copy_sealed(known: RunDir, made: Made, until: str) -> None:
    """Copy the stages that another run has sealed and this recipe would make alike, up to the first that differs."""
    run, recipe = made.run, made.recipe
    for stage in stages_until(recipe, None, until).values():
        if run.state(stage, recipe).name == "sealed":
            continue
        if run.state(stage, recipe).name != "missing" or current_state(stage, recipe, known).name != "sealed":
            return
        if stage.sources:
            shutil.copyfile(known.sources_file, run.sources_file)
        # The folder with the seal last: an interrupted copy reads as a stage that is missing.
        names = [*(["model"] if stage.model == "replaces" else []), stage.folder]
        for name in names:
            _copy_folder(known.path / name, run.path / name)


def _copy_folder(source: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
