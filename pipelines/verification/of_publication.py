"""Verify what was published of a run, as `desdecero pull` brings it back: a folder with `evidence/published.json`.

    folder = publication_at("stamp")                  # None where it is none
    run = open_publication(folder)                    # raises `InvalidFile`, whose sentence begins with the file's name
    found = verify_publication(run, run.recipe())     # found.faults, one sentence each

The checks are those of a run, on fewer files: the reports, seals and cards in `evidence/`, and the published files of
the model. What was not published is no fault, but it is told, with what could not be checked for that. Which files were
to be published, the seals tell: `published.json` is compared with that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.common.errors import UserError, printable
from desdecero.pipelines.publishing.dataset import card_head, described_otherwise, layout_of_dataset
from desdecero.pipelines.publishing.files import (
    CROISSANT,
    DATASET,
    LICENSE,
    OF_THE_HUB,
    layout,
    license_text,
    manifest_of,
    stages_of,
    unsealed,
)
from desdecero.pipelines.publishing.withdrawal import taken_off
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.layout import RECIPE
from desdecero.pipelines.run.model_signature import model_signature_fault
from desdecero.pipelines.run.published_run import EVIDENCE, MANIFEST, PublishedRun
from desdecero.pipelines.run.seals import Inside, InvalidFile, Seal, parse_json, read_file, walk
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.card import evidence_faults, made_again
from desdecero.pipelines.verification.files import differs, may_write
from desdecero.pipelines.verification.seals import chain_faults, read_seals, recipe_faults, stale_reasons


class Manifest(BaseModel):
    """Content of `published.json`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    what: str
    """`model`, `adapter:NAME` or `dataset`."""
    run: str
    """Name of the run."""
    files: dict[Inside, Inside | None]
    """Path in the publication → path in the run; None for what no stage writes."""


@dataclass(frozen=True)
class Found:
    """What was found in a publication, and what could not be looked at."""

    faults: list[str]
    seals: dict[str, Seal]
    """Those that can be read, by stage."""
    not_published: list[str] = field(default_factory=list)
    """Sealed files that are not in the publication, by their paths in the run."""
    not_made_again: list[str] = field(default_factory=list)
    """Files of cards and dossier, or parts of them, whose hashes are right and which nothing else proves."""
    not_sealed: list[str] = field(default_factory=list)
    """Published files that no seal proves, or not all of."""


def publication_at(place: str) -> Path | None:
    """Return the folder of a publication at a path, or in whose `evidence/` the path lies; None where there is none."""
    path = Path(place).absolute()
    for folder in (path, path.parent) if path.name == EVIDENCE else (path,):
        known = (folder / MANIFEST, folder / EVIDENCE / "recipe.yaml")
        if not (folder / "recipe.yaml").exists() and any(file.exists() or file.is_symlink() for file in known):
            return folder
    return None


def open_publication(folder: Path) -> PublishedRun:
    """Read what a publication holds. Raises `InvalidFile`: its sentence begins with the file's name."""
    try:
        found = Manifest.model_validate(parse_json(read_file(folder / MANIFEST)))
    except FileNotFoundError:
        raise InvalidFile(f"{MANIFEST}: missing: bring the publication back again with `desdecero pull`") from None
    except InvalidFile as error:
        raise InvalidFile(f"{MANIFEST}: {error}") from None
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"])
        fault = f"altered: not what `desdecero publish` writes there ({printable(where)})"
        raise InvalidFile(f"{MANIFEST}: {fault}") from None
    return PublishedRun(folder, found.what, found.files)


def verify_publication(run: PublishedRun, recipe: Recipe) -> Found:
    """Look for all that is not as it was sealed and published.

    Cards and dossier are made again where nothing else is wrong. Lists of removed documents and the data of suites,
    which would make a stage of a run stale, are those of another machine, and not asked for.
    """
    try:
        there = {stage.name: stage for stage in stages_of(run.what, recipe)}
    except (KeyError, ValueError):
        return Found([f"{MANIFEST}: names {printable(run.what)}, which nobody can publish of this run"], {})
    faults, told = list(_presence_faults(run)), list[str]()  # named as they lie here, and as they lie in the run
    all_seals, all_unreadable = read_seals(run, recipe)
    seals = {name: seal for name, seal in all_seals.items() if name in there}
    unreadable = {name: fault for name, fault in all_unreadable.items() if name in there}
    faults += _hash_faults(run, recipe, seals)
    told += [*recipe_faults(run, recipe), *unreadable.values()]
    for stage, seal in seals.items():
        told += stale_reasons(run, recipe, there[stage], seal, ask_further=False)
    told += chain_faults(run, recipe, seals, set(unreadable))
    if not unreadable:
        told += filter(None, [model_signature_fault(run, seals)])
    cards = [stage for stage in there.values() if stage.kind in ("card", "dossier") and stage.name in seals]
    for card in cards:
        if card.kind == "card" and seals[card.name].version == card.version:
            told += evidence_faults(run, recipe, card)
    not_made_again, not_sealed = list[str](), list[str]()
    if not unreadable:
        faults += _layout_faults(run, recipe, seals) or _manifest_faults(run)
    if not (faults or told):
        if "pretrain" in seals and not run.holds(run.place(run.exposure)):
            not_made_again.append(f"{run.shown('pretrain/report.json')}#/exposure")
        for card in cards:
            again = made_again(run, recipe, card)
            told += again.faults
            for place, pointer, rest in (left_out.partition("#") for left_out in again.left_out):
                not_made_again.append(f"{run.shown(place)}{pointer}{rest}")
        written, not_sealed = _unsealed(run, recipe, seals)
        told += written
    faults += [run.shown(sentence) for sentence in told]
    not_published = [place for seal in seals.values() for place in seal.outputs if not run.holds(place)]
    return Found(list(dict.fromkeys(faults)), seals, not_published, not_made_again, not_sealed)


