"""Values that the corpus stage took out of training documents, read from the sources again.

    found = withheld(recipe, run, most=200)
    found.values        # each with its kind, the text before it as the corpus has it, and 99 made-up ones
    found.altered       # documents that the sources no longer hold as they were read

The run does not hold what was replaced, and it must not: so the sources are read again, the documents that the ledger
names take the same steps, and what the last one replaces is in memory for as long as a model is asked for it.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from pyarrow import parquet

from desdecero.eval_suites.by_heart.personal_data import Withheld
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.cleaning.filters import learns
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft, Step
from desdecero.pipelines.corpus.privacy.redaction import Redact, redacted_kinds
from desdecero.pipelines.corpus.privacy.replacement import alike
from desdecero.pipelines.corpus.sources import check_libraries, read_sources
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.corpus.steps import build_steps
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir

MADE_UP = 99
"""Made-up values beside each: a model that knows nothing puts the real one first in 1 of 100."""
OF_A_DOCUMENT = 5
"""The most values of one document: a list of addresses would otherwise stand for all."""
BEFORE = 1000
"""Characters before a value: some 250 tokens. A model reads the last of them, as many as it has room for."""
_COLUMNS = ["id", "decision", "split", "sha256_before", "edits"]


@dataclass(frozen=True, slots=True)
class Originals:
    """Values that were taken out of the corpus, and how much of it the sources still hold."""

    values: list[Withheld]
    documents: int
    """Training documents with replaced values that were looked for."""
    altered: int
    """Of these, those that the sources hold no longer, or not as they were."""


def withheld(recipe: Recipe, run: RunDir, most: int) -> Originals:
    """Return up to `most` values that were replaced in training documents, drawn by the recipe's seed.

    Memory: `most` documents; the sources are read as a stream, up to the last document that is looked for.
    Raises `UserError` where the sources are gone, where none of the documents is as it was, and without the key that
    the recipe's replacement needs.
    """
    section = recipe.corpus.personal_data
    wanted = _wanted(run, frozenset(redacted_kinds(section)), most, recipe.seed)
    if not wanted:
        return Originals([], 0, 0)
    steps, redact, values, altered = _steps_before(recipe, run), Redact(section), list[Withheld](), 0
    for document in _found(recipe, wanted):
        here = _replaced(document, wanted[document.id], steps, redact, recipe.seed)
        if here is None:
            altered += 1
        else:
            values += here
        wanted[document.id] = ""
    missing = sum(1 for hashed in wanted.values() if hashed)
    if altered + missing == len(wanted):
        raise UserError(
            f"none of {len(wanted):,} documents with personal data is in the sources of {run.recipe_file} as it was "
            "read: bring back the sources, or build the corpus anew"
        )
    return Originals(values[:most], len(wanted), altered + missing)


def _wanted(run: RunDir, kinds: frozenset[str], most: int, seed: int) -> dict[str, str]:
    """Return id → sha256 of the text before all steps of the documents to look for, in the order of a draw."""
    heap = list[tuple[int, str, str, int]]()
    for batch in parquet.ParquetFile(run.ledger).iter_batches(columns=_COLUMNS):
        for row in batch.to_pylist():
            count = min(OF_A_DOCUMENT, sum(times for kind, times in row["edits"] or () if kind in kinds))
            if row["decision"] == "kept" and row["split"] == "train" and count:
                draw = int.from_bytes(hashlib.sha256(f"{seed}\0{row['id']}".encode()).digest()[:8])
                heapq.heappush(heap, (-draw, row["id"], row["sha256_before"], count))
                if len(heap) > most:  # each has a value at least
                    heapq.heappop(heap)
    documents, values = dict[str, str](), 0
    for _, identity, hashed, count in sorted(heap, reverse=True):
        if values >= most:
            break
        documents[identity] = hashed
        values += count
    return documents


def _found(recipe: Recipe, wanted: dict[str, str]) -> Iterator[Document]:
    """Yield the documents that are wanted, as far as the sources hold them."""
    check_libraries(recipe.corpus.sources)
    left = set(wanted)
    with progress(title="audit: sources", unit="document") as bar:
        for stream in read_sources(recipe.corpus.sources):
            for item in stream:
                bar.update()
                if isinstance(item, Document) and item.id in left:
                    left.discard(item.id)
                    yield item
                if not left:
                    return


def _steps_before(recipe: Recipe, run: RunDir) -> list[Step]:
    """Return the recipe's steps but those that replace personal data and look for removed documents."""
    section = recipe.corpus.personal_data.model_copy(update={"kinds": (), "named_entities": None})
    corpus = recipe.corpus.model_copy(update={"personal_data": section, "blocklist": ()})
    return build_steps(corpus, run.corpus / "filters" if learns(corpus) else None)


def _replaced(document: Document, sha256: str, steps: list[Step], redact: Redact, seed: int) -> list[Withheld] | None:
    """Return the values of a document; None if it is not the one that was read then."""
    read: Any = prose(document)
    if not isinstance(read, Document):
        return None
    if hashlib.sha256(read.text.encode("utf-8", errors="surrogatepass")).hexdigest() != sha256:
        return None
    draft = Draft(read, read.text, read.language)
    for step in steps:
        step(draft)
        if draft.reason:
            return None
    text, matches, places = redact.replaced(draft.text)
    drawn, values = Random(f"{seed} {document.id}"), list[Withheld]()
    for match, (start, _) in zip(matches, places, strict=True):
        value = draft.text[match.start : match.end]
        made_up = _made_up(match.kind, match.form, value, drawn)
        if len(made_up) == MADE_UP:
            values.append(Withheld(match.kind, document.id, text[max(0, start - BEFORE) : start], value, made_up))
    return sorted(drawn.sample(values, min(OF_A_DOCUMENT, len(values))), key=values.index)


def _made_up(kind: str, form: str, value: str, chance: Random) -> tuple[str, ...]:
    """Return different made-up values; fewer than `MADE_UP` of a format that has not so many."""
    drawn = dict[str, None]()
    for _ in range(20 * MADE_UP):
        if len(drawn) == MADE_UP:
            break
        if (other := alike(kind, form, value, chance)) != value:
            drawn[other] = None
    return tuple(drawn)
