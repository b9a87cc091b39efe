"""Files of a publication: of the model, of an adapter, with the evidence beside them.

    files = files_of_model(run, recipe)
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from desdecero.model_cards.words import LANGUAGES, say
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import hash_json, json_text, sha256_file
from desdecero.pipelines.corpus.licensing.attribution import license_url
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import ADDED, RunDir
from desdecero.pipelines.run.stages import Stage, stages

EVIDENCE = "evidence"
MANIFEST = f"{EVIDENCE}/published.json"
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


def files_of_model(run: RunDir, recipe: Recipe) -> Files:
    """Return what is published of a run's model, by path in the repository."""
    found = list(_below(run, run.model, ""))
    found += _beside(run, recipe)
    found += _evidence(run, recipe, [stage for stage in stages(recipe).values() if stage.adapter is None])
    return with_manifest(found, "model", run)


def files_of_adapter(run: RunDir, recipe: Recipe, adapter: str) -> Files:
    """Return what is published of an adapter: what peft loads, its card, and in `merged/` the model with it.

    Of a method that trains the weights themselves, which peft has no part in, the model is at the top. The card's
    `adapter_config.json` takes the place of the adapter's, which names a folder of this machine.
    """
    folder = run.adapter(adapter)
    found = list(_below(run, folder / "adapter", ""))
    found += _below(run, folder / "merged", "merged/" if (folder / "adapter").is_dir() else "")
    written = [f"README{suffix}.md" for suffix in _suffixes()] + ["adapter_config.json"]
    found += [_of_run(run, folder / "card" / name, name) for name in written if (folder / "card" / name).is_file()]
    found += _beside(run, recipe)
    found += _evidence(run, recipe, [stage for stage in stages(recipe).values() if stage.adapter in (None, adapter)])
    return with_manifest(found, f"adapter:{adapter}", run)


def digest(files: Mapping[str, PublishedFile]) -> str:
    """Return the hash of a publication: of the names and hashes of its files."""
    return hash_json({name: file.sha256 for name, file in files.items()})


def with_manifest(found: list[PublishedFile], what: str, run: RunDir) -> Files:
    """Add the list of the files with their paths in the run; of two files of one name, the later counts."""
    files = {file.name: file for file in found}
    places = {name: file.sealed for name, file in sorted(files.items())}
    content = {"what": what, "run": run.path.name, "files": places}
    manifest = PublishedFile(MANIFEST, json_text(content).encode(errors="backslashreplace"))
    return dict(sorted((files | {MANIFEST: manifest}).items()))


def _suffixes() -> list[str]:
    return ["", *(f".{language}" for language in LANGUAGES[1:])]


def _of_run(run: RunDir, path: Path, name: str) -> PublishedFile:
    return PublishedFile(name, path, path.relative_to(run.path).as_posix())


def _below(run: RunDir, folder: Path, prefix: str) -> Iterator[PublishedFile]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield _of_run(run, path, f"{prefix}{path.relative_to(folder).as_posix()}")


def _beside(run: RunDir, recipe: Recipe) -> Iterator[PublishedFile]:
    """Yield the licence, and the works of the corpus."""
    yield PublishedFile("LICENSE", license_text(recipe))
    for name in ATTRIBUTION:
        if (run.corpus / name).is_file():
            yield _of_run(run, run.corpus / name, name)


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


# --- evidence --------------------------------------------------------------------------------------------------


def _evidence(run: RunDir, recipe: Recipe, of: list[Stage]) -> Iterator[PublishedFile]:
    yield _as_evidence(run, run.recipe_file)
    if run.attestation.is_file():
        yield _as_evidence(run, run.attestation)
    for stage in of:
        folder = run.folder(stage.name, recipe)
        names = ["report.json", "done.json", *([SCORES[stage.kind]] if stage.kind in SCORES else [])]
        if stage.adapter is not None:
            names.append(ADDED)
        paths = sorted(folder.rglob("*")) if stage.kind in WHOLE else [folder / name for name in names]
        yield from (_as_evidence(run, path) for path in paths if path.is_file())


def _as_evidence(run: RunDir, path: Path) -> PublishedFile:
    return _of_run(run, path, f"{EVIDENCE}/{path.relative_to(run.path).as_posix()}")
