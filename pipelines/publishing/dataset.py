"""Files of a publication of the corpus: texts where every licence permits passing them on, and otherwise the ledger.

README.md  README.es.md     metadata for the Hub, what is in the repository, and the corpus' datasheet
data/<split>-00000.parquet  the documents, with id, text, source, licence, language and meta, if they may be here
ledger.parquet              a row for each document that was read, kept or not: source, licence, decision, hashes
ATTRIBUTION.md              the works that are to be named
evidence/                   recipe, and report and seal of the corpus
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from desdecero.model_cards.licenses import hub_metadata
from desdecero.model_cards.words import LANGUAGES, Language, file_in, say
from desdecero.pipelines.licenses.obligations import ObligationKind, obligations
from desdecero.pipelines.publishing.files import ATTRIBUTION, EVIDENCE, Files, PublishedFile, with_manifest
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.layout import SPLITS
from desdecero.pipelines.run.reports import CorpusReport
from desdecero.pipelines.run.run_dir import RunDir

FORBIDDING: frozenset[ObligationKind] = frozenset({"no_permission", "no_derivatives", "unknown"})
"""What a licence says of a text that may not be passed on: nothing is permitted; adaptations are not, and cleaning has
changed it; or it is not known what."""
NAMED = 10
"""Licences that a sentence names; the number of the others follows."""


def forbidding(report: CorpusReport) -> list[str]:
    """Return the licences of kept documents that do not permit passing them on; empty if all do."""
    return sorted(row.license for row in report.licenses if obligations(row.license).kinds & FORBIDDING)


def files_of_dataset(run: RunDir, recipe: Recipe) -> Files:
    """Return what is published of a run's corpus, by path in the repository."""
    report = run.report("corpus", recipe)
    forbidden = forbidding(report)
    found = [_of_run(run, f"corpus/{path.name}", path.name) for path in sorted(run.corpus.glob("*.png"))]
    for name in ("ledger.parquet", *ATTRIBUTION):
        if (run.corpus / name).is_file():
            found.append(_of_run(run, f"corpus/{name}", name))
    texts = [path for split in SPLITS for path in run.document_files(split)] if not forbidden else []
    found += [_of_run(run, f"corpus/documents/{path.name}", f"data/{path.name}") for path in texts]
    splits = [split for split in SPLITS if texts and run.document_files(split)]
    for language in LANGUAGES:
        page = _card(run, recipe, report, forbidden, splits, language)
        found.append(PublishedFile(file_in(language, "README.md"), page.encode()))
    for place in ("recipe.yaml", "corpus/report.json", "corpus/done.json"):
        found.append(_of_run(run, place, f"{EVIDENCE}/{place}"))
    return with_manifest(found, "dataset", run)


def _of_run(run: RunDir, place: str, name: str) -> PublishedFile:
    return PublishedFile(name, run.path / place, place)


def _card(
    run: RunDir, recipe: Recipe, report: CorpusReport, forbidden: list[str], splits: Sequence[str], language: Language
) -> str:
    """Return the card of the data: metadata, what is in the repository and why, and the datasheet."""
    about = yaml.safe_dump(_metadata(recipe, report, splits), sort_keys=False, allow_unicode=True)
    if forbidden:
        names = ", ".join(forbidden[:NAMED]) + ("…" if len(forbidden) > NAMED else "")
        held = say(language, "publish.data_without_texts", licenses=names)
    else:
        held = say(language, "publish.data_with_texts")
    datasheet = run.sealed_bytes("corpus", recipe, f"corpus/{file_in(language, 'README.md')}").decode()
    return f"---\n{about}---\n\n{held}\n\n{datasheet}"


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
