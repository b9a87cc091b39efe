"""The filters that learn from examples: trained once, before the first document is read, and then only looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.corpus.cleaning.relevance import train_relevance
from pipelines.corpus.cleaning.toxicity import train_toxicity
from pipelines.recipe import Corpus


def train_filters(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Train what the recipe asks for, into files of `folder` (created if need be); return the reports by filter.

    The same examples give the same files. Raises `UserError` for examples that do not serve, and for a filter that
    may not drop what it is told to drop.
    """
    reports: dict[str, Any] = {}
    folder.mkdir(parents=True, exist_ok=True)
    if corpus.relevance:
        reports["relevance"] = train_relevance(corpus.relevance, folder)
    if corpus.toxicity:
        reports["toxicity"] = train_toxicity(corpus.toxicity, folder)
    return reports
