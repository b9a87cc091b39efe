"""The texts in the corpora of a folder of runs, and the copies of removed ones among them. Read as streams."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.parquet as pq

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.removed_texts import Copy, Marks, RemovedTexts, marks_of
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import reading


def runs_beside(run: RunDir) -> Iterator[tuple[RunDir, Recipe]]:
    """Yield the readable runs with a corpus in this run's folder, itself included."""
    for path in sorted(path.parent for path in run.path.parent.glob("*/recipe.yaml")):
        with contextlib.suppress(UserError):
            other = RunDir(path)
            recipe = other.recipe()
            if other.ledger.is_file():
                yield other, recipe


def texts_of(run: RunDir, columns: Sequence[str] = ()) -> Iterator[list[dict[str, Any]]]:
    """Yield the documents of a run, kept or dropped, in batches: id, text and these columns.

    Raises `UserError` for an unreadable file.
    """
    for path in sorted((*run.documents.glob("*.parquet"), *run.dropped.glob("*.parquet"))):
        with reading(path):
            for batch in pq.ParquetFile(path).iter_batches(batch_size=256, columns=["id", "text", *columns]):
                yield batch.to_pylist()


def marks_in(run: RunDir, ids: set[str]) -> dict[str, Marks]:
    """Compute the marks of these documents' cleaned texts."""
    found: dict[str, Marks] = {}
    for rows in texts_of(run) if ids else ():
        rows = [row for row in rows if row["id"] in ids]
        marks = marks_of([row["text"] or "" for row in rows])
        found |= {row["id"]: mark for row, mark in zip(rows, marks, strict=True) if mark}
    return found


def copies_in(run: RunDir, removed: RemovedTexts) -> dict[str, tuple[Copy, Marks]]:
    """Find the documents of a run that are copies of removed ones, by id."""
    found: dict[str, tuple[Copy, Marks]] = {}
    for rows in texts_of(run) if removed else ():
        texts = [row["text"] or "" for row in rows]
        hits = [(row, copy) for row, copy in zip(rows, removed.find(texts), strict=True) if copy and copy.dropped]
        marks = marks_of([row["text"] for row, _ in hits])
        found |= {row["id"]: (copy, mark) for (row, copy), mark in zip(hits, marks, strict=True) if mark}
    return found
