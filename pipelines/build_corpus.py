"""The corpus stage: from raw sources to text one can answer for.

    desdecero corpus quickstart                      or: python pipelines/build_corpus.py quickstart
    desdecero corpus my_recipe.yaml --set corpus.max_bytes=100_000_000

Every document is read, cleaned, judged, redacted, compared with those before it and put on one side of each
split. It writes

    corpus/
      documents/<split>-00000.parquet    train, validation; domain_train, domain_validation where there is a domain
      dropped/<reason>-00000.parquet     what was dropped, with its text
      ledger.parquet                     one row for each document that entered: where from, which licence, what
                                         was done to it, what was decided and why
      report.json  overview.png

Reading and deciding happen in this process, one document after the other, and all that costs time in one process
for each core. So the result does not depend on the number of cores: the same recipe and sources give the same bytes.
Several sources are read in turn, a document of each, so that a size limit leaves none of them out.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pipelines.chain import stage_main
from pipelines.corpus.deduplication import Deduplicator
from pipelines.corpus.document import Document, Quarantined
from pipelines.corpus.ledger import LEDGER, SPOOL, ShardWriter, TableWriter, ledger_row, quarantine_row, read_spool
from pipelines.corpus.parallel import ordered_map
from pipelines.corpus.preparation import Prepared, batches, prepare
from pipelines.corpus.report import Tally, draw_overview
from pipelines.corpus.sources import read_source
from pipelines.corpus.splits import assign_splits, in_domain
from pipelines.errors import UserError
from pipelines.progress import progress
from pipelines.recipe import Corpus, Recipe, Source
from pipelines.run_dir import RunDir, Split


def build_corpus(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    """Build the corpus that the recipe describes; return its size in a sentence."""
    spool = out.corpus / "spool.arrow"
    splits = _decide(recipe, spool)
    report = _write(recipe.corpus, splits, spool, out)
    spool.unlink()
    out.write_report("corpus", recipe, report)
    draw_overview(report, out.corpus / "overview.png")
    documents, sizes = report["documents"], report["bytes"]
    return (
        f"{documents['kept']:,} documents, {sizes['kept'] / 1e6:.1f} MB "
        f"(of {documents['read']:,} and {sizes['read'] / 1e6:.1f} MB read), {len(report['licenses'])} licences"
    )


def _decide(recipe: Recipe, spool: Path) -> Iterator[Split]:
    """First pass: prepare every document, drop what must go, spool them all. Returns the splits of the kept ones."""
    deduplicator = Deduplicator(recipe.corpus.near_duplicate)
    domain: list[bool] = []
    drops: Counter[str] = Counter()
    with TableWriter(spool, SPOOL, stream=True) as writer:
        for item in _prepared(recipe.corpus):
            if isinstance(item, Quarantined):
                writer.write(quarantine_row(item))
                continue
            reason, duplicate_of = item.reason, None
            if item.sketch and (duplicate := deduplicator.add(item.document.id, item.sketch)):
                reason, duplicate_of = duplicate.kind, duplicate.of
            if reason:
                drops[reason] += 1
            else:
                domain.append(in_domain(recipe.corpus.domain, item.document.source, item.document.meta))
            writer.write(ledger_row(item, reason, duplicate_of))
    if not domain:
        counts = ", ".join(f"{reason} {count}" for reason, count in drops.most_common())
        raise UserError(f"no document is left of {drops.total()} ({counts}): relax corpus.quality or add text")
    return iter(assign_splits(deduplicator.ids, deduplicator.groups(), domain, recipe.corpus, recipe.seed))


def _prepared(corpus: Corpus) -> Iterator[Prepared | Quarantined]:
    """All documents, in order, prepared in the workers; as many as `max_bytes` allows."""
    work = functools.partial(prepare, corpus_json=corpus.model_dump_json())
    streams = [_read(source, prefix=len(corpus.sources) > 1) for source in corpus.sources]
    read = 0
    with (
        closing(ordered_map(work, batches(_in_turn(streams)))) as results,
        progress(title="corpus", total=corpus.max_bytes, unit="B") as bar,
    ):
        for result in results:
            for item in result:
                size = item.bytes_before if isinstance(item, Prepared) else 0
                if corpus.max_bytes and read + size > corpus.max_bytes:
                    return
                read += size
                bar.update(size)
                yield item


def _read(source: Source, prefix: bool) -> Iterator[Document | Quarantined]:
    """A source's documents. Among several sources, its name goes before each id, so that no two are the same."""
    for item in read_source(source):
        if not prefix:
            yield item
        elif isinstance(item, Document):
            yield dataclasses.replace(item, id=f"{source.name}/{item.id}")
        else:
            yield dataclasses.replace(item, place=f"{source.name}/{item.place}")


def _in_turn(streams: Iterable[Iterator[Any]]) -> Iterator[Any]:
    """One item of each stream, then the next of each, until all are empty."""
    left = list(streams)
    while left:
        for stream in list(left):
            try:
                yield next(stream)
            except StopIteration:
                left.remove(stream)


def _write(corpus: Corpus, splits: Iterator[Split], spool: Path, out: RunDir) -> dict[str, Any]:
    """Second pass: from the spool to the files of each split and reason, the ledger and the report."""
    tally = Tally()
    with (
        ShardWriter(out.documents) as documents,
        ShardWriter(out.dropped) as dropped,
        TableWriter(out.ledger, LEDGER) as ledger,
    ):
        for row in read_spool(spool):
            if row["decision"] == "kept":
                row["split"] = next(splits)
                documents.write(row["split"], row)
            elif row["decision"] == "dropped":
                dropped.write(row["reason"], row)
            ledger.write({name: row[name] for name in LEDGER.names})
            tally.add(row)
    return tally.report(corpus)


def main(argv: list[str] | None = None) -> int:
    return stage_main("corpus", argv)


if __name__ == "__main__":
    sys.exit(main())
