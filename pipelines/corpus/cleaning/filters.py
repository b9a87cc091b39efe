"""Train the steps that learn from text: once, before the first document is read."""

from __future__ import annotations

from pathlib import Path

from desdecero.pipelines.corpus.cleaning.lines import LINE_COUNTS, count_lines
from desdecero.pipelines.corpus.cleaning.relevance import train_relevance
from desdecero.pipelines.corpus.cleaning.toxicity import train_toxicity
from desdecero.pipelines.recipe import Corpus
from desdecero.pipelines.run.reports.corpus import RelevanceReport, ToxicityReport


def train_filters(corpus: Corpus, folder: Path) -> dict[str, RelevanceReport | ToxicityReport]:
    """Train the steps that the recipe asks for, into files of `folder`; return the reports of those with examples.

    The same examples give the same files. Raises `UserError` for unsuitable examples, and for a filter that is to drop
    text although its measured error forbids it.
    """
    reports: dict[str, RelevanceReport | ToxicityReport] = {}
    if not learns(corpus):
        return reports
    folder.mkdir(parents=True, exist_ok=True)
    if corpus.relevance:
        reports["relevance"] = train_relevance(corpus.relevance, folder)
    if corpus.toxicity:
        reports["toxicity"] = train_toxicity(corpus.toxicity, folder)
    if corpus.lines and corpus.lines.across_documents:
        count_lines(corpus, folder / LINE_COUNTS)
    return reports


def learns(corpus: Corpus) -> bool:
    """Tell whether a step of this corpus has to be trained."""
    return bool(corpus.relevance or corpus.toxicity or (corpus.lines and corpus.lines.across_documents))
