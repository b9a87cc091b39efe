"""Files of a publication: of the model, of an adapter, with the evidence beside them.

    files = files_of("model", run, recipe)
    files["model.safetensors"].sealed            # "model/model.safetensors": its path in the run, and in the seals

The layout of a repository of a model:

    config.json  model.safetensors  README.md  …      `model/` of the run
    LICENSE  ATTRIBUTION.md                            the model's licence; the works that its text is made of
    evidence/                                          the run directory, without texts, tokens and checkpoints
      recipe.yaml  attestations/run.dsse.json
      corpus/report.json  corpus/done.json  …          report and seal of each stage
      card/  dossier/                                  whole
      evaluation/documents.parquet  audit/pairs.jsonl  scores by document and by probe
      published.json                                   what this is, and the path in the run of each file

So a sealed file `model/NAME` is `NAME` here, and any other `PLACE` is `evidence/PLACE`. Of an adapter, `adapter/` lies
at the top and `merged/` beside it, the card in place of the one that peft writes; `evidence/` has the reports and seals
of its stages and of its base's. What is not in the repository was sealed too: the seals list it with its sha256.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from desdecero.model_cards.words import LANGUAGES, file_in, say
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import hash_json, json_text, sha256_file
from desdecero.pipelines.corpus.licensing.attribution import license_url
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.layout import ATTESTATION, MODEL_SIGNATURE, RECIPE
from desdecero.pipelines.run.published_run import EVIDENCE, MANIFEST
from desdecero.pipelines.run.run_dir import ADDED, RunDir
from desdecero.pipelines.run.seals import Seal
from desdecero.pipelines.run.stages import Stage, stage_name, stages

MODEL, DATASET, LICENSE, CROISSANT = "model", "dataset", "LICENSE", "croissant.json"
CONFIG = "model/config.json"
OF_THE_HUB = ".gitattributes"
"""File that the Hub adds to a repository."""
WHOLE = ("card", "dossier")
"""Kinds of stages all of whose files are evidence."""
SCORES = {"evaluate": "documents.parquet", "audit": "pairs.jsonl"}
"""By kind of stage, the file of scores that holds no text of the corpus."""
ATTRIBUTION = ("ATTRIBUTION.md", "ATTRIBUTION.jsonl")

Content = Path | bytes


@dataclass(frozen=True)
class PublishedFile:
    """A file of a publication."""

    name: str
    """Path in the repository."""
    source: Content
    """The file, or its bytes where none lies on the disk."""
    sealed: str | None = None
    """Path in the run directory; None of what no run has: LICENSE, the manifest."""

    @functools.cached_property
    def size(self) -> int:
        """Bytes."""
        return self.source.stat().st_size if isinstance(self.source, Path) else len(self.source)

    @functools.cached_property
    def sha256(self) -> str:
        """Hash of the content, by which LFS and Xet know it."""
        return sha256_file(self.source) if isinstance(self.source, Path) else hashlib.sha256(self.source).hexdigest()

    @functools.cached_property
    def blob_id(self) -> str:
        """Name by which git knows the content: SHA-1 with a header."""
        hashed = hashlib.sha1(b"blob %d\0" % self.size)
        if isinstance(self.source, bytes):
            hashed.update(self.source)
        else:
            with self.source.open("rb") as file:
                while block := file.read(2**20):
                    hashed.update(block)
        return hashed.hexdigest()


Files = dict[str, PublishedFile]


def files_of(what: str, run: RunDir, recipe: Recipe) -> Files:
    """Return what is published of a run's model or of an adapter, by path in the repository.

    what: `model` or `adapter:NAME`
    """
    found = {stage.name: run.seal(stage.name, recipe) for stage in stages_of(what, recipe)}
    names = layout(what, recipe, {name: seal for name, seal in found.items() if seal})
    names |= unsealed(what)
    return with_manifest(of_run(run, names, {LICENSE: license_text(recipe)}), what, run)


def of_run(run: RunDir, names: Mapping[str, str | None], others: Mapping[str, bytes]) -> list[PublishedFile]:
    """Return the files of a layout that are here; `others` has the content of those that no stage writes."""
    return [
        PublishedFile(name, run.path / place, place) if place is not None else PublishedFile(name, others[name])
        for name, place in names.items()
        if (name in others if place is None else (run.path / place).is_file())
    ]


def digest(files: Mapping[str, PublishedFile]) -> str:
    """Return the hash of a publication: of the names and hashes of its files."""
    return hash_json({name: file.sha256 for name, file in files.items()})


def with_manifest(found: list[PublishedFile], what: str, run: RunDir) -> Files:
    """Add the list of the files with their paths in the run; of two files of one name, the later counts."""
    files = {file.name: file for file in found}
    places = {name: file.sealed for name, file in files.items()}
    manifest = PublishedFile(MANIFEST, manifest_of(what, run.path.name, places))
    return dict(sorted((files | {MANIFEST: manifest}).items()))


def manifest_of(what: str, run: str, places: Mapping[str, str | None]) -> bytes:
    """Return the content of `published.json`; `run` is the run's name."""
    content = {"what": what, "run": run, "files": dict(sorted(places.items()))}
    return json_text(content).encode(errors="backslashreplace")


