"""Reading a corpus' documents, for the later stages."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.layout import Split
from desdecero.pipelines.run.run_dir import RunDir


def read_documents(run: RunDir, split: Split, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Stream the documents of a split as dictionaries, in order. Memory: one row group.

    columns: any of id, text, source, license, license_evidence, language and meta (a JSON string); all by default.
    Raises `UserError` if the corpus has no such split.
    """
    from datasets import load_dataset

    paths = [str(path) for path in run.document_files(split)]
    if not paths:
        raise UserError(
            f"{run}: the corpus has no {split} documents; make them with `desdecero corpus {run.recipe_file}`"
        )
    wanted = list(columns) if columns else None
    yield from load_dataset("parquet", data_files=paths, split="train", streaming=True, columns=wanted)


def held_out(recipe: Recipe, run: RunDir, split: Split, max_bytes: int) -> list[Mapping[str, Any]]:
    """Return documents of a held-out split, each with `id` and `text`."""
    documents = draw_documents(read_documents(run, split, ["id", "text"]), max_bytes, recipe.seed)
    if not documents:
        raise UserError(
            f"the corpus has no {split} documents, so nothing can be measured on them: "
            "bring more documents, or raise the share in corpus.validation or corpus.domain.validation"
        )
    return documents


def draw_documents(documents: Iterable[Mapping[str, Any]], max_bytes: int, seed: int) -> list[Mapping[str, Any]]:
    """Take whole documents with `id` and `text`, in an order drawn by the seed, as long as they fit `max_bytes`.

    The order depends on seed and ids alone. The first two are taken whatever their size: an interval needs two.
    Memory: the documents taken and one more, however many there are.
    """
    heap: list[tuple[int, str, int, Mapping[str, Any]]] = []  # the latest in the order on top
    total, limit = 0, math.inf  # limit: documents later in the order do not fit
    for document in documents:
        place = int.from_bytes(hashlib.sha256(f"{seed}:{document['id']}".encode()).digest()[:16])
        if place >= limit:
            continue
        size = len(document["text"].encode())
        heapq.heappush(heap, (-place, document["id"], size, document))
        total += size
        while len(heap) > 2 and total > max_bytes:
            last, _, size, _ = heapq.heappop(heap)
            total, limit = total - size, -last
    return [document for *_, document in sorted(heap, key=lambda entry: -entry[0])]
