"""Build the corpus: read, clean, filter and deduplicate the sources, and record every decision.

    desdecero corpus quickstart                      or: python pipelines/build_corpus.py quickstart
    desdecero corpus my_recipe.yaml --set corpus.max_bytes=100_000_000

Every document is read, cleaned, filtered, redacted, compared with earlier ones and assigned to a split. Writes

    corpus/
      documents/<split>-00000.parquet    train, validation; test if the recipe has such a share; domain_train and
                                         domain_validation where there is a domain
      dropped/<reason>-00000.parquet     what was dropped, with its text
      ledger.parquet                     one row for each document: source, licence, edits, decision and reason
      filters/                           the trained filters, where the recipe has steps that learn from text
      README.md  README.es.md            the datasheet, with overview.png and personal_data.png (.es.png)
      ATTRIBUTION.md                     the works whose licence asks for attribution
      report.json

Documents are read in this process and sent to the workers in batches: one process for each core, or a Ray cluster. The
workers' results are appended to files below `corpus/scratch`, and decisions are made when all are there. So memory does
not grow with the text, and by some 100 bytes with each document; and the result does not depend on the number of
processes: the same recipe and sources give the same bytes. Several sources are read in rotation, one document of each,
so that a size limit excludes none of them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, ipc

from desdecero.model_cards import datasheet
from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.blocklist import add_entries, read_entries
from desdecero.pipelines.corpus.candidates import CandidateStore, Decisions, Identities
from desdecero.pipelines.corpus.cleaning.filters import learns, train_filters
from desdecero.pipelines.corpus.document import EXAMPLES
from desdecero.pipelines.corpus.ledger import DROPPED_BY, LEDGER, SPOOL, ShardWriter, TableWriter, read_spool
from desdecero.pipelines.corpus.licensing import summary as licensing
from desdecero.pipelines.corpus.licensing.attribution import Works
from desdecero.pipelines.corpus.measured import measured_elsewhere
from desdecero.pipelines.corpus.paragraphs import without_repeated
from desdecero.pipelines.corpus.parallel import ordered_map
from desdecero.pipelines.corpus.privacy.planted import measure_recall
from desdecero.pipelines.corpus.privacy.replacement import key_fingerprint
from desdecero.pipelines.corpus.removed_texts import RESEMBLES_REMOVED
from desdecero.pipelines.corpus.report import CorpusStatistics, draw_overview, draw_recall
from desdecero.pipelines.corpus.sources import check_libraries, read_sources
from desdecero.pipelines.corpus.splits import NAMES
from desdecero.pipelines.corpus.unread import describe_unread
from desdecero.pipelines.corpus.worker import Packet, batches, prepare
from desdecero.pipelines.recipe import Corpus, Recipe
from desdecero.pipelines.recipe.texts import read_in
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.reports import content_of
from desdecero.pipelines.run.reports.corpus import CorpusReport
from desdecero.pipelines.run.run_dir import RunDir, shortest

WORK_COLUMNS = ["license", "source", "decision", "bytes_after", "meta"]
"""Columns of the ledger that the attribution file is made from."""
SHOWN_REASONS = 3


def build_corpus(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    """Build the corpus that the recipe describes; return its size in a sentence."""
    lists = run.blocklists(recipe)
    if removed := [entry for path in lists for entry in read_entries(path)]:
        add_entries(run.own_blocklist, removed)
    corpus = recipe.corpus.model_copy(update={"blocklist": lists})
    recipe = recipe.model_copy(update={"corpus": corpus})
    key = key_fingerprint(corpus.personal_data)  # a missing key is an error now, not after all has been read
    check_libraries(corpus.sources)
    filters = out.corpus / "filters"
    trained = train_filters(corpus, filters)
    scratch = out.corpus / "scratch"
    with CandidateStore(scratch, recipe.corpus) as candidates:
        drops = _prepare(recipe, filters if learns(corpus) else None, candidates, scratch / "spool.arrow")
        decisions = candidates.decide(drops)
        counted = _write(recipe, decisions, candidates.ids, scratch / "spool.arrow", out)
    shutil.rmtree(scratch)
    related = {split: dataclasses.asdict(relation) for split, relation in decisions.relations.items()}
    counted["personal_data"]["key"] = key
    report = CorpusReport.model_validate({**counted, "filters": trained, "related": related})
    out.write_report("corpus", recipe, report)
    for language in LANGUAGES:
        draw_overview(report, out.corpus / file_in(language, "overview.png"), language)
        if planted := report.personal_data.planted:
            draw_recall(planted, out.corpus / file_in(language, "personal_data.png"), language)
        page = datasheet.render(content_of(report), recipe.name, read_in(recipe.purpose, language), language)
        write_text(out.corpus / file_in(language, "README.md"), page)
    documents, sizes = report.documents, report.bytes
    size = (
        f"{documents.kept:,} documents, {sizes.kept / 1e6:.1f} MB "
        f"(of {documents.read:,} and {sizes.read / 1e6:.1f} MB read), {len(report.licenses)} licences"
    )
    return "; ".join([size, *_remarks(report, run)])


def _remarks(report: CorpusReport, run: RunDir) -> list[str]:
    """Return the warnings about this corpus that matter before training on it, a clause each."""
    remarks = [unread] if (unread := describe_unread(report.unread, shortest(run))) else []
    if related := report.related:
        counts = ", ".join(
            f"{relation.documents:,} of {relation.of:,} in {split.replace('_', ' ')}"
            for split, relation in related.items()
        )
        remarks.append(
            f"related to training documents: {counts} (texts of one form; figures measured on them are optimistic)"
        )
    if others := report.other_forms:
        forms = Counter[str]()
        for row in others:
            forms[row.form] += row.documents
        reasons = ", ".join(dict.fromkeys(row.reason for row in others[:SHOWN_REASONS]))
        kept_as = ", ".join(f"{form} {count:,}" for form, count in forms.most_common())
        remarks.append(
            f"dropped by the limits for {report.form} ({reasons}), and would be kept as {kept_as}: "
            "if they are of that form, set corpus.quality.form, or mixed for several forms"
        )
    if copies := report.removed_copies.shown:
        remarks.append(
            f"left out as copies of removed texts: {report.removed_copies.documents:,}, as {copies[0].id} of "
            f"{copies[0].copy_of} (all in corpus/report.json; to keep one: "
            f"desdecero forget {run} --keep ID --yes)"
        )
    if alike := report.edits.kinds.get(RESEMBLES_REMOVED):
        remarks.append(
            f"kept, with half of a removed text or more: {alike.documents:,}, as {alike.examples[0].id} (edit "
            f"{RESEMBLES_REMOVED} in the ledger; to remove one: desdecero forget {run} --document ID --yes)"
        )
    return remarks


def _prepare(recipe: Recipe, filters: Path | None, candidates: CandidateStore, spool: Path) -> Counter[str]:
    """Prepare every document and spool them all (first pass); return how many were dropped, by reason.

    Raises `UserError` where no candidate is left.
    """
    drops: Counter[str] = Counter()
    with ipc.new_stream(str(spool), SPOOL) as writer:
        for packet in _packets(recipe, filters):
            candidates.add(packet.candidates)
            drops.update(compute.filter(packet.rows["reason"], _is(packet.rows, "dropped")).to_pylist())
            writer.write_batch(packet.rows)
    if not candidates.count:
        counts = ", ".join(f"{reason} {count}" for reason, count in drops.most_common())
        raise UserError(f"no document is left of {drops.total()} ({counts}): relax corpus.quality or add text")
    return drops


def _packets(recipe: Recipe, filters: Path | None) -> Iterator[Packet]:
    """Yield the documents, in order, prepared in the workers; as many as `max_bytes` allows."""
    corpus = recipe.corpus
    work = functools.partial(prepare, corpus_json=corpus.model_dump_json(), seed=recipe.seed, filters=filters)
    streams = read_sources(corpus.sources)
    left = corpus.max_bytes or sys.maxsize
    with (
        closing(ordered_map(work, batches(_rotate(streams)), engine=corpus.engine)) as packets,
        progress(title="corpus", total=corpus.max_bytes, unit="B") as bar,
    ):
        for packet in packets:
            read_bytes = compute.if_else(_is(packet.rows, "quarantined"), 0, packet.rows["bytes_before"])
            sizes = np.cumsum(read_bytes.to_numpy(zero_copy_only=False))
            fits = int(np.searchsorted(sizes, left, side="right"))
            yield packet if fits == len(sizes) else packet.head(fits)
            if fits < len(sizes):
                return
            read = int(sizes[-1]) if len(sizes) else 0
            left -= read
            bar.update(read)


def _is(rows: pa.RecordBatch, decision: str) -> pa.Array:
    return compute.equal(rows["decision"], decision)


def _rotate(streams: Iterable[Iterator[Any]]) -> Iterator[Any]:
    """Yield one item of each stream, then the next of each, until all are empty."""
    left = list(streams)
    while left:
        for stream in list(left):
            try:
                yield next(stream)
            except StopIteration:
                left.remove(stream)


def _write(recipe: Recipe, decisions: Decisions, ids: Identities, spool: Path, out: RunDir) -> dict[str, Any]:
    """Write the files of each split and reason and the ledger from the spool (second pass); return the report."""
    corpus, statistics, number = recipe.corpus, CorpusStatistics(recipe.seed), 0
    with (
        ShardWriter(out.documents) as documents,
        ShardWriter(out.dropped) as dropped,
        TableWriter(out.ledger, LEDGER) as ledger,
        Works(out.corpus, use=corpus.licenses.use) as works,
    ):
        for rows in read_spool(spool):
            numbers = number + np.arange(compute.sum(_is(rows, "kept")).as_py() or 0)
            number += len(numbers)
            rows = _decided(_without_repeated(rows, numbers, decisions, corpus), numbers, decisions, ids)
            for writer, decision, column in ((documents, "kept", "split"), (dropped, "dropped", "reason")):
                part = rows.filter(_is(rows, decision))
                for name in compute.unique(part[column]).to_pylist():
                    writer.write(name, part.filter(compute.equal(part[column], name)))
            ledger.write(rows.select(LEDGER.names))
            works.add(rows.select(WORK_COLUMNS).to_pylist())
            statistics.add(rows)
        attribution = works.write()
    report = statistics.report(corpus)
    report["personal_data"] = {"planted": measure_recall(statistics.sample.texts(), corpus.personal_data, recipe.seed)}
    report["measured_elsewhere"] = measured_elsewhere(corpus)
    report["licensing"] = licensing.report(licensing.holdings(report), corpus.licenses)
    report["attribution"] = attribution
    return report


def _decided(rows: pa.RecordBatch, numbers: np.ndarray, decisions: Decisions, ids: Identities) -> pa.RecordBatch:
    """Add the decision on each candidate to the rows.

    numbers: the candidates' numbers, in the rows' order
    """
    names = ("decision", "reason", "dropped_by", "duplicate_of", "split")
    columns = {name: np.array(rows[name].to_pylist(), dtype=object) for name in names}
    places, stay = np.flatnonzero(columns["decision"] == "kept"), decisions.splits[numbers] >= 0
    columns["split"][places[stay]] = np.array(NAMES, dtype=object)[decisions.splits[numbers[stay]]]
    for row, number in zip(places[~stay].tolist(), numbers[~stay].tolist(), strict=True):
        reason = decisions.reason(number)
        columns["decision"][row], columns["reason"][row] = "dropped", reason
        columns["dropped_by"][row] = DROPPED_BY[reason or ""]
        if (original := int(decisions.duplicate_of[number])) >= 0:
            columns["duplicate_of"][row] = ids[original]
    return _with_columns(rows, columns)


def _without_repeated(
    rows: pa.RecordBatch, numbers: np.ndarray, decisions: Decisions, corpus: Corpus
) -> pa.RecordBatch:
    """Remove the paragraphs that too many documents hold; the edits count them."""
    repeated, limits = decisions.repeated, corpus.deduplication.paragraphs
    if not repeated or not limits:
        return rows
    losing = (repeated.left[numbers] >= 0) & (decisions.duplicate_of[numbers] < 0)
    if not losing.any():
        return rows
    indices = np.flatnonzero(_is(rows, "kept").to_numpy(zero_copy_only=False))[losing].tolist()
    names = ("text", "sha256_after", "bytes_after", "edits", "changes")
    columns = {name: rows[name].to_pylist() for name in names}
    texts = [columns["text"][index] for index in indices]
    for index, (text, gone) in zip(indices, without_repeated(texts, numbers[losing], repeated, limits), strict=True):
        data = text.encode()
        columns["text"][index], columns["bytes_after"][index] = text, len(data)
        columns["sha256_after"][index] = hashlib.sha256(data).hexdigest()
        columns["edits"][index] = sorted([*columns["edits"][index], ("repeated_paragraph", len(gone))])
        columns["changes"][index] += [
            {"kind": "repeated_paragraph", "before": paragraph, "after": ""} for paragraph in gone[:EXAMPLES]
        ]
    return _with_columns(rows, columns)


def _with_columns(rows: pa.RecordBatch, columns: dict[str, Any]) -> pa.RecordBatch:
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else rows[field.name]
        for field in rows.schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=rows.schema)


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero corpus`."""
    return stage_main("corpus", argv)


if __name__ == "__main__":
    sys.exit(main())