def license_text(recipe: Recipe) -> bytes:
    """Return the model's licence: the text that the recipe names, else its name and where its text is."""
    if recipe.card.license_file is not None:
        try:
            return Path(recipe.card.license_file).read_bytes()
        except FileNotFoundError:
            raise UserError(
                f"card.license_file: there is no {recipe.card.license_file}: name the licence's text"
            ) from None
    named = recipe.card.license or ""
    address = license_url(named)
    key = "publish.license_at" if address else "publish.license_named"
    texts = [say(language, key, license=named, address=address or "") for language in LANGUAGES]
    return "".join([f"SPDX-License-Identifier: {named}\n", *(f"\n{text}\n" for text in texts)]).encode()


# --- what lies where -------------------------------------------------------------------------------------------


def stages_of(what: str, recipe: Recipe) -> list[Stage]:
    """Return the stages whose evidence a publication holds: those of the model and of the adapter; of a data set, one.

    Raises `KeyError` for an adapter that the recipe does not have, `ValueError` for what is not published.
    """
    chain = stages(recipe)
    if what == DATASET:
        return [chain["corpus"]]
    adapter = _adapter_of(what)
    if adapter is not None and adapter not in recipe.adapters:
        raise KeyError(adapter)
    return [stage for stage in chain.values() if stage.adapter in (None, adapter)]


def layout(what: str, recipe: Recipe, seals: Mapping[str, Seal]) -> dict[str, str | None]:
    """Return what a publication of a model or an adapter holds by these seals: path in it → path in the run.

    seals: by stage, those of `stages_of`. None stands for what no stage writes. A file of an adapter that trains the
    weights themselves lies at the top, because peft has no part in it. The card's `adapter_config.json` takes the place
    of the adapter's, which names a folder of this machine.
    """
    places = [place for seal in seals.values() for place in seal.outputs]
    adapter, chain = _adapter_of(what), stages(recipe)
    if adapter is None:
        names = _moved(places, "model/", "")
    else:
        folder = chain[stage_name("finetune", adapter)].folder
        names = _moved(places, f"{folder}/adapter/", "")
        names |= _moved(places, f"{folder}/merged/", "merged/" if names else "")
        pages = [*(file_in(language, "README.md") for language in LANGUAGES), "adapter_config.json"]
        names |= {name: place for name in pages if (place := f"{folder}/card/{name}") in places}
    evidence = [RECIPE]
    if adapter is not None and CONFIG in places:  # which the model's card quotes
        evidence.append(CONFIG)
    for name, seal in seals.items():
        stage = chain[name]
        quoted = [f"{stage.folder}/{name}" for name in ("report.json", SCORES.get(stage.kind, "report.json"))]
        whole = [place for place in seal.outputs if stage.kind in WHOLE and place.startswith(f"{stage.folder}/")]
        evidence += [f"{stage.folder}/done.json", *(place for place in quoted if place in seal.outputs), *whole]
    named = {name: place for name in ATTRIBUTION if (place := f"corpus/{name}") in places}
    return {**names, LICENSE: None, **named, **{f"{EVIDENCE}/{place}": place for place in evidence}}


def unsealed(what: str) -> dict[str, str | None]:
    """Return what is published besides, if the run has it: signatures, the recipe of an added adapter, Croissant."""
    names: dict[str, str | None] = {f"{EVIDENCE}/{ATTESTATION}": ATTESTATION}
    if what == DATASET:
        names[CROISSANT] = None
    elif what == MODEL:
        names[MODEL_SIGNATURE.removeprefix("model/")] = MODEL_SIGNATURE
    else:
        place = f"adapters/{_adapter_of(what)}/{ADDED}"
        names[f"{EVIDENCE}/{place}"] = place
    return names


def _adapter_of(what: str) -> str | None:
    """Return the adapter's name; None of the model."""
    kind, _, adapter = what.partition(":")
    if what != MODEL and (kind != "adapter" or not adapter):
        raise ValueError(what)
    return adapter or None


def _moved(places: Iterable[str], root: str, prefix: str) -> dict[str, str | None]:
    return {f"{prefix}{place.removeprefix(root)}": place for place in places if place.startswith(root)}
