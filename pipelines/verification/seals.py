"""Compare seals with the recipe and with each other: what was altered, rebuilt, or made from something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import AlteredFile, InvalidFile, Seal, load_seal, read_file
from desdecero.pipelines.run.stages import Stage, load, stages

TRAINING_NODE = {"tokenizer", "tokens", "pretrain"}
"""Stages that a machine which only trains may hold without the corpus."""


def read_seals(run: RunDir, recipe: Recipe) -> tuple[dict[str, Seal], dict[str, str]]:
    """Return (the intact seals, a sentence for each of the others), by stage."""
    seals: dict[str, Seal] = {}
    faults: dict[str, str] = {}
    for name, stage in stages(recipe).items():
        place = f"{stage.folder}/done.json"
        try:
            if seal := load_seal(run.path / place, name):
                seals[name] = seal
        except InvalidFile as error:
            faults[name] = f"{place}: the seal {error}"
    return seals, faults


def recipe_faults(run: RunDir, recipe: Recipe) -> list[str]:
    """Return a sentence where `recipe.yaml` is not what a stage wrote there."""
    try:
        same = read_file(run.recipe_file) == run.without_added_adapters(recipe).to_yaml().encode()
    except InvalidFile as error:
        return [f"recipe.yaml: {error}"]
    return [] if same else ["recipe.yaml: not as it was written"]


def stale_reasons(run: RunDir, recipe: Recipe, stage: Stage, seal: Seal, ask_further: bool = True) -> Iterator[str]:
    """Yield why a stage would be rebuilt, except changes of its inputs and its files."""
    _, sections, _ = run.fingerprint(stage, recipe)
    if seal.version != stage.version:  # which may have read other parts of the recipe
        yield f"{stage.name}: stale: sealed by code version {seal.version}, now {stage.version}"
    elif changed := [name for name in sections if seal.sections.get(name) != sections[name]]:
        yield f"{stage.name}: stale: the recipe's {' and '.join(changed)} changed"
    try:
        for reference in stage.stale_if if ask_further else ():
            if reason := load(reference)(run, recipe, stage.name):
                yield f"{stage.name}: stale: {reason}"
    except UserError as error:
        yield printable(error)


@dataclass(frozen=True)
class DigestMismatch:
    """Stage whose digest is not the one that a later stage was made from."""

    stage: str
    later: str
    altered: bool
    """The later stage was sealed last, so this one was altered after that; otherwise it was rebuilt."""


def digest_mismatches(recipe: Recipe, seals: Mapping[str, Seal]) -> list[DigestMismatch]:
    """Compare the digest of each seal with the one in the seals of later stages."""
    chain = stages(recipe)
    return [
        DigestMismatch(name, later, seals[later].finished > seals[name].finished)
        for later in seals
        for name in chain[later].inputs
        if name in seals and seals[later].inputs.get(name, seals[name].digest) != seals[name].digest
    ]


def check_seal(run: RunDir, recipe: Recipe, stage: str) -> bool:
    """Return whether a stage is sealed.

    Raises `AlteredFile` where its seal was altered, or is missing although a later stage was made from it.
    """
    seals, faults = read_seals(run, recipe)
    place = f"{stages(recipe)[stage].folder}/done.json"
    if stage in faults:
        raise AlteredFile(place, faults[stage])
    mismatches = [mismatch for mismatch in digest_mismatches(recipe, seals) if mismatch.stage == stage]
    if altered := [mismatch.later for mismatch in mismatches if mismatch.altered]:
        raise AlteredFile(place, f"{place}: altered since {altered[0]} was sealed")
    later = [name for name, seal in seals.items() if stage in seal.inputs]
    if stage not in seals and later and not (stage == "corpus" and set(seals) <= TRAINING_NODE):
        raise AlteredFile(place, f"{place}: missing, although {later[0]} was made from it")
    return stage in seals


def chain_faults(run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], unreadable: set[str]) -> Iterator[str]:
    """Yield a sentence for each stage that does not fit a later one; `unreadable`: stages so sealed."""
    chain = stages(recipe)
    for mismatch in digest_mismatches(recipe, seals):
        place = f"{chain[mismatch.stage].folder}/done.json"
        if mismatch.altered:
            yield f"{place}: altered since {mismatch.later} was sealed, which holds another digest of {mismatch.stage}"
        else:
            yield f"{mismatch.later}: stale: {mismatch.stage} changed ({place} has another digest)"
    for later, seal in seals.items():
        inputs = set(chain[later].inputs)
        if inputs != set(seal.inputs):
            differing = ", ".join(sorted(printable(name) for name in inputs ^ set(seal.inputs)))
            yield f"{later}: stale: made from other stages than the recipe's ({differing})"
    for name, stage in chain.items():
        if name in seals or name in unreadable:
            continue
        digests = {other: seal.inputs[name] for other, seal in seals.items() if name in seal.inputs}
        listed = " and ".join(digests)
        missing = not (run.path / stage.folder).exists()
        if len(set(digests.values())) > 1:
            yield f"{listed}: made from different versions of {name}"
        if digests and not (missing and name == "corpus" and set(seals) <= TRAINING_NODE):
            fault = "not here" if missing else "without its seal"
            made = "was made" if len(digests) == 1 else "were made"
            yield f"{stage.folder}: {fault}, although {listed} {made} from it"
