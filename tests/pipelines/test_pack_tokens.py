"""Token shards hold every document whole, and the index finds each again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from desdecero.pipelines.commands.forget import main as forget
from desdecero.pipelines.commands.inspect_corpus import inspect_corpus
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir


@pytest.mark.parametrize("split", ["train", "validation"])
def test_every_document_is_found_where_the_index_says(tiny_runs: dict[str, Path], split: str) -> None:
    run = RunDir(tiny_runs["llama"].parent / "run")
    tokenizer = AutoTokenizer.from_pretrained(run.tokenizer)
    index = {row["id"]: row for row in pq.read_table(run.token_index).to_pylist() if row["split"] == split}
    documents = list(read_documents(run, split))  # type: ignore[arg-type]
    assert len(documents) == len(index) > 10
    for document in documents:
        row = index[document["id"]]
        shard = np.memmap(run.tokens / row["shard"], "<u2", "r")
        ids = shard[row["start"] : row["start"] + row["tokens"]].tolist()
        # What training sees is what inference sees, and then the end of the text.
        assert ids[:-1] == tokenizer(document["text"], add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert ids[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(ids[:-1]) == document["text"]


def test_shards_hold_the_documents_and_nothing_else(tiny_runs: dict[str, Path]) -> None:
    run = RunDir(tiny_runs["llama"].parent / "run")
    report = json.loads((run.tokens / "report.json").read_text())
    rows = pq.read_table(run.token_index).to_pylist()
    for split, size in report["splits"].items():
        tokens = sum(row["tokens"] for row in rows if row["split"] == split)
        on_disk = sum(path.stat().st_size for path in run.tokens.glob(f"{split}-*.bin"))
        assert size["tokens"] == tokens == on_disk // 2


def test_licences_are_counted_by_training_tokens(tiny_runs: dict[str, Path]) -> None:
    run = RunDir(tiny_runs["llama"].parent / "run")
    report = json.loads((run.tokens / "report.json").read_text())
    (license,) = report["licenses"]
    assert license["license"] == "PSF-2.0"
    assert license["share_tokens"] == 1.0
    assert license["tokens"] == report["splits"]["train"]["tokens"]


def same_ledger_with_tokens(run: RunDir) -> bool:
    """The corpus' ledger, and beside each row the tokens that the index has of the document; there must be some."""
    index = Counter[str]()
    for row in pq.read_table(run.token_index).to_pylist():
        index[row["id"]] += row["tokens"]
    ledger = pq.read_table(run.token_ledger)
    tokens = dict(zip(ledger["id"].to_pylist(), ledger["tokens"].to_pylist(), strict=True))
    return ledger.drop(["tokens"]).equals(pq.read_table(run.ledger)) and +Counter(tokens) == index and bool(index)


def test_the_ledger_says_how_many_tokens_each_document_is(tiny_runs: dict[str, Path]) -> None:
    assert same_ledger_with_tokens(RunDir(tiny_runs["llama"].parent / "run"))


FITTED = "tokens.packing=best_fit"


@pytest.mark.parametrize(("architecture", "block_length"), [("llama", 33), ("bert", 32)])
def test_training_documents_are_packed_to_fit_and_held_out_ones_are_not(
    tiny: Callable[[str], Path], architecture: str, block_length: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    home = tiny(architecture)
    before = RunDir(home / "run")
    held_out = [file.read_bytes() for file in before.token_files("validation")]
    run_chain(load_recipe(home / "tiny.yaml", [FITTED]), before, last="tokens")
    run, tokenizer = before, AutoTokenizer.from_pretrained(before.tokenizer)
    report = json.loads((run.tokens / "report.json").read_text())["packing"]
    blocks = np.fromfile(run.tokens / "train-00000.bin", "<u2").reshape(-1, block_length)
    assert (report["way"], report["block_length"], report["blocks"]) == ("best_fit", block_length, len(blocks))
    assert report["padding_share"] == (blocks == tokenizer.pad_token_id).mean() > 0
    assert held_out == [file.read_bytes() for file in run.token_files("validation")]
    found: dict[str, list[int]] = {}
    for row in pq.read_table(run.token_index).to_pylist():
        if row["split"] == "train":
            found.setdefault(row["id"], []).extend(blocks.ravel()[row["start"] : row["start"] + row["tokens"]])
    for document in read_documents(run, "train"):
        ids = tokenizer(document["text"], add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert found.pop(document["id"]) == [*ids, tokenizer.eos_token_id]
    assert not found
    assert same_ledger_with_tokens(run)
    # A document that was cut is one document to whoever asks after it, in as many places.
    pieces = Counter(row["id"] for row in pq.read_table(run.token_index).to_pylist())
    ((cut, number),) = pieces.most_common(1)
    assert number > 2
    history = inspect_corpus(run, document=cut)
    assert len([line for line in history.splitlines() if line.startswith("tokens")]) == number
    monkeypatch.chdir(home)
    assert forget(["run", "--document", cut]) == 0
    listed = capsys.readouterr().out
    assert f"in {number} spans" in listed and listed.count(cut) > min(number, 20)


def test_the_report_says_what_either_way_of_packing_cuts(tiny_runs: dict[str, Path]) -> None:
    run = RunDir(tiny_runs["llama"].parent / "run")
    report = json.loads((run.tokens / "report.json").read_text())["packing"]
    assert report["way"] == "concatenate"
    sizes = [row["tokens"] for row in pq.read_table(run.token_index).to_pylist() if row["split"] == "train"]
    for found in report["compared"]:
        assert found["best_fit"]["documents_cut"] == sum(size > found["context_length"] for size in sizes)
        assert found["best_fit"]["documents_cut"] < found["concatenate"]["documents_cut"]


def test_padding_without_isolation_is_refused_in_a_sentence(tiny_runs: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"packing best_fit needs pretrain\.isolate_documents"):
        load_recipe(tiny_runs["llama"], [FITTED, "pretrain.isolate_documents=false"])


def test_blocks_are_as_long_as_the_model_reads(tiny_runs: dict[str, Path]) -> None:
    """Also where another length was written out by an earlier recipe."""
    longer = load_recipe(tiny_runs["llama"], [FITTED, "tokens.block_length=33", "model.context_length=64"])
    assert longer.tokens.block_length == 65
    spans = load_recipe(tiny_runs["llama"], [FITTED, "model={architecture: t5, context_length: 511}"])
    assert spans.tokens.block_length == 568
    assert load_recipe(tiny_runs["llama"], ["tokens.block_length=33"]).tokens.block_length is None
