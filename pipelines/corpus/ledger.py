"""The corpus on disk: documents by split, dropped ones by reason, and the ledger with a row for each that entered.

Building takes two passes, because a split is a matter of groups and those are known at the end. The first one
writes all documents, with what was decided, to a spool in the order in which they came; the second one reads the
spool and puts each where it belongs. Both hold no more than a few megabytes in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from pipelines.corpus.document import Quarantined
from pipelines.corpus.preparation import Prepared

DOCUMENTS = pa.schema(
    [(name, pa.string()) for name in ("id", "text", "source", "license", "license_evidence", "language", "meta")]
)
LEDGER = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "source", "license", "license_evidence", "language")),
        *(
            (name, pa.string())
            for name in ("sha256_before", "sha256_after", "decision", "reason", "duplicate_of", "split")
        ),
        ("edits", pa.map_(pa.string(), pa.int32())),
        ("bytes_before", pa.int64()),
        ("bytes_after", pa.int64()),
    ]
)
"""decision: kept, dropped or quarantined. reason: of the quality rule, the duplicate or the damage."""
SPOOL = pa.unify_schemas([LEDGER, DOCUMENTS])

ROW_GROUP_BYTES = 4_000_000
"""Text in one row group: what a reader holds at a time."""
SHARD_BYTES = 256_000_000
"""Text in one file."""


def ledger_row(prepared: Prepared, reason: str | None, duplicate_of: str | None) -> dict[str, Any]:
    """The row of a document; its split is filled in later. It carries the text, for the spool."""
    document = prepared.document
    return {
        "id": document.id, "source": document.source, "license": document.license,
        "license_evidence": document.license_evidence, "language": document.language,
        "sha256_before": prepared.sha256_before, "sha256_after": prepared.sha256_after,
        "decision": "dropped" if reason else "kept", "reason": reason, "duplicate_of": duplicate_of, "split": None,
        "edits": sorted(prepared.edits.items()),
        "bytes_before": prepared.bytes_before, "bytes_after": prepared.bytes_after,
        "text": document.text, "meta": json.dumps(document.meta, ensure_ascii=False, sort_keys=True),
    }  # fmt: skip


def quarantine_row(item: Quarantined) -> dict[str, Any]:
    """The row of a record that could not be read: its place stands for its id."""
    return {"id": item.place, "decision": "quarantined", "reason": item.reason}


class TableWriter:
    """Writes rows to one Parquet file, or to an Arrow stream, a row group at a time."""

    def __init__(self, path: Path, schema: pa.Schema, stream: bool = False):
        self.schema, self.written = schema, 0
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._writer = (
            ipc.new_stream(str(path), schema) if stream else parquet.ParquetWriter(path, schema, compression="zstd")
        )

    def write(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._bytes += 500 + len(row.get("text") or "")  # 500: about what the other columns take
        if self._bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write(pa.RecordBatch.from_pylist(self._rows, schema=self.schema))
        self.written += self._bytes
        self._rows, self._bytes = [], 0

    def close(self) -> None:
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

    def write(self, name: str, row: dict[str, Any]) -> None:
        if name not in self._open:
            number = self._numbers[name] = self._numbers.get(name, -1) + 1
            self._open[name] = TableWriter(self.folder / f"{name}-{number:05d}.parquet", DOCUMENTS)
        self._open[name].write({key: row[key] for key in DOCUMENTS.names})
        if self._open[name].written >= SHARD_BYTES:
            self._open.pop(name).close()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._open.values():
            writer.close()


def read_spool(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a spool, one batch in memory at a time."""
    with ipc.open_stream(str(path)) as stream:
        for batch in stream:
            yield from batch.to_pylist()
