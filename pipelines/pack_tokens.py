"""Turn documents into token shards that training maps into memory, and remember where each document went.

    desdecero tokens quickstart
    python pipelines/pack_tokens.py quickstart

Writes

    tokens/<split>-00000.bin    token ids one after another, each document closed by the end-of-text token;
                                little-endian uint16 (uint32 where the vocabulary is larger than 65,536)
    tokens/index.parquet        document id → split, shard, first token, number of tokens (with the closing one);
                                a row for each time that the recipe's mixture repeats a document
    tokens/report.json          tokens by split, and sources and licences by training tokens

A document is encoded whole, exactly as `AutoTokenizer` encodes it at inference; special tokens that a person
wrote in a text stay text. Memory is bounded by one batch of documents, and thirty bytes for each one to be mixed.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from transformers import PreTrainedTokenizerFast

from pipelines.chain import stage_main
from pipelines.corpus.balance.reweighting import reweight
from pipelines.corpus.documents import read_documents
from pipelines.corpus.mixture import copies, lot, wanted_tokens
from pipelines.progress import progress
from pipelines.recipe import Recipe
from pipelines.run_dir import SPLITS, RunDir, Split
from pipelines.vocabulary.encoding import Encoder

SHARD_TOKENS = 100_000_000  # 200 MB as uint16: small enough to copy and hash, large enough to be few
BATCH_DOCUMENTS = 512
INDEX_SCHEMA = pa.schema(
    [("id", pa.string()), ("split", pa.string()), ("shard", pa.string()), ("start", pa.int64()), ("tokens", pa.int64())]
)
FACTS = ["id", "source", "license", "language", "meta"]  # of a document, besides its text

Encoded = tuple[dict[str, Any], np.ndarray]
"""A document's facts (and its `bytes`), and its token ids."""


