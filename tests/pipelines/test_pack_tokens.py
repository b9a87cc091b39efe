"""Token shards hold every document whole, and the index finds each again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from pipelines.corpus.documents import read_documents
from pipelines.run_dir import RunDir


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
