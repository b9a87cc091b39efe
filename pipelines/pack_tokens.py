"""Encode documents into token shards that training memory-maps, and record where each document is.

    desdecero tokens quickstart
    python pipelines/pack_tokens.py quickstart

Writes

    tokens/<split>-00000.bin    token ids one after another, each document closed by the end-of-text token;
                                little-endian uint16 (uint32 where the vocabulary is larger than 65,536).
                                Best-fit packed training tokens lie in blocks of one length: see `tokens/best_fit.py`
    tokens/index.parquet        document id → split, shard, first token, number of tokens (with the closing one);
                                a row for each piece of a document that was cut to fit, in their order, and for each
                                time that the recipe's mixture repeats a document
    tokens/ledger.parquet       the corpus' ledger, with the `tokens` of each document in these files: those of all its
                                pieces and repetitions, and 0 for a document that is in none; after it, a row for each
                                canary, of the source `canary`
    tokens/report.json          tokens by split, sources and licences by training tokens, and padding and cuts of
                                best-fit packing and of concatenation

A document is encoded whole, exactly as `AutoTokenizer` encodes it at inference; special tokens that occur in a text
stay text. Canaries (`tokens.canaries`) are documents of their own, at random places between those of the training
split; no other split has them, and the corpus does not know of them. Memory is bounded by one batch of documents, or
one window of those that are packed, with 8 bytes for each document, and 30 for each one to be mixed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.corpus.ledger import LEDGER, TableWriter
from desdecero.pipelines.corpus.privacy.canaries import LICENSE, canaries
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.tokens import CANARY
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.layout import SPLITS, Split
from desdecero.pipelines.run.reports.tokens import (
    CanaryTokens,
    GroupTokens,
    LicenseTokens,
    Packing,
    SourceTokens,
    SplitTokens,
    TokensReport,
)
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokenizer.encoding import Encoder
from desdecero.pipelines.tokens.best_fit import Comparison
from desdecero.pipelines.tokens.mixture import copies, draw, target_tokens
from desdecero.pipelines.tokens.reweighting import reweight
from desdecero.pipelines.tokens.shards import INDEX_SCHEMA, BestFit, Concatenated, Shards

BATCH_DOCUMENTS = 512
FACTS = ["id", "source", "license", "language", "meta"]
"""Columns that are read of a document, in addition to its text."""

Encoded = tuple[dict[str, Any], np.ndarray]
"""A document's facts (with its `bytes`), and its token ids."""


