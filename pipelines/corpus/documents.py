"""Reading the documents of a corpus, for the stages that come after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.layout import Split
from desdecero.pipelines.run.run_dir import RunDir


def read_documents(run: RunDir, split: Split, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The documents of a split as dictionaries, in order, streamed: memory holds one row group at a time.

    columns: those wanted, of id, text, source, license, license_evidence, language and meta (a JSON string).
    Raises `UserError` where the corpus has no such split.
    """
    from datasets import load_dataset

    paths = [str(path) for path in run.document_files(split)]
    if not paths:
        raise UserError(
            f"{run}: the corpus has no {split} documents; make them with `desdecero corpus {run.recipe_file}`"
        )
    wanted = list(columns) if columns else None
    yield from load_dataset("parquet", data_files=paths, split="train", streaming=True, columns=wanted)