def _presence_faults(run: PublishedRun) -> Iterator[str]:
    """Yield a sentence for each published file that is missing, and for whatever else is in the folder."""
    regular, irregular = set[str](), list[str]()
    for root in sorted(entry.name for entry in run.root.iterdir()):
        for name, fault in sorted(walk(run.root, root)):
            if fault:
                irregular.append(name)
                yield f"{printable(name)}: {fault}"
            else:
                regular.add(name)
    for name in sorted(run.files.keys() - regular):
        if not any(name == other or name.startswith(f"{other}/") for other in irregular):
            yield f"{printable(name)}: published, and missing"
    for name in sorted(regular - run.files.keys() - {MANIFEST, OF_THE_HUB}):
        yield f"{printable(name)}: not published with the others: remove it"


def _hash_faults(run: PublishedRun, recipe: Recipe, seals: Mapping[str, Seal]) -> Iterator[str]:
    """Yield a sentence for each copy of a sealed file that has another hash."""
    chain = stages(recipe)
    for stage, seal in seals.items():
        for place, output in seal.outputs.items():
            if not may_write(chain[stage], place):
                where = f"{EVIDENCE}/{chain[stage].folder}/done.json"
                yield f"{where}: the seal names {printable(place)}, which {stage} does not write"
                continue
            for path in run.copies(place):
                if path.is_file() and (fault := differs(path, output["sha256"])):
                    fault = _withdrawn(path, output["sha256"]) or fault.format(stage)
                    yield f"{printable(path.relative_to(run.root).as_posix())}: {fault}"


def _withdrawn(card: Path, sha256: str) -> str | None:
    """Return what the notices on a card say that is else as it was sealed; None of any other file."""
    if card.suffix != ".md":
        return None
    content, said = _without_notices(card.read_bytes())
    return said if said and hashlib.sha256(content).hexdigest() == sha256 else None


def _without_notices(card: bytes) -> tuple[bytes, str]:
    """Return a card without notices of withdrawal, and what they say."""
    text, said = taken_off(card.decode(errors="surrogateescape"))
    return text.encode(errors="surrogateescape"), printable(" ".join(said))


def _manifest_faults(run: PublishedRun) -> list[str]:
    """Return a sentence where `published.json` says the right things in another form than `publish` writes."""
    content = read_file(run.root / MANIFEST)
    name = str(parse_json(content)["run"])
    return [] if content == manifest_of(run.what, name, run.files) else [f"{MANIFEST}: not as it was written"]


def _layout_faults(run: PublishedRun, recipe: Recipe, seals: Mapping[str, Seal]) -> list[str]:
    """Compare `published.json` with what is published of a run with these seals."""
    try:
        wanted = _layout(run, recipe, seals)
    except UserError:  # the corpus' report is altered, which its hash tells
        return []
    faults = []
    allowed = wanted | {name: place for name, place in unsealed(run.what).items() if name in run.files}
    for name in sorted(wanted.keys() | run.files.keys()):
        shown = printable(name)
        if name not in allowed:
            faults.append(f"{MANIFEST}: altered: names {shown}, which is not published of this run")
        elif name not in run.files:
            faults.append(f"{MANIFEST}: altered: does not name {shown}, which is published of this run")
        elif run.files[name] != allowed[name]:
            faults.append(f"{MANIFEST}: altered: names {printable(run.files[name])} for {shown}")
    return faults


def _layout(run: PublishedRun, recipe: Recipe, seals: Mapping[str, Seal]) -> dict[str, str | None]:
    if run.what == DATASET:
        return layout_of_dataset(run.report("corpus", recipe), seals["corpus"]) if "corpus" in seals else {}
    return layout(run.what, recipe, seals)


def _unsealed(run: PublishedRun, recipe: Recipe, seals: Mapping[str, Seal]) -> tuple[list[str], list[str]]:
    """Compare what no stage wrote with what `publish` writes; return (a sentence for each fault, what is not known)."""
    if run.what != DATASET:
        if recipe.card.license_file is not None:  # a file of the machine that published
            return [], [LICENSE]
        same = read_file(run.root / LICENSE) == license_text(recipe)
        return [] if same else [f"{LICENSE}: not what is published for the recipe's card.license"], []
    faults, report = list[str](), run.report("corpus", recipe)
    unproved = [f"{EVIDENCE}/{RECIPE}"]  # but for the sections that the corpus was made from
    for language in LANGUAGES:
        page = file_in(language, "README.md")
        content, withdrawn = _without_notices(read_file(run.root / page))
        head = card_head(recipe, report, run.files, language)
        datasheet = hashlib.sha256(content.removeprefix(head)).hexdigest()
        if not content.startswith(head) or datasheet != seals["corpus"].outputs[f"corpus/{page}"]["sha256"]:
            faults.append(f"{page}: not the card that is published of the sealed corpus")
        elif withdrawn:
            faults.append(f"{page}: {withdrawn}")
    if CROISSANT not in run.files:
        return faults, unproved
    try:
        wrong = described_otherwise(parse_json(read_file(run.root / CROISSANT)), run.files, seals["corpus"])
    except (InvalidFile, LookupError, TypeError, AttributeError):
        wrong = True
    if wrong:
        faults.append(f"{CROISSANT}: not a description of the published files")
    return faults, [*unproved, CROISSANT]
