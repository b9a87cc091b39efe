"""The recipe's sources: their present state, and the documents in them."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from desdecero.pipelines.corpus.document import Document, FileFormat, Quarantined
from desdecero.pipelines.corpus.sources import files
from desdecero.pipelines.corpus.sources.contents import Names, SeenSource, digest, hashed, see
from desdecero.pipelines.corpus.sources.extraction import require_all
from desdecero.pipelines.corpus.sources.faults import contained
from desdecero.pipelines.recipe import Corpus, Files, HubDataset, Recipe, Source, WebArchive, Wikipedia


def look(corpus: Corpus, known: Mapping[str, str]) -> list[SeenSource]:
    """List the sources, and the files that filters learn from, as they are now. Reads no file.

    known: hashes of files by their stamps (see `contents.SeenFile`)
    """
    return _seen([*corpus.sources, *consulted(corpus)], known)


def signature(sources: Sequence[Source]) -> str:
    """Hash what each source holds now: names, versions, and the content of every file (sha256)."""
    return digest(hashed(_seen(sources, {})))


def _seen(sources: Sequence[Source], known: Mapping[str, str]) -> list[SeenSource]:
    return [see(source.name, source.name_from_path, _kind(source).contents(source), known) for source in sources]


def names_that_count(recipe: Recipe, source: Source, seen: SeenSource) -> Names:
    """Tell which parts of the names of a source's files change the corpus."""
    from desdecero.pipelines.corpus.sources.site_rules import is_rules_file

    domain = recipe.corpus.domain
    if (domain and "path" in domain.where) or any(is_rules_file(file.name) for file in seen.files):
        return "full"
    limits = (recipe.corpus.max_bytes, source.max_documents, getattr(source, "max_files", None))
    return "order" if any(limits) else "suffix"


def consulted(corpus: Corpus) -> list[Files]:
    """List the files other than documents that a corpus depends on: examples, word lists, clean text, suites."""
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


def check_libraries(sources: Sequence[Source]) -> None:
    """Raise `UserError`, before anything is read, if a library that reads some of the sources is not installed."""
    require_all(form for source in sources for form in _forms(source))


def _forms(source: Source) -> Iterable[tuple[FileFormat, str]]:
    """Yield the formats of a source's documents, as far as they are known without reading them."""
    match source:
        case Files():
            return files.forms(source)
        case Wikipedia(dump=str(dump)) if not (dump.endswith(".parquet") or Path(dump).is_dir()):
            return [("wikitext", Path(dump).name)]
        case WebArchive(path=path) if "wet" not in path.rpartition("/")[2]:
            forms: tuple[FileFormat, ...] = ("html", "pdf", "epub")
            return [(form, path.rpartition("/")[2]) for form in forms]
        case HubDataset(text_form=form) if form != "text":
            return [(form, source.dataset)]
    return []


def read_source(source: Source) -> Iterator[Document | Quarantined]:
    """Yield the documents of a source, up to its `max_documents`, in an order that depends on its content alone.

    An error that a reader raises and assigns to no file ends the source, and is quarantined.
    """
    read = 0
    items: Iterator[Document | Quarantined] = _kind(source).read(source)
    for item in contained(items, lambda last: f"{source.name}, after {_place(last)}"):
        yield item
        read += isinstance(item, Document)
        if read == source.max_documents:
            return


def read_sources(sources: Sequence[Source]) -> list[Iterator[Document | Quarantined]]:
    """Return a stream of documents for each source. Among several sources, each id is prefixed with its source's name,
    so that ids are unique."""
    return [_named(source) if len(sources) > 1 else read_source(source) for source in sources]


def _named(source: Source) -> Iterator[Document | Quarantined]:
    for item in read_source(source):
        if isinstance(item, Document):
            yield dataclasses.replace(item, id=f"{source.name}/{item.id}")
        else:
            yield dataclasses.replace(item, place=f"{source.name}/{item.place}")


def _place(last: Document | Quarantined | None) -> str:
    return last.id if isinstance(last, Document) else last.place if last else "its beginning"


def _kind(source: Source):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"desdecero.pipelines.corpus.sources.{source.kind}")