def pack_tokens(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
    dtype = np.dtype("<u2") if len(tokenizer) <= 1 << 16 else np.dtype("<u4")
    splits: dict[Split, dict[str, int]] = {}
    licenses, sources, groups = Counter[str](), Counter[str](), Counter[str]()
    available: dict[str, int] = {}
    """Tokens by group, where the recipe mixes groups."""
    with pq.ParquetWriter(out.token_index, INDEX_SCHEMA) as index:
        for split in (split for split in SPLITS if run.document_files(split)):
            documents = _encoded(run, split, tokenizer, dtype)
            if split == "train" and (recipe.tokens.mixture or recipe.tokens.reweight):
                documents = _mixed(documents, recipe, run, out, dtype, available)
            size = {"documents": 0, "tokens": 0, "bytes": 0}
            with Shards(out, split, dtype) as shards:
                while batch := list(islice(documents, BATCH_DOCUMENTS)):
                    rows = [
                        {"id": facts["id"], "split": split, "shard": shard, "start": start, "tokens": len(ids)}
                        for facts, ids in batch
                        for shard, start in [shards.write(ids)]
                    ]
                    index.write_table(pa.Table.from_pylist(rows, schema=INDEX_SCHEMA))
                    size["documents"] += len(batch)
                    size["tokens"] += sum(row["tokens"] for row in rows)
                    size["bytes"] += sum(facts["bytes"] for facts, _ in batch)
                    if split == "train":
                        for facts, ids in batch:
                            licenses[facts["license"]] += len(ids)
                            sources[facts["source"]] += len(ids)
                            groups[facts.get("group", "")] += len(ids)
            splits[split] = {**size, "shards": shards.count}
    mixture = [{**row, "epochs": row["tokens"] / available.get(row["group"], 1)} for row in _shares(groups, "group")]
    report = {
        "dtype": dtype.str, "splits": splits,
        "sources": _shares(sources, "source"),
        "mixture": mixture if available else None,
        "licenses": _shares(licenses, "license"),
    }  # fmt: skip
    out.write_report("tokens", recipe, report)
    train, validation = splits["train"], splits["validation"]
    return f"{train['tokens']:,} training tokens, {validation['tokens']:,} for validation, as {dtype.name}"


class Shards:
    """The `.bin` files of one split. A document never crosses from one file to the next."""

    def __init__(self, out: RunDir, split: Split, dtype: np.dtype[Any]):
        self.folder, self.split, self.dtype = out.tokens, split, dtype
        self.count, self.length = 0, 0
        self.file: BinaryIO | None = None

    def write(self, ids: np.ndarray) -> tuple[str, int]:
        """Append one document; return (file name, position of its first token)."""
        if self.file is None or (self.length and self.length + len(ids) > SHARD_TOKENS):
            self._next()
        assert self.file is not None
        start, self.length = self.length, self.length + len(ids)
        self.file.write(ids.tobytes())
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


def _encoded(run: RunDir, split: Split, tokenizer: PreTrainedTokenizerFast, dtype: np.dtype[Any]) -> Iterator[Encoded]:
    """The documents of a split, each closed by the end-of-text token."""
    encode = Encoder(tokenizer)
    documents = iter(read_documents(run, split, [*FACTS, "text"]))
    bar = progress(title=f"tokens: {split}", unit="B")
    while batch := list(islice(documents, BATCH_DOCUMENTS)):
        texts = [document.pop("text") for document in batch]
        for document, text, ids in zip(batch, texts, encode(texts), strict=True):
            yield {**document, "bytes": len(text.encode())}, np.append(ids, tokenizer.eos_token_id).astype(dtype)
        bar.update(sum(map(len, texts)))
    bar.close()


def _mixed(
    documents: Iterable[Encoded], recipe: Recipe, run: RunDir, out: RunDir, dtype: np.dtype[Any],
    available: dict[str, int],
) -> Iterator[Encoded]:  # fmt: skip
    """The documents as often as the recipe asks: all first copies, then all second ones, and so on.

    Each has its `group` among its facts. `available` is filled with the tokens that each group has. The ids lie in a
    file meanwhile; memory holds some thirty bytes for each document.
    """
    by = recipe.tokens.reweight.by if recipe.tokens.reweight else "source"
    spool = out.tokens / "unmixed.bin"
    numbers: dict[str, int] = {}
    members, lots, lengths, sizes = array("L"), array("Q"), array("q"), array("q")
    with spool.open("wb") as file:
        for facts, ids in documents:
            members.append(numbers.setdefault(_group(facts, by), len(numbers)))
            lots.append(lot(recipe.seed, facts["id"]))
            lengths.append(len(ids))
            sizes.append(facts["bytes"])
            file.write(ids.tobytes())
    member, length = np.asarray(members), np.asarray(lengths)
    tokens = np.bincount(member, length, len(numbers)).astype(np.int64).tolist()
    available.update(zip(numbers, tokens, strict=True))
    if recipe.tokens.reweight:
        epochs = reweight(available, recipe.tokens.reweight.target, recipe.tokens.reweight.max_epochs)
        wanted = {name: int(available[name] * times) for name, times in epochs.items()}
    else:
        wanted = wanted_tokens(available, recipe.tokens.mixture)
    times = copies(np.asarray(lots), member, length, [wanted[name] for name in numbers])
    names, stream, starts = list(numbers), np.memmap(spool, dtype, "r"), np.cumsum(length) - length
    for turn in range(int(times.max())):
        for place, facts in enumerate(read_documents(run, "train", FACTS)):
            if times[place] > turn:
                added = {"bytes": sizes[place], "group": names[member[place]]}
                yield facts | added, stream[starts[place] : starts[place] + length[place]]
    spool.unlink()


def _group(facts: Mapping[str, Any], by: str) -> str:
    """Of a document: its source, language, licence, or what its metadata say under a key."""
    value = facts[by] if by in ("source", "language", "license") else json.loads(facts["meta"]).get(by)
    return "" if value is None else str(value)


def _shares(tokens: Counter[str], name: str) -> list[dict[str, Any]]:
    """Largest first, with the share of all training tokens."""
    total = tokens.total()
    ordered = sorted(tokens.items(), key=lambda item: (-item[1], item[0]))
    return [{name: key, "tokens": count, "share_tokens": count / total} for key, count in ordered]


def main(argv: list[str] | None = None) -> int:
    return stage_main("tokens", argv)


if __name__ == "__main__":
    sys.exit(main())