def pack_tokens(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    """Write the token shards, their index, the ledger and the report; return the tokens by split in a sentence."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
    dtype = np.dtype("<u2") if len(tokenizer) <= 1 << 16 else np.dtype("<u4")
    splits: dict[str, SplitTokens] = {}
    licenses, sources, groups = Counter[str](), Counter[str](), Counter[str]()
    available: dict[str, int] = {}
    """Tokens by group, where the recipe mixes groups."""
    encode, end, comparison = Encoder(tokenizer), tokenizer.eos_token_id, Comparison()
    blocks: dict[str, Any] = {}
    placed = {split: array("q") for split in SPLITS}
    """Tokens in the files of each document, in the corpus' order, by split."""
    planted = _planted(recipe, encode, end, dtype)
    with pq.ParquetWriter(out.token_index, INDEX_SCHEMA) as index:

        def write_rows(rows: pa.Table) -> None:
            if len(rows):  # empty row groups, one for each batch, would be most of the file
                index.write_table(rows)

        for split in (split for split in SPLITS if run.document_files(split)):
            documents = _encoded(run, split, encode, end, dtype, placed[split])
            if split == "train" and (recipe.tokens.mixture or recipe.tokens.reweight):
                documents = _mixed(documents, recipe, run, out, dtype, available, placed[split])
            if split == "train" and planted:
                documents = _scattered(documents, planted, _size(run, split), recipe.seed)
            size = {"documents": 0, "tokens": 0, "bytes": 0}
            with Shards(out, split, dtype) as shards:
                packing: Concatenated | BestFit = Concatenated(shards)
                if split == "train" and recipe.tokens.block_length:  # validation text stays comparable
                    packing = BestFit(shards, recipe.tokens.block_length, end, tokenizer.pad_token_id)
                while batch := list(islice(documents, BATCH_DOCUMENTS)):
                    write_rows(packing.add([(facts["id"], ids) for facts, ids in batch]))
                    size["documents"] += len(batch)
                    size["tokens"] += sum(len(ids) for _, ids in batch)
                    size["bytes"] += sum(facts["bytes"] for facts, _ in batch)
                    if split == "train":
                        comparison.add(len(ids) for _, ids in batch)
                        for facts, ids in batch:
                            licenses[facts["license"]] += len(ids)
                            sources[facts["source"]] += len(ids)
                            if "group" in facts:
                                groups[facts["group"]] += len(ids)
                write_rows(packing.finish())
            if isinstance(packing, BestFit):
                blocks = packing.report()
            splits[split] = SplitTokens(**size, shards=shards.count)
    _write_ledger(run, out, {split: np.asarray(tokens) for split, tokens in placed.items()}, planted)
    mixed = [
        GroupTokens(**share, group=group, epochs=share["tokens"] / available.get(group, 1))
        for group, share in _shares(groups)
    ]
    report = TokensReport(
        dtype="<u2" if dtype.itemsize == 2 else "<u4",
        splits=splits,
        sources=[SourceTokens(**share, source=source) for source, share in _shares(sources)],
        mixture=mixed if available else None,
        licenses=[LicenseTokens(**share, license=name) for name, share in _shares(licenses)],
        packing=Packing(way=recipe.tokens.packing, **blocks, compared=comparison.report()),
        canaries=_report(recipe, planted),
    )
    out.write_report("tokens", recipe, report)
    train, validation = splits["train"], splits["validation"]
    return f"{train.tokens:,} training tokens, {validation.tokens:,} for validation, as {dtype.name}"


def _encoded(
    run: RunDir, split: Split, encode: Encoder, end: int, dtype: np.dtype[Any], lengths: array[int]
) -> Iterator[Encoded]:
    """Encode the documents of a split, each closed by the end-of-text token.

    lengths: receives the number of tokens of each
    """
    documents = iter(read_documents(run, split, [*FACTS, "text"]))
    bar = progress(title=f"tokens: {split}", unit="B")
    while batch := list(islice(documents, BATCH_DOCUMENTS)):
        texts = [document.pop("text") for document in batch]
        for document, text, ids in zip(batch, texts, encode(texts), strict=True):
            lengths.append(len(ids) + 1)
            yield {**document, "bytes": len(text.encode())}, np.append(ids, end).astype(dtype)
        bar.update(sum(map(len, texts)))
    bar.close()


def _mixed(
    documents: Iterable[Encoded],
    recipe: Recipe,
    run: RunDir,
    out: RunDir,
    dtype: np.dtype[Any],
    available: dict[str, int],
    lengths: array[int],
) -> Iterator[Encoded]:
    """Yield each document as often as the recipe asks: all first copies, then all second ones, and so on.

    Each has its `group` among its facts. `available` receives the tokens of each group; `lengths`, which `documents`
    fills with the tokens of each document, becomes the tokens of all its copies. The ids are kept in a file meanwhile;
    memory holds some 30 bytes for each document.
    """
    by = recipe.tokens.reweight.by if recipe.tokens.reweight else "source"
    spool = out.tokens / "unmixed.bin"
    numbers: dict[str, int] = {}
    members, draws, sizes = array("L"), array("Q"), array("q")
    with spool.open("wb") as file:
        for facts, ids in documents:
            members.append(numbers.setdefault(_group(facts, by), len(numbers)))
            draws.append(draw(recipe.seed, facts["id"]))
            sizes.append(facts["bytes"])
            file.write(ids.tobytes())
    member, length = np.asarray(members), np.array(lengths)
    tokens = np.bincount(member, length, len(numbers)).astype(np.int64).tolist()
    available.update(zip(numbers, tokens, strict=True))
    if recipe.tokens.reweight:
        epochs = reweight(available, recipe.tokens.reweight.target, recipe.tokens.reweight.max_epochs)
        targets = {name: int(available[name] * times) for name, times in epochs.items()}
    else:
        targets = target_tokens(available, recipe.tokens.mixture)
    times = copies(np.asarray(draws), member, length, [targets[name] for name in numbers])
    lengths[:] = array("q", (length * times).astype(np.int64).tobytes())
    names, stream, starts = list(numbers), np.memmap(spool, dtype, "r"), np.cumsum(length) - length
    for copy_number in range(int(times.max())):
        for place, facts in enumerate(read_documents(run, "train", FACTS)):
            if times[place] > copy_number:
                added = {"bytes": sizes[place], "group": names[member[place]]}
                yield facts | added, stream[starts[place] : starts[place] + length[place]]
    spool.unlink()


def _size(run: RunDir, split: Split) -> int:
    """Return the number of documents of a split."""
    return sum(pq.read_metadata(path).num_rows for path in run.document_files(split))


# --- canaries --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Planted:
    """A canary as a document of the training split."""

    row: dict[str, Any]
    """Of the ledger."""
    facts: dict[str, Any]
    ids: np.ndarray
    repetitions: int


def _planted(recipe: Recipe, encode: Encoder, end: int, dtype: np.dtype[Any]) -> list[_Planted]:
    """Return the recipe's canaries, encoded as documents are."""
    if recipe.tokens.canaries is None:
        return []
    made, planted = canaries(recipe.tokens.canaries, recipe.seed).planted, list[_Planted]()
    for number, (canary, ids) in enumerate(zip(made, encode([canary.text for canary in made]), strict=True)):
        data = canary.text.encode()
        facts = {"id": f"{CANARY}/{number:04d}", "source": CANARY, "license": LICENSE, "language": ""}
        hashed = hashlib.sha256(data).hexdigest()
        row = {
            **facts, "license_evidence": "declared", "sha256_before": hashed, "sha256_after": hashed,
            "decision": "kept", "split": "train", "edits": [], "bytes_before": len(data), "bytes_after": len(data),
            "tokens": (len(ids) + 1) * canary.repetitions,
        }  # fmt: skip
        tokens = np.append(ids, end).astype(dtype)
        planted.append(_Planted(row, {**facts, "meta": "{}", "bytes": len(data)}, tokens, canary.repetitions))
    return planted


def _scattered(documents: Iterable[Encoded], planted: Sequence[_Planted], size: int, seed: int) -> Iterator[Encoded]:
    """Yield the documents with all copies of the canaries at random places among the first `size` of them."""
    copies = [canary for canary in planted for _ in range(canary.repetitions)]
    generator = np.random.default_rng(seed)
    order, places = generator.permutation(len(copies)), np.sort(generator.integers(size + 1, size=len(copies)))
    waiting = 0
    for place, document in enumerate(documents):
        while waiting < len(copies) and places[waiting] <= place:
            yield copies[order[waiting]].facts, copies[order[waiting]].ids
            waiting += 1
        yield document
    yield from ((copies[which].facts, copies[which].ids) for which in order[waiting:])


def _report(recipe: Recipe, planted: Sequence[_Planted]) -> CanaryTokens | None:
    if (settings := recipe.tokens.canaries) is None:
        return None
    return CanaryTokens(
        repetitions=list(settings.repetitions),
        each=settings.each,
        controls=settings.controls,
        copies=sum(canary.repetitions for canary in planted),
        tokens=sum(canary.row["tokens"] for canary in planted),
    )


# --- ledger and report -----------------------------------------------------------------------------------------


def _write_ledger(run: RunDir, out: RunDir, placed: Mapping[Split, np.ndarray], planted: Sequence[_Planted]) -> None:
    """Write the corpus' ledger with a column of tokens, and the canaries' rows after it.

    Its rows are in the order of each split's documents.
    """
    done = dict.fromkeys(SPLITS, 0)
    schema = LEDGER.append(pa.field("tokens", pa.int64()))
    with TableWriter(out.token_ledger, schema) as ledger:
        for batch in pq.ParquetFile(run.ledger).iter_batches(columns=LEDGER.names):
            tokens = np.zeros(len(batch), np.int64)
            where = np.array(batch["split"].to_pylist(), dtype=object)
            for split, counts in placed.items():
                rows = np.flatnonzero(where == split)
                tokens[rows] = counts[done[split] : done[split] + len(rows)]
                done[split] += len(rows)
            ledger.write(pa.RecordBatch.from_arrays([*batch.columns, pa.array(tokens)], schema=schema))
        if planted:
            ledger.write(pa.RecordBatch.from_pylist([canary.row for canary in planted], schema=schema))
    assert done == {split: len(counts) for split, counts in placed.items()}, "the ledger has other documents"


def _group(facts: Mapping[str, Any], by: str) -> str:
    """Return a document's source, language, licence, or the value of a key of its metadata."""
    value = facts[by] if by in ("source", "language", "license") else json.loads(facts["meta"]).get(by)
    return "" if value is None else str(value)


def _shares(tokens: Counter[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return tokens and their share of all training tokens, by name, largest first."""
    total = tokens.total()
    ordered = sorted(tokens.items(), key=lambda item: (-item[1], item[0]))
    return [(key, {"tokens": count, "share_tokens": count / total}) for key, count in ordered]


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero tokens`."""
    return stage_main("tokens", argv)


if __name__ == "__main__":
    sys.exit(main())
