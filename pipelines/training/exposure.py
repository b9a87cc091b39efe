"""What the weights read of each training document: the tokens of the steps that they were made by.

    steps = steps_of_weights(step, roll_backs, refused)
    write_exposure(out.exposure, run, task, steps)             the table, and the section of `pretrain/report.json`

A step takes its sequences from an order that depends on the seed and the step alone (`batches.py`), so what was read
follows from the numbers of the steps, without the model and for any number of processes. A token is read where it is an
input or a target; one that two neighbouring sequences share, as the last target of one and the first input of the next,
counts as often as the one that was read more. The last tokens of a sequence that span corruption has no room for, and
targets that a goldfish loss leaves out, count as read: what is called never read never was.

Memory: 4 bytes for each sequence of the training tokens, 24 for each in one shard, 8 for each step, and half a kilobyte
for each document (of a million, with ids of 30 characters; they and their billion tokens took two seconds).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.run.reports.pretrain import Exposure
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.data.batches import Batches, Collator
from desdecero.pipelines.training.exposure_summary import summary, training_rows
from desdecero.pipelines.training.task import Pretraining

if TYPE_CHECKING:
    import pyarrow as pa

Integers = NDArray[np.int64]

PLACES_AT_ONCE = 1 << 20
"""Places of the order that are computed together: some 50 MB while they are."""


def steps_of_weights(step: int, roll_backs: Sequence[Mapping[str, Any]], refused: Iterable[int] = ()) -> Integers:
    """Return the steps, counted from 0, whose updates are in the weights after `step` steps.

    roll_backs: `step` and `to` of each, in order; it takes out all steps since the checkpoint that it returns to.
    refused: steps that changed no weights.
    """
    spans = list[Integers]()
    while last := next((back for back in reversed(roll_backs) if back["step"] <= step), None):
        spans.append(np.arange(last["step"], step))
        step = last["to"]
    return np.setdiff1d(np.concatenate([np.arange(step), *spans]), np.fromiter(refused, np.int64))


def write_exposure(path: Path, run: RunDir, task: Pretraining, steps: Integers) -> Exposure:
    """Write the table of documents for weights that were made by these steps; return what the report says of it."""
    import pyarrow.parquet as pq

    assert isinstance(task.train_data, Batches)
    block_length, end = task.recipe.tokens.block_length, task.tokenizer.eos_token_id
    table = exposure(run, task.train_data, steps, block_length, end)
    pq.write_table(table, path)
    return summary(table, run)


def exposure(run: RunDir, data: Batches, steps: Integers, block_length: int | None, end: int) -> pa.Table:
    """Return (id, tokens, times) of each training document and canary, in the order of the ledger of the tokens.

    tokens: read, repetitions included. times: those, over the tokens of the document, closing one included.
    block_length: of best-fit packing, None for documents one after another. end: the end-of-text token.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts = sequence_counts(data, steps)
    shards = {file.name: number for number, file in enumerate(run.token_files("train"))}

    @lru_cache(maxsize=2)  # the rows of the index come shard by shard, but for a window of best-fit packing
    def reads(shard: str) -> ShardReads:
        first, beyond = np.append(0, data.blocks.ends)[shards[shard] :][:2]
        return ShardReads(counts[first:beyond], data.collator)

    parts = []
    for batch in pq.ParquetFile(run.token_index).iter_batches():
        rows = pa.table(batch).filter(pc.field("split") == "train")
        start, length = rows["start"].to_numpy(), rows["tokens"].to_numpy()
        read, begins = np.zeros(len(rows), np.int64), np.ones(len(rows), np.bool_)
        for shard in rows["shard"].unique().to_pylist():
            here = np.flatnonzero(pc.equal(rows["shard"], shard).to_numpy())
            read[here] = reads(shard).between(start[here], start[here] + length[here])
            if block_length:
                begins[here] = _begins(data.blocks.shards[shards[shard]], start[here], block_length, end)
        columns = {"id": rows["id"], "read": read, "tokens": length, "copies": begins.astype(np.int64)}
        parts.append(pa.table(columns))
    sums = [(name, "sum") for name in ("read", "tokens", "copies")]
    found = pa.concat_tables(parts).group_by("id", use_threads=False).aggregate(sums)
    ledger = training_rows(run, ["id"])["id"]
    place = pc.index_in(ledger, value_set=found["id"])
    read, tokens, copies = (
        pc.fill_null(found[f"{name}_sum"].take(place.combine_chunks()), 0).to_numpy() for name, _ in sums
    )
    times = np.divide(read * copies, tokens, out=np.zeros(len(read)), where=tokens > 0)
    return pa.table({"id": ledger, "tokens": read, "times": times})


def sequence_counts(data: Batches, steps: Integers) -> NDArray[np.int32]:
    """Count how often these steps took each sequence: (sequences,)."""
    counts = np.zeros(len(data.blocks), np.int32)
    at_once = max(1, PLACES_AT_ONCE // data.size)
    for first in range(0, len(steps), at_once):
        places = (steps[first : first + at_once, None] * data.size + np.arange(data.size)).ravel()
        np.add.at(counts, data.order(places), 1)
    return counts


class ShardReads:
    """How often the tokens of a shard were read, given how often each of its sequences was."""

    def __init__(self, counts: NDArray[np.int32], collator: Collator):
        self.first, self.stride = collator.earlier, collator.stride
        self.shared = collator.span - collator.earlier > collator.stride
        """Whether the last token of a sequence is the first of the next."""
        self.counts = np.append(counts, 0).astype(np.int64)
        self.before = self.stride * (self.counts.cumsum() - self.counts)
        """Reads of the tokens before each sequence, if none were shared."""
        more = np.maximum(-np.diff(self.counts, prepend=0), 0) if self.shared else np.zeros_like(self.counts)
        self.more_before = np.append(0, more.cumsum())
        """Further reads of the first tokens of all earlier sequences, as the last ones of those before."""

    def between(self, start: Integers, stop: Integers) -> Integers:
        """Return the reads of the tokens from `start` to `stop`, positions in the shard; for arrays of them."""
        return self._until(stop) - self._until(start)

    def _until(self, place: Integers) -> Integers:
        inside = np.clip(place - self.first, 0, (len(self.counts) - 1) * self.stride + self.shared)
        sequence, rest = np.divmod(inside, self.stride)
        more = self.more_before[-(-inside // self.stride)]
        reads: Integers = self.before[sequence] + self.counts[sequence] * rest + more
        return reads


def _begins(shard: NDArray[Any], start: Integers, block_length: int, end: int) -> NDArray[np.bool_]:
    """Return which pieces begin a document, by the token before them (`tokens/best_fit.py`)."""
    begins = start % block_length > 0
    begins[begins] = shard[start[begins] - 1] == end
    return begins
