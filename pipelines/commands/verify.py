"""Find every file, link, seal and quoted number of a run that is not as it was sealed (`desdecero verify`).

Four checks, each of which reports one sentence per fault:

- Is the recipe the one that made the stages?
- Do the hashes in each seal match its content, and do the seals of later stages hold its digest?
- Is every file in the sealed folders a regular file that a seal lists, with the hash that is listed?
- Does the card agree with the sealed reports, in each value that it quotes and in the text around it?

The hashes are not signed. Whoever alters a file and then all the seals from there to the card, and makes the card
again, leaves a consistent run: compare the digests that the published card prints with another copy of it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desdecero.model_cards.evidence import Evidence, Missing, split_key
from desdecero.model_cards.evidence import Report as Source
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, printable
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.base_model import base_faults
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import (
    AlteredFile,
    InvalidFile,
    Seal,
    check_regular,
    load_seal,
    parse_json,
    read_file,
)
from desdecero.pipelines.run.stages import Stage, load, stage_name, stages
from desdecero.pipelines.write_card import differing

TRAINING_NODE = {"tokenizer", "tokens", "pretrain"}
"""Stages that a machine which only trains may hold without the corpus."""


def verify(run: RunDir, recipe: Recipe) -> list[str]:
    """Return one sentence for each fault, with the file's name; empty if everything is as it was sealed."""
    faults = _recipe_faults(run, recipe)
    seals, unreadable = read_seals(run, recipe)
    faults += unreadable.values()
    chain = stages(recipe)
    for stage, seal in seals.items():
        faults += _stale_reasons(run, recipe, chain[stage], seal)
    faults += _chain_faults(run, recipe, seals, set(unreadable))
    faults += _file_faults(run, recipe, seals, set(unreadable))
    faults += base_faults(run, recipe)
    cards = [  # one of another code version is named as stale above, and quotes reports of other names and forms
        stage
        for stage in chain.values()
        if stage.kind == "card" and stage.name in seals and seals[stage.name].version == stage.version
    ]
    for card in cards:
        faults += _evidence_faults(run, recipe, card)
    if not faults:  # only what was sealed can be compared with it
        for card in cards:
            faults += card_faults(run, recipe, card)
    return list(dict.fromkeys(faults))


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


def _recipe_faults(run: RunDir, recipe: Recipe) -> list[str]:
    try:
        same = read_file(run.recipe_file) == run.without_added_adapters(recipe).to_yaml().encode()
    except InvalidFile as error:
        return [f"recipe.yaml: {error}"]
    return [] if same else ["recipe.yaml: not as it was written"]


def _stale_reasons(run: RunDir, recipe: Recipe, stage: Stage, seal: Seal) -> Iterator[str]:
    """Yield why a stage would be rebuilt, except changes of its inputs and its files."""
    _, sections, _ = run.fingerprint(stage, recipe)
    if seal.version != stage.version:  # which may have read other parts of the recipe
        yield f"{stage.name}: stale: sealed by code version {seal.version}, now {stage.version}"
    elif changed := [name for name in sections if seal.sections.get(name) != sections[name]]:
        yield f"{stage.name}: stale: the recipe's {' and '.join(changed)} changed"
    try:
        for reference in stage.stale_if:
            if reason := load(reference)(run, recipe, stage.name):
                yield f"{stage.name}: stale: {reason}"
    except UserError as error:
        yield printable(error)


# --- seals against seals ---------------------------------------------------------------------------------------


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


def _chain_faults(run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], unreadable: set[str]) -> Iterator[str]:
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
            fault = "missing" if missing else "without its seal"
            made = "was made" if len(digests) == 1 else "were made"
            yield f"{stage.folder}: {fault}, although {listed} {made} from it"


# --- files against seals ---------------------------------------------------------------------------------------


def _file_faults(run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], unreadable: set[str]) -> Iterator[str]:
    regular: set[str] = set()
    irregular: list[str] = []  # links, pipes and the like: named once, with all that would lie below them
    for root in _roots(recipe):
        for place, fault in sorted(_walk(run.path, root)):
            if fault:
                irregular.append(place)
                yield f"{printable(place)}: {fault}"
            else:
                regular.add(place)
    claimed = {f"model/{name}" for name in recipe.base.files} if recipe.base else set[str]()  # `base_faults` compares
    chain = stages(recipe)
    for name, seal in seals.items():
        folder = chain[name].folder
        claimed.add(f"{folder}/done.json")
        roots = (f"{folder}/", "model/") if chain[name].model else (f"{folder}/",)
        for place, output in seal.outputs.items():
            claimed.add(place)
            shown = printable(place)
            if not place.startswith(roots) or place == f"{folder}/done.json":
                yield f"{folder}/done.json: the seal names {shown}, which {name} does not write"
            elif place in regular:
                if fault := _differs(run.path / place, output["sha256"]):
                    yield f"{shown}: {fault.format(name)}"
            elif not any(place == other or place.startswith(f"{other}/") for other in irregular):
                yield f"{shown}: sealed by {name}, and missing"
    yield from _foreign_files(recipe, regular - claimed, set(seals), unreadable)


def _differs(path: Path, sha256: str) -> str:
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


