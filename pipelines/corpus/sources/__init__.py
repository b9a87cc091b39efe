"""The recipe's sources: what they look like now, and the documents in them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence

from pipelines.corpus.document import Document, Quarantined
from pipelines.corpus.sources.contents import Names, SeenSource, digest, hashed, see
from pipelines.recipe import Corpus, Files, Recipe, Source


def look(corpus: Corpus, known: Mapping[str, str]) -> list[SeenSource]:
    """The sources, and the files that filters learn from, as they are now. Lists files and reads none.

    known: hashes of files by their stamps (see `contents.SeenFile`)
    """
    return _seen([*corpus.sources, *consulted(corpus)], known)


def signature(sources: Sequence[Source]) -> str:
    """sha256 over what each source holds now: names, versions, and the content of every file."""
    return digest(hashed(_seen(sources, {})))


def _seen(sources: Sequence[Source], known: Mapping[str, str]) -> list[SeenSource]:
    return [see(source.name, source.name_from_path, _kind(source).contents(source), known) for source in sources]


def names_that_count(recipe: Recipe, source: Source, seen: SeenSource) -> Names:
    """What of the names of a source's files changes the corpus."""
    from pipelines.corpus.sources.site_rules import is_rules_file

    domain = recipe.corpus.domain
    if (domain and "path" in domain.where) or any(is_rules_file(file.name) for file in seen.files):
        return "full"
    limits = (recipe.corpus.max_bytes, source.max_documents, getattr(source, "max_files", None))
    return "order" if any(limits) else "suffix"


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
