"""Files that hold a split's tokens, and the index rows that locate each document in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from desdecero.pipelines.run.layout import Split
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.best_fit import WINDOW_TOKENS, lay_out

SHARD_TOKENS = 100_000_000  # 200 MB as uint16: small enough to copy and hash, large enough to be few
INDEX_SCHEMA = pa.schema(
    [("id", pa.string()), ("split", pa.string()), ("shard", pa.string()), ("start", pa.int64()), ("tokens", pa.int64())]
)

EncodedDocument = tuple[str, np.ndarray]
"""A document's id, and its token ids with the closing one."""


class Shards:
    """The `.bin` files of one split. An array that is written at once lies in one file."""

    def __init__(self, out: RunDir, split: Split, dtype: np.dtype[Any]):
        self.folder, self.split, self.dtype = out.tokens, split, dtype
        self.count, self.length = 0, 0
        self.file: BinaryIO | None = None

    def write(self, ids: np.ndarray) -> tuple[str, int]:
        """Append one document or block; return (file name, position of its first token)."""
        if self.file is None or (self.length and self.length + len(ids) > SHARD_TOKENS):
            self._next()
        assert self.file is not None
        start, self.length = self.length, self.length + len(ids)
        self.file.write(ids.tobytes())
        return f"{self.split}-{self.count - 1:05d}.bin", start

    def rows(self, ids: Sequence[str], places: Sequence[tuple[str, int]], tokens: Sequence[int]) -> pa.Table:
        """Return index rows of documents, or of pieces of them, with the places where they were written.

        ids, places, tokens: id, (file name, first token) and number of tokens of each
        """
        shards, starts = zip(*places, strict=True) if places else ((), ())
        columns = [ids, [self.split] * len(ids), shards, starts, tokens]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, INDEX_SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=INDEX_SCHEMA)

    def _next(self) -> None:
        if self.file:
            self.file.close()
        self.file = (self.folder / f"{self.split}-{self.count:05d}.bin").open("wb")
        self.count, self.length = self.count + 1, 0

    def __enter__(self) -> Shards:
        return self

    def __exit__(self, *error: object) -> None:
        if self.file:
            self.file.close()


class Concatenated:
    """Documents written one after another. Like `BestFit`, returns the index rows of what it has written."""

    def __init__(self, shards: Shards):
        self.shards = shards

    def add(self, documents: Sequence[EncodedDocument]) -> pa.Table:
        """Write documents; return their index rows."""
        places = [self.shards.write(tokens) for _, tokens in documents]
        ids, lengths = [identity for identity, _ in documents], [len(tokens) for _, tokens in documents]
        return self.shards.rows(ids, places, lengths)

    def finish(self) -> pa.Table:
        """Return an empty table: everything has been written."""
        return self.add([])


class BestFit:
    """Documents packed into blocks: see `best_fit.py`. A window of documents is in memory twice while it is packed."""

    def __init__(self, shards: Shards, block_length: int, end: int, padding: int):
        """Create a packer. end: opens a block that begins with a document; padding: fills free places."""
        self.shards, self.block_length, self.end, self.padding = shards, block_length, end, padding
        self.window: list[EncodedDocument] = []
        self.waiting = 0
        self.blocks, self.padded = 0, 0
        """Number of blocks written, and of padding tokens in them."""

    def add(self, documents: Sequence[EncodedDocument]) -> pa.Table:
        """Collect documents; once a window is full, pack and write it and return its index rows."""
        self.window += documents
        self.waiting += sum(len(tokens) for _, tokens in documents)
        return self.finish() if self.waiting >= WINDOW_TOKENS else self.shards.rows([], [], [])

    def finish(self) -> pa.Table:
        """Pack and write the documents collected so far; return their index rows."""
        layout = lay_out(np.array([len(tokens) for _, tokens in self.window], np.int64), self.block_length)
        blocks = np.full((len(layout.opens), self.block_length), self.padding, self.shards.dtype)
        blocks[layout.opens, 0] = self.end
        pieces = list(zip(*(part.tolist() for part in layout.pieces), strict=True))
        for document, start, length, block, place in pieces:
            blocks[block, place : place + length] = self.window[document][1][start : start + length]
        written = [self.shards.write(block) for block in blocks]
        names = [self.window[document][0] for document, *_ in pieces]
        places = [(written[block][0], written[block][1] + place) for *_, block, place in pieces]
        self.blocks += len(blocks)
        self.padded += layout.padding(self.block_length)
        self.window, self.waiting = [], 0
        return self.shards.rows(names, places, [length for _, _, length, *_ in pieces])

    def report(self) -> dict[str, Any]:
        """Return the number of blocks and the share of padding in them."""
        size = self.blocks * self.block_length
        return {"block_length": self.block_length, "blocks": self.blocks, "padding_share": self.padded / size}