def _walk(base: Path, root: str) -> Iterator[tuple[str, str]]:
    """Yield (path below `base`, "") for each regular file, (path, fault) for what is neither file nor folder.

    Links are not followed, and the depth of folders is not limited.
    """
    waiting = [root]
    while waiting:
        place = waiting.pop()
        path = base / place
        try:
            if stat.S_ISDIR(path.lstat().st_mode):
                waiting += (f"{place}/{entry.name}" for entry in path.iterdir())
            else:
                check_regular(path)
                yield place, ""
        except FileNotFoundError:
            continue
        except InvalidFile as error:
            yield place, str(error)
        except OSError as error:
            yield place, f"cannot be read ({error.strerror})"


def model_faults(run: RunDir, recipe: Recipe, adapter: str | None = None) -> list[str]:
    """Return the faults of the files in `model/` and of the seals that name them: with any, it must not be loaded.

    adapter: check the model that this adapter was merged into instead
    """
    if recipe.base is not None and adapter is None:
        return list(base_faults(run, recipe))
    writer = "pretrain" if adapter is None else stage_name("finetune", adapter)
    root = run.model_with(adapter).relative_to(run.path).as_posix()
    chain, (seals, unreadable) = stages(recipe), read_seals(run, recipe)
    if writer not in seals:
        return [unreadable.get(writer, f"{writer}: no seal (done.json)")]
    altered = [one.later for one in digest_mismatches(recipe, seals) if one.stage == writer and one.altered]
    faults = [f"{chain[writer].folder}/done.json: altered since {later} was sealed" for later in altered]
    pages = {place for place in (seals["card"].outputs if "card" in seals else ()) if place.startswith("model/")}
    weights = {place: output for place, output in seals[writer].outputs.items() if place.startswith(f"{root}/")}
    for place, fault in sorted(_walk(run.path, root)):
        if not fault and place in weights:
            fault = _differs(run.path / place, weights.pop(place)["sha256"]).format(writer)
        elif not fault and place not in pages:
            fault = "in a sealed folder, but no stage wrote it"
        else:
            weights.pop(place, None)
        if fault:
            faults.append(f"{printable(place)}: {fault}")
    return [*faults, *(f"{printable(place)}: sealed by {writer}, and missing" for place in weights)]


# --- the card against the reports ------------------------------------------------------------------------------


def _evidence_faults(run: RunDir, recipe: Recipe, card: Stage) -> Iterator[str]:
    """Yield the values that a card quotes and that are not in the report they were read from."""
    place = f"{card.folder}/evidence.json"
    try:
        quotes = parse_json(read_file(run.path / place))
    except FileNotFoundError:
        return  # reported as a missing file if the card sealed one
    except InvalidFile as error:
        yield f"{place}: {error}"
        return
    reports = dict(_reports(run, recipe, card))
    evidence = Evidence(reports)
    for quote in quotes if isinstance(quotes, list) else [quotes]:
        key = quote.get("key") if isinstance(quote, dict) else None
        if not isinstance(key, str):
            yield f"{place}: holds something that is not a quoted value"
            continue
        report = reports.get(split_key(key)[0])
        value = evidence[key]
        if report is None or isinstance(value, Missing):
            yield f"{place}: quotes {printable(key)}, which is in no report of this run"
        elif (type(value), value) != (type(quote.get("value")), quote.get("value")):
            yield f"{place}: quotes {printable(quote.get('value'))} for {printable(key)}, where {report.path} says " + (
                printable(value)
            )


def card_faults(run: RunDir, recipe: Recipe, card: Stage) -> Iterator[str]:
    """Yield the files of a card that differ from one made again from the sealed reports."""
    try:
        for place in differing(recipe, run, card.adapter):
            yield (
                f"{place}: not what the card stage makes of the sealed reports: make the card again with "
                f"`{card.command(f'{run.recipe_file} --run-dir {run}')}`"
            )
    except (UserError, InvalidFile, FileNotFoundError) as error:
        yield printable(error)


def _reports(run: RunDir, recipe: Recipe, card: Stage) -> Iterator[tuple[str, Source]]:
    """Yield the reports that a card may quote, by the names that `write_card` gives; unreadable ones are left out."""
    yield "recipe", Source("recipe.yaml", "", recipe.model_dump(mode="json"))
    places = {"licensing": "card/licensing.json"}
    chain = stages(recipe)
    for name in card.inputs:
        places |= {name: f"{chain[name].folder}/report.json", f"seal.{name}": f"{chain[name].folder}/done.json"}
    for name, place in places.items():
        try:
            content: Any = parse_json(read_file(run.path / place))
        except (FileNotFoundError, InvalidFile):
            continue
        if isinstance(content, dict):
            yield name, Source(place, "", content)


def main(argv: list[str]) -> int:
    """Print and count the faults of a run. Exit code 1 if there are any."""
    parser = Arguments("verify", __doc__)
    parser.add_run()
    run = find_run(parser.parse_args(argv).run)
    sealed, of_corpus = list[str](), True
    try:
        recipe = run.recipe()
        faults, of_corpus = verify(run, recipe), recipe.base is None
        sealed = [name for name in stages(recipe) if run.seal(name, recipe)]
    except UserError as error:  # without the recipe, it is not known which stages there are
        faults = [printable(error)]
    for fault in faults:
        print(fault)
    if faults:
        print(f"\n{len(faults)} fault{'s' * (len(faults) > 1)}: this run is not the one that was sealed")
        return EXIT_FINDING
    print(f"whole: {len(sealed)} stages, every file as it was sealed ({', '.join(sealed) or 'none'})")
    if not of_corpus:
        print("model/: every file as it was taken from elsewhere")
    elif sealed and "corpus" not in sealed:
        print("the corpus is not on this machine: it was not verified")
    return EXIT_OK
