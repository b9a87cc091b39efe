"""Find every file, link, seal and quoted number of a run that is not as it was sealed (`desdecero verify`).

    desdecero verify quickstart                   name what was altered; exit code 1 if anything was
    desdecero verify quickstart --key team.pub    … and who signed it, when, and what the signature does not cover
    desdecero verify quickstart --deep            … and score a part of what it has scored again, with its weights
    desdecero verify quickstart --json            the same for a program

Five checks, each of which reports one sentence per fault:

- Is the recipe the one that made the stages?
- Do the hashes in each seal match its content, and do the seals of later stages hold its digest?
- Is every file in the sealed folders a regular file that a seal lists, with the hash that is listed?
- Do card and dossier agree with the sealed reports, in each value that they quote and in the text around it?
- Are the seals those that were signed, and with the given key?

A stage that was not made, or was left on another machine, is *not here*; only a run with all of its stages is whole.

Without a signature (`desdecero sign`) the hashes show accidents, not forgery: whoever alters a file and then all the
seals from there to the card, and makes the card again, leaves a consistent run. With --deep, 20 held-out documents and
40 contexts of the audit, drawn at random, are scored again with the weights that are here: scores of another model, or
made up, are found without a signature.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from securesystemslib.signer import SSlibKey

from desdecero.model_cards.formats import counted
from desdecero.model_cards.words import LANGUAGES, Language, reader_language, say
from desdecero.pipelines.commands.verify_card import card_faults, dossier_faults, evidence_faults
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_FINDING, EXIT_OK, UserError, printable
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.common.signing_keys import read_public_key
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.attestation import Signature, check_signature
from desdecero.pipelines.run.base_model import base_faults
from desdecero.pipelines.run.model_signature import PLACE as MODEL_SIGNATURE
from desdecero.pipelines.run.model_signature import model_signature_fault
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.seals import AlteredFile, InvalidFile, Seal, load_seal, read_file, walk
from desdecero.pipelines.run.stages import Stage, load, stage_name, stages

if TYPE_CHECKING:
    from desdecero.pipelines.commands.verify_scores import ScoredAgain  # which loads torch

TRAINING_NODE = {"tokenizer", "tokens", "pretrain"}
"""Stages that a machine which only trains may hold without the corpus."""


def verify(run: RunDir, recipe: Recipe) -> list[str]:
    """Return one sentence for each fault, with the file's name; empty if everything is as it was sealed."""
    faults = _recipe_faults(run, recipe)
    seals, unreadable = read_seals(run, recipe)
    faults += unreadable.values()
    chain = stages(recipe)
    for stage, seal in seals.items():
        # What else makes a stage stale may lie in other seals: it is asked where all of them can be read.
        faults += _stale_reasons(run, recipe, chain[stage], seal, ask_further=not unreadable)
    faults += _chain_faults(run, recipe, seals, set(unreadable))
    faults += _file_faults(run, recipe, seals, set(unreadable))
    faults += base_faults(run, recipe)
    if not unreadable and (fault := model_signature_fault(run, seals)):
        faults.append(fault)
    cards = [  # one of another code version is named as stale above, and quotes reports of other names and forms
        stage
        for stage in chain.values()
        if stage.kind == "card" and stage.name in seals and seals[stage.name].version == stage.version
    ]
    for card in cards:
        faults += evidence_faults(run, recipe, card)
    if not faults:  # only what was sealed can be compared with it
        for card in cards:
            faults += card_faults(run, recipe, card)
        if "dossier" in seals and not faults:
            faults += dossier_faults(run, recipe)
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


def _stale_reasons(run: RunDir, recipe: Recipe, stage: Stage, seal: Seal, ask_further: bool = True) -> Iterator[str]:
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
            fault = "not here" if missing else "without its seal"
            made = "was made" if len(digests) == 1 else "were made"
            yield f"{stage.folder}: {fault}, although {listed} {made} from it"


# --- files against seals ---------------------------------------------------------------------------------------


def _file_faults(run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], unreadable: set[str]) -> Iterator[str]:
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
    pages.add(MODEL_SIGNATURE)
    weights = {place: output for place, output in seals[writer].outputs.items() if place.startswith(f"{root}/")}
    for place, fault in sorted(walk(run.path, root)):
        if not fault and place in weights:
            fault = _differs(run.path / place, weights.pop(place)["sha256"]).format(writer)
        elif not fault and place not in pages:
            fault = "in a sealed folder, but no stage wrote it"
        else:
            weights.pop(place, None)
        if fault:
            faults.append(f"{printable(place)}: {fault}")
    return [*faults, *(f"{printable(place)}: sealed by {writer}, and missing" for place in weights)]


