"""The corpus on disk: documents by split, dropped ones by reason, and the ledger with a row for each document read.

Building takes two passes, because copies and splits are known only when all documents have been read. The first writes
all documents to a spool in the order in which they came; the second reads the spool and writes each to its file. Both
hold a few megabytes in memory, and work on batches of rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import ipc, parquet

from desdecero.pipelines.corpus.document import Quarantined

if TYPE_CHECKING:
    from desdecero.pipelines.corpus.draft import Prepared

DOCUMENTS = pa.schema(
    [(name, pa.string()) for name in ("id", "text", "source", "license", "license_evidence", "language", "meta")]
)
LEDGER = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "source", "license", "license_evidence", "language")),
        *(
            (name, pa.string())
            for name in ("sha256_before", "sha256_after", "decision", "reason", "dropped_by", "duplicate_of", "split")
        ),
        ("passes_as", pa.string()),
        ("edits", pa.map_(pa.string(), pa.int32())),
        ("bytes_before", pa.int64()),
        ("bytes_after", pa.int64()),
    ]
)
"""decision: kept, dropped or quarantined. reason: of the quality rule, the duplicate or the damage. dropped_by: the
step that dropped it. duplicate_of: for a copy, the id of the kept document; for a copy of a removed document, the
removed one's. passes_as: the form (`corpus.quality.form`) that would have kept a document dropped by quality."""
CHANGES = pa.list_(pa.struct([(name, pa.string()) for name in ("kind", "before", "after")]))
TRACE = pa.list_(pa.struct([("step", pa.string()), ("bytes", pa.int64()), ("changed", pa.bool_())]))
SPOOL = pa.unify_schemas([LEDGER, DOCUMENTS, pa.schema([("changes", CHANGES), ("trace", TRACE)])])
"""changes: examples of edits, before and after. trace: for each step that saw the document, its UTF-8 bytes after it
and whether the step changed it; see `worker`."""

DROPPED_BY = {
    "exact_duplicate": "deduplication",
    "near_duplicate": "deduplication",
    "shared_paragraphs": "paragraphs",
}
"""By the reason, the pass over all documents that drops a document which no step dropped."""

ROW_GROUP_BYTES = 4_000_000
"""Text in one row group: the memory that a reader needs at a time."""
SHARD_BYTES = 256_000_000
"""Text in one file."""


def spool_batch(items: Sequence[Prepared | Quarantined]) -> pa.RecordBatch:
    """Build the rows of a batch of documents, with the columns known before all are read."""
    rows = [_quarantined(item) if isinstance(item, Quarantined) else _row(item) for item in items]
    columns = zip(*rows, strict=True) if rows else [[]] * len(SPOOL)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SPOOL, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SPOOL)


def _row(item: Prepared) -> tuple[object, ...]:
    document = item.document
    return (
        document.id, document.source, document.license, document.license_evidence, document.language,
        item.sha256_before, item.sha256_after, "dropped" if item.reason else "kept", item.reason, item.dropped_by,
        item.copy_of, None, item.passes_as, sorted(item.edits.items()), item.bytes_before, len(item.after),
        item.after, json.dumps(document.meta, ensure_ascii=False, sort_keys=True),
        item.changes, item.trace,
    )  # fmt: skip


def _quarantined(item: Quarantined) -> tuple[object, ...]:
    """Build the row of a record that could not be read: its place stands for its id, its bytes for those before."""
    place, reason = (text.encode("utf-8", errors="backslashreplace").decode() for text in (item.place, item.reason))
    known = {"id": place, "decision": "quarantined", "reason": reason, "bytes_before": item.size}
    return tuple(known.get(name) for name in SPOOL.names)


class TableWriter:
    """Writes batches of rows to one Parquet file, a row group at a time."""

    def __init__(self, path: Path, schema: pa.Schema):
        self.schema, self.written = schema, 0
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0
        self._writer = parquet.ParquetWriter(path, schema, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows, written when a row group is full."""
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches, schema=self.schema).combine_chunks())
        self.written += self._bytes
        self._batches, self._bytes = [], 0

    def close(self) -> None:
        """Write the remaining rows and close the file."""
        self._flush()
        self._writer.close()

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ShardWriter:
    """Writes documents to `<folder>/<name>-00000.parquet`, `-00001`, …; a name is a split or a reason."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._open: dict[str, TableWriter] = {}
        self._numbers: dict[str, int] = {}

    def write(self, name: str, rows: pa.RecordBatch) -> None:
        """Append rows to the named files; a full file is followed by the next."""
        if name not in self._open:
            number = self._numbers[name] = self._numbers.get(name, -1) + 1
            self._open[name] = TableWriter(self.folder / f"{name}-{number:05d}.parquet", DOCUMENTS)
        self._open[name].write(rows.select(DOCUMENTS.names))
        if self._open[name].written >= SHARD_BYTES:
            self._open.pop(name).close()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._open.values():
            writer.close()


def read_spool(path: Path) -> Iterator[pa.RecordBatch]:
    """Stream the rows of a spool. Memory: one batch."""
    # Read, not mapped: pages of a mapped file would count as memory of this process.
    with pa.OSFile(str(path)) as file, ipc.open_stream(file) as stream:
        yield from stream
