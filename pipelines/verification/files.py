"""Compare the files of a run with its seals: altered, missing, foreign, or no files at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from desdecero.pipelines.common.errors import printable
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.base_model import base_faults
from desdecero.pipelines.run.layout import MODEL_SIGNATURE
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import Seal, walk
from desdecero.pipelines.run.stages import Stage, stage_name, stages
from desdecero.pipelines.verification.seals import digest_mismatches, read_seals


def file_faults(run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], unreadable: set[str]) -> Iterator[str]:
    """Yield a sentence for each file that is altered, missing, foreign or no file; `unreadable`: stages so sealed."""
    regular: set[str] = set()
    irregular: list[str] = []  # links, pipes and the like: named once, with all that would lie below them
    for root in _roots(recipe):
        for place, fault in sorted(walk(run.path, root)):
            if fault:
                irregular.append(place)
                yield f"{printable(place)}: {fault}"
            else:
                regular.add(place)
    claimed = {f"model/{name}" for name in recipe.base.files} if recipe.base else set[str]()  # `base_faults` compares
    chain = stages(recipe)
    claimed.add(MODEL_SIGNATURE)  # `model_signature_fault` compares it
    for name, seal in seals.items():
        folder = chain[name].folder
        claimed.add(f"{folder}/done.json")
        for place, output in seal.outputs.items():
            claimed.add(place)
            shown = printable(place)
            if not may_write(chain[name], place):
                yield f"{folder}/done.json: the seal names {shown}, which {name} does not write"
            elif place in regular:
                if fault := differs(run.path / place, output["sha256"]):
                    yield f"{shown}: {fault.format(name)}"
            elif not any(place == other or place.startswith(f"{other}/") for other in irregular):
                yield f"{shown}: sealed by {name}, and missing"
    yield from _foreign_files(recipe, regular - claimed, set(seals), unreadable)


def may_write(stage: Stage, place: str) -> bool:
    """Return whether a stage writes at a path of the run directory, so that its seal may name it."""
    roots = (f"{stage.folder}/", "model/") if stage.model else (f"{stage.folder}/",)
    return place.startswith(roots) and place != f"{stage.folder}/done.json"


def differs(path: Path, sha256: str) -> str:
    """Return how a file differs from what was sealed, "" if it does not; `{}` stands for the stage's name."""
    try:
        return "" if sha256_file(path) == sha256 else "altered since {} was sealed"
    except OSError as error:
        return f"cannot be read ({error.strerror}), so it is not known whether it is as {{}} sealed it"


def _foreign_files(recipe: Recipe, places: set[str], sealed: set[str], unreadable: set[str]) -> Iterator[str]:
    """Yield a sentence for each file in a stage's folder that no seal names."""
    chain = stages(recipe)
    writers = {name for name, stage in chain.items() if stage.model}
    folders = {f"{stage.folder}/": name for name, stage in chain.items()}
    unsealed: dict[str, int] = {}
    for place in sorted(places):
        name = folders.get(max(filter(place.startswith, folders), key=len, default=""))
        if name in unreadable or (place.startswith("model/") and unreadable & writers):
            continue  # the seal that would name the file is reported already
        if name is not None and name not in sealed:
            unsealed[name] = unsealed.get(name, 0) + 1
        elif place.startswith("adapters/") and name is None:
            yield f"{printable(place)}: an adapter that no stage of this recipe wrote: remove it"
        else:
            yield f"{printable(place)}: in a sealed folder, but no stage wrote it"
    for name, number in unsealed.items():
        yield f"{chain[name].folder}: {number} file{'s' * (number > 1)} and no seal (done.json)"


def _roots(recipe: Recipe) -> list[str]:
    folders = [stage.folder.split("/")[0] for stage in stages(recipe).values()]
    return list(dict.fromkeys([*folders, "adapters", "model"]))


def model_faults(run: RunDir, recipe: Recipe, adapter: str | None = None) -> list[str]:
    """Return the faults of the files in `model/` and of the seals that name them: with any, it must not be loaded.

    adapter: check the model that this adapter was merged into instead
    """
    if recipe.base is not None and adapter is None:
        return list(base_faults(run, recipe))
    writer = "pretrain" if adapter is None else stage_name("finetune", adapter)
    root = run.place(run.model_with(adapter))
    chain, (seals, unreadable) = stages(recipe), read_seals(run, recipe)
    if writer not in seals:
        return [unreadable.get(writer, f"{writer}: no seal (done.json)")]
    altered = [one.later for one in digest_mismatches(recipe, seals) if one.stage == writer and one.altered]
    faults = [f"{chain[writer].folder}/done.json: altered since {later} was sealed" for later in altered]
    pages = {place for place in (seals["card"].outputs if "card" in seals else ()) if place.startswith("model/")}
    pages.add(MODEL_SIGNATURE)
    weights = {place: output for place, output in seals[writer].outputs.items() if place.startswith(f"{root}/")}
    for place, fault in sorted(walk(run.path, root)):
        if not fault and place in weights:
            fault = differs(run.path / place, weights.pop(place)["sha256"]).format(writer)
        elif not fault and place not in pages:
            fault = "in a sealed folder, but no stage wrote it"
        else:
            weights.pop(place, None)
        if fault:
            faults.append(f"{printable(place)}: {fault}")
    return [*faults, *(f"{printable(place)}: sealed by {writer}, and missing" for place in weights)]