# --- the command -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verified:
    """What `verify` found out about a run."""

    whole: bool
    """No fault, and every stage of the recipe is here."""
    faults: list[str]
    sealed: list[str]
    """Stages that are here, with a seal that can be read."""
    not_here: list[str]
    """Stages of the recipe without a seal."""
    signature: Signature
    scored_again: ScoredAgain | None = None
    """None where it was not asked for, or the run has a fault already."""


def verified(
    run: RunDir, recipe: Recipe, key: SSlibKey | None, key_file: str | None, deep: int | None = None
) -> Verified:
    """Verify a run and its signature; without a key, only whether the signed seals are those that are here.

    deep: the seed that draws what is scored again; None to score nothing
    """
    seals, _ = read_seals(run, recipe)
    signature = check_signature(run, recipe, seals, key, key_file)
    faults, scored = [*verify(run, recipe), *signature.faults], None
    if deep is not None and not faults:  # weights that are not those which were sealed are not loaded
        from desdecero.pipelines.commands.verify_scores import scored_again

        scored, faults = scored_again(run, recipe, seals, deep)
    not_here = [name for name in stages(recipe) if name not in seals]
    return Verified(not (faults or not_here), faults, list(seals), not_here, signature, scored)


def main(argv: list[str]) -> int:
    """Print what was found in a run. Exit code 1 if there are faults."""
    parser = Arguments("verify", __doc__)
    parser.add_run()
    parser.add_argument("--key", metavar="FILE", help="the public key (team.pub) that the run must be signed with")
    parser.add_argument("--deep", action="store_true", help="score some documents and probes again with these weights")
    parser.add_argument("--seed", type=int, metavar="N", help="of what --deep draws (default: another each time)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--language", choices=LANGUAGES, help="of the summary (default: the recipe's first, or LANG)")
    args = parser.parse_args(argv)
    if args.seed is not None and not (args.deep and 0 <= args.seed < 2**32):
        raise UserError(f"--seed {args.seed}: give a number from 0 to 4294967295, with --deep")
    deep = (secrets.randbits(32) if args.seed is None else args.seed) if args.deep else None
    run, key = find_run(args.run), read_public_key(args.key) if args.key else None
    language: Language = args.language or "en"
    try:
        recipe = run.recipe()
    except UserError as error:  # without the recipe, it is not known which stages there are
        found, of_base = Verified(False, [printable(error)], [], [], Signature("unknown")), False
    else:
        found, of_base = verified(run, recipe, key, args.key, deep), recipe.base is not None
        language = reader_language(recipe.languages, args.language)
    if args.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        for line in _summary(found, of_base, language):
            print(line)
    return EXIT_FINDING if found.faults else EXIT_OK


def _summary(found: Verified, of_base: bool, language: Language) -> Iterator[str]:
    yield from found.faults
    if found.faults:
        yield "\n" + counted(language, "verify.faults", len(found.faults))
    else:
        numbers = {"here": len(found.sealed), "all": len(found.sealed) + len(found.not_here)}
        names = ", ".join(found.sealed) or say(language, "verify.none")
        yield say(language, "verify.whole" if found.whole else "verify.in_part", names=names, **numbers)
        if of_base:
            yield say(language, "verify.of_base")
    if found.scored_again:
        yield from _scored(found.scored_again, language)
    if found.not_here:
        yield say(language, "verify.not_here", names=", ".join(found.not_here))
    signature = found.signature
    if signature.state in ("unsigned", "key_not_given"):
        yield say(language, f"verify.{signature.state}", key_id=", ".join(signature.key_ids))
    if signature.state == "signed":
        who = {"file": printable(signature.key_file), "key_id": signature.key_ids[0], "time": signature.time}
        yield say(language, "verify.signed", **who)
        if signature.not_covered:
            yield say(language, "verify.not_covered", names=", ".join(map(printable, signature.not_covered)))


def _scored(scored: ScoredAgain, language: Language) -> Iterator[str]:
    numbers = {"documents": scored.documents, "probes": scored.probes, "seed": scored.seed}
    yield say(language, "verify.scored_again", **numbers)
    if scored.not_scored:
        yield say(language, "verify.not_scored", names=", ".join(scored.not_scored))
