"""The recipe's sources: what they look like now, and the documents in them."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Sequence

from pipelines.corpus.document import Document, Quarantined
from pipelines.recipe import Corpus, Files, Source


def signature(sources: Sequence[Source]) -> str:
    """sha256 over what each source looks like now: names, versions, sizes and times; no text is read."""
    seen = [[source.name, *_kind(source).signature(source)] for source in sources]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def consulted(corpus: Corpus) -> list[Files]:
    """What a corpus is made by, besides its documents: examples, word lists, clean text, suites."""
    paths: list[str | None] = []
    if corpus.relevance:
        paths += [corpus.relevance.wanted, corpus.relevance.unwanted]
    if corpus.toxicity:
        paths += [corpus.toxicity.labelled, *corpus.toxicity.lexicon.values()]
    if corpus.counterfactual:
        paths.append(corpus.counterfactual.names)
    if corpus.spelling:
        paths.append(corpus.spelling.clean_text)
    if corpus.decontamination:
        paths += [suite.path for suite in corpus.decontamination.suites]
    return [Files(kind="files", path=path) for path in paths if path]


def read_source(source: Source) -> Iterator[Document | Quarantined]:
    """The documents of a source, up to its `max_documents`, in an order that depends on nothing but what it holds."""
    read = 0
    for item in _kind(source).read(source):
        yield item
        read += isinstance(item, Document)
        if read == source.max_documents:
            return


def _kind(source: Source):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"pipelines.corpus.sources.{source.kind}")
