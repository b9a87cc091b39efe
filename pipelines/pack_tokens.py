"""Turn documents into token shards that training maps into memory, and remember where each document went.

    desdecero tokens quickstart
    python pipelines/pack_tokens.py quickstart

Writes

    tokens/<split>-00000.bin    token ids one after another, each document closed by the end-of-text token;
                                little-endian uint16 (uint32 where the vocabulary is larger than 65,536)
    tokens/index.parquet        document id → split, shard, first token, number of tokens (with the closing one)
    tokens/report.json          tokens by split, and licences by training tokens

A document is encoded whole, exactly as `AutoTokenizer` encodes it at inference; special tokens that a person
wrote in a text stay text. Memory is bounded by one batch of documents.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from transformers import PreTrainedTokenizerFast

from pipelines.chain import stage_main
from pipelines.corpus.documents import read_documents
from pipelines.progress import progress
from pipelines.recipe import Recipe
from pipelines.run_dir import SPLITS, RunDir, Split

SHARD_TOKENS = 100_000_000  # 200 MB as uint16: small enough to copy and hash, large enough to be few
BATCH_DOCUMENTS = 512
INDEX_SCHEMA = pa.schema(
    [("id", pa.string()), ("split", pa.string()), ("shard", pa.string()), ("start", pa.int64()), ("tokens", pa.int64())]
)


def pack_tokens(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
    dtype = np.dtype("<u2") if len(tokenizer) <= 1 << 16 else np.dtype("<u4")
    splits: dict[Split, dict[str, int]] = {}
    licenses: Counter[str] = Counter()
    with pq.ParquetWriter(out.token_index, INDEX_SCHEMA) as index:
        for split in (split for split in SPLITS if run.document_files(split)):
            size = {"documents": 0, "tokens": 0, "bytes": 0}
            with Shards(out, split, dtype) as shards:
                for documents, encoded in _encoded(run, split, tokenizer):
                    places = [shards.write(ids) for ids in encoded]
                    index.write_table(_index_table(split, documents, places, encoded))
                    size["documents"] += len(documents)
                    size["tokens"] += sum(map(len, encoded))
                    size["bytes"] += sum(len(document["text"].encode()) for document in documents)
                    if split == "train":
                        for document, ids in zip(documents, encoded, strict=True):
                            licenses[document["license"]] += len(ids)
            splits[split] = {**size, "shards": shards.count}
    report = {"dtype": dtype.str, "splits": splits, "licenses": _shares(licenses)}
    out.write_report("tokens", recipe, report)
    train, validation = splits["train"], splits["validation"]
    return f"{train['tokens']:,} training tokens, {validation['tokens']:,} for validation, as {dtype.name}"


class Shards:
    """The `.bin` files of one split. A document never crosses from one file to the next."""

    def __init__(self, out: RunDir, split: Split, dtype: np.dtype[Any]):
        self.folder, self.split, self.dtype = out.tokens, split, dtype
        self.count, self.length = 0, 0
        self.file: BinaryIO | None = None

    def write(self, ids: list[int]) -> tuple[str, int]:
        """Append one document; return (file name, position of its first token)."""
        if self.file is None or (self.length and self.length + len(ids) > SHARD_TOKENS):
            self._next()
        assert self.file is not None
        start, self.length = self.length, self.length + len(ids)
        self.file.write(np.asarray(ids, self.dtype).tobytes())
        return f"{self.split}-{self.count - 1:05d}.bin", start

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


def _encoded(
    run: RunDir, split: Split, tokenizer: PreTrainedTokenizerFast
) -> Iterator[tuple[list[dict[str, Any]], list[list[int]]]]:
    """Batches of documents with their ids, each closed by the end-of-text token."""
    encoder = tokenizer.backend_tokenizer
    encoder.encode_special_tokens = True
    documents = iter(read_documents(run, split, ["id", "text", "license"]))
    bar = progress(title=f"tokens: {split}", unit="B")
    while batch := list(islice(documents, BATCH_DOCUMENTS)):
        texts = [document["text"] for document in batch]
        encodings = encoder.encode_batch_fast(texts, add_special_tokens=False)
        yield batch, [[*encoding.ids, tokenizer.eos_token_id] for encoding in encodings]
        bar.update(sum(map(len, texts)))
    bar.close()


def _index_table(
    split: Split, documents: list[dict[str, Any]], places: list[tuple[str, int]], encoded: list[list[int]]
) -> pa.Table:
    return pa.table(
        {
            "id": [document["id"] for document in documents],
            "split": [split] * len(documents),
            "shard": [shard for shard, _ in places],
            "start": [start for _, start in places],
            "tokens": [len(ids) for ids in encoded],
        },
        schema=INDEX_SCHEMA,
    )


def _shares(licenses: Counter[str]) -> list[dict[str, Any]]:
    """Licences by training tokens, largest first."""
    total = sum(licenses.values())
    ordered = sorted(licenses.items(), key=lambda item: (-item[1], item[0]))
    return [{"license": name, "tokens": tokens, "share_tokens": tokens / total} for name, tokens in ordered]


def main(argv: list[str] | None = None) -> int:
    return stage_main("tokens", argv)


if __name__ == "__main__":
    sys.exit(main())
