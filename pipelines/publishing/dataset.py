"""Files of a publication of the corpus: texts where every licence permits passing them on, and otherwise the ledger.

README.md  README.es.md     metadata for the Hub, what is in the repository, and the corpus' datasheet
data/<split>-00000.parquet  the documents, with id, text, source, licence, language and meta, if they may be here
croissant.json              the same for programs (Croissant), from the dossier, where the run has one
ledger.parquet              a row for each document that was read, kept or not: source, licence, decision, hashes
ATTRIBUTION.md              the works that are to be named
evidence/                   recipe, and report and seal of the corpus
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import yaml

from desdecero.model_cards.licenses import hub_metadata
from desdecero.model_cards.words import LANGUAGES, Language, file_in, say
from desdecero.pipelines.common.files import json_text
from desdecero.pipelines.licenses.obligations import ObligationKind, obligations
from desdecero.pipelines.publishing.files import (
    ATTRIBUTION,
    CROISSANT,
    DATASET,
    Files,
    of_run,
    unsealed,
    with_manifest,
)
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.layout import RECIPE, SPLITS
from desdecero.pipelines.run.published_run import EVIDENCE
from desdecero.pipelines.run.reports import CorpusReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import Seal, reading
from desdecero.pipelines.run.stages import stages

FORBIDDING: frozenset[ObligationKind] = frozenset({"no_permission", "no_derivatives", "unknown"})
"""What a licence says of a text that may not be passed on: nothing is permitted; adaptations are not, and cleaning has
changed it; or it is not known what."""
DOCUMENTS, DATA = "corpus/documents/", "data/"
"""Where the texts lie in the run, and in the repository."""
DESCRIBED = "dossier/corpus.croissant.json"
NAMED = 10
"""Licences that a sentence names; the number of the others follows."""


def forbidding(report: CorpusReport) -> list[str]:
    """Return the licences of kept documents that do not permit passing them on; empty if all do."""
    return sorted(row.license for row in report.licenses if obligations(row.license).kinds & FORBIDDING)


def files_of_dataset(run: RunDir, recipe: Recipe) -> Files:
    """Return what is published of a run's corpus, by path in the repository."""
    report, seal = run.report("corpus", recipe), run.seal("corpus", recipe)
    assert seal is not None  # otherwise it has no report
    names, pages = layout_of_dataset(report, seal), dict[str, bytes]()
    for language in LANGUAGES:
        page = file_in(language, "README.md")
        pages[page] = card_head(recipe, report, names, language) + run.sealed_bytes("corpus", recipe, f"corpus/{page}")
    others = pages | _croissant(run, recipe, names)
    return with_manifest(of_run(run, names | unsealed(DATASET), others), DATASET, run)


def layout_of_dataset(report: CorpusReport, seal: Seal) -> dict[str, str | None]:
    """Return what a publication of the corpus holds: path in it → path in the run, None for its cards.

    report, seal: of the corpus
    """
    folder = "corpus/"
    pictures = [place for place in seal.outputs if place.endswith(".png") and place.count("/") == 1]
    tables = [place for name in ("ledger.parquet", *ATTRIBUTION) if (place := f"{folder}{name}") in seal.outputs]
    names: dict[str, str | None] = {place.removeprefix(folder): place for place in (*pictures, *tables)}
    texts = [place for place in seal.outputs if place.startswith(DOCUMENTS) and place.endswith(".parquet")]
    if not forbidding(report):
        names |= {f"{DATA}{place.removeprefix(DOCUMENTS)}": place for place in texts if _split(place) in SPLITS}
    evidence = (RECIPE, f"{folder}report.json", f"{folder}done.json")
    cards = dict.fromkeys(file_in(language, "README.md") for language in LANGUAGES)
    return {**names, **cards, **{f"{EVIDENCE}/{place}": place for place in evidence}}


def _croissant(run: RunDir, recipe: Recipe, names: Mapping[str, str | None]) -> dict[str, bytes]:
    """Return the sealed dossier's description of this corpus, with the published files, where they lie in `names`."""
    seal, corpus = run.seal("dossier", recipe) if "dossier" in stages(recipe) else None, run.seal("corpus", recipe)
    if seal is None or corpus is None or seal.inputs.get("corpus") != corpus.digest or DESCRIBED not in seal.outputs:
        return {}
    described, here = run.sealed_json("dossier", recipe, DESCRIBED), {place: name for name, place in names.items()}
    with reading(run.path / DESCRIBED):
        files = [file for file in described.get("distribution", []) if file["contentUrl"] in here]
        moved = [{**file, "contentUrl": here[file["contentUrl"]]} for file in files]
    return {CROISSANT: json_text({**described, "distribution": moved}).encode()}


def described_otherwise(content: Any, names: Mapping[str, str | None], seal: Seal) -> bool:
    """Return whether a `croissant.json` names files that are not published, or with other hashes than the sealed ones.

    names: the files of the publication. Raises `LookupError`, `TypeError` or `AttributeError` for what is none.
    """
    hashes = {name: seal.outputs[place]["sha256"] for name, place in names.items() if place and place in seal.outputs}
    return any(hashes.get(file["contentUrl"]) != file["sha256"] for file in content.get("distribution", []))


def _split(place: str) -> str:
    """Return the split that a file of documents or of a publication belongs to: `train` of `train-00000.parquet`."""
    return place.rpartition("/")[2].rpartition("-")[0]


def card_head(recipe: Recipe, report: CorpusReport, names: Collection[str], language: Language) -> bytes:
    """Return the card of the data down to the datasheet: metadata, what is in the repository and why.

    names: the files of the publication
    """
    forbidden, texts = forbidding(report), {_split(name) for name in names if name.startswith(DATA)}
    splits = [split for split in SPLITS if split in texts]
    about = yaml.safe_dump(_metadata(recipe, report, splits), sort_keys=False, allow_unicode=True)
    if forbidden:
        listed = ", ".join(forbidden[:NAMED]) + ("…" if len(forbidden) > NAMED else "")
        held = say(language, "publish.data_without_texts", licenses=listed)
    else:
        held = say(language, "publish.data_with_texts")
    return f"---\n{about}---\n\n{held}\n\n".encode()


def _metadata(recipe: Recipe, report: CorpusReport, splits: Sequence[str]) -> dict[str, Any]:
    licenses = [row.license for row in report.licenses]
    several = {"license": "other", "license_name": "by-document"}
    languages = [row.language for row in report.languages if re.fullmatch(r"[a-z]{2,3}", row.language)]
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in splits]
    shown = files or [{"split": "train", "path": "ledger.parquet"}]
    return {
        **(hub_metadata(licenses[0]) if len(licenses) == 1 else several),
        "language": languages,
        "pretty_name": recipe.name,
        "task_categories": ["text-generation"],
        "configs": [{"config_name": "default", "data_files": shown}],
    }
