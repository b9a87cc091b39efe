"""Runs of a text in the training text: what is a token of it, and whose documents they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.suffix_array import Place, TokenIndex, open_index, read_index
from desdecero.pipelines.tokens.trace import Documents, encode, trace


@pytest.fixture(scope="module")
def run(tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    folder = tiny_runs["llama"].parent
    return RunDir(Path(shutil.copytree(folder, tmp_path_factory.mktemp("traced") / "llama")) / "run")


@pytest.fixture(scope="module")
def index(run: RunDir) -> TokenIndex:
    return open_index(run, run.recipe())


@pytest.fixture(scope="module")
def tokenizer(run: RunDir) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(run.tokenizer)


def texts(run: RunDir) -> dict[str, str]:
    rows = [row for file in sorted(run.documents.glob("train-*.parquet")) for row in pq.read_table(file).to_pylist()]
    return {row["id"]: row["text"] for row in rows}


def test_a_text_has_the_tokens_of_training_and_special_ones_in_it_are_text(
    run: RunDir, tokenizer: PreTrainedTokenizerFast
) -> None:
    rows = read_index(run, "train")
    tokens = np.fromfile(run.tokens / rows["shard"][0], run.report("tokens", run.recipe()).dtype, rows["tokens"][0])
    text = texts(run)[rows["id"][0]]
    assert encode(tokenizer, text)[0] == tokens[:-1].tolist()
    ids, offsets = encode(tokenizer, f"{text}{tokenizer.eos_token} and")
    assert tokenizer.eos_token_id not in ids and len(ids) == len(offsets)


def test_a_special_token_that_is_written_joins_no_two_documents(
    run: RunDir, index: TokenIndex, tokenizer: PreTrainedTokenizerFast
) -> None:
    first, second = list(texts(run).values())[:2]
    text = f"{first}{tokenizer.eos_token}{second}"
    spans = trace(index, Documents(run), tokenizer, text, 8)
    assert {span.text for span in spans[:2]} >= {max(first, second, key=len)}
    assert not any(str(tokenizer.eos_token) in span.text for span in spans)
    assert all(span.end <= len(first) or span.start >= len(first) for span in spans)


def test_unknown_characters_match_nothing(tiny: Callable[[str], Path]) -> None:
    run = RunDir(tiny("bert") / "run")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
    words = " ".join(max(texts(run).values(), key=len).split()[:40])
    documents, index = Documents(run), open_index(run, run.recipe())
    assert trace(index, documents, tokenizer, words, 8)[0].start == 0
    text = f"漢字 東京 {words} 大阪 {words} 京都"
    spans = trace(index, documents, tokenizer, text, 8)
    assert len(spans) >= 2 and not any(character in span.text for span in spans for character in "漢字東京大阪京都")
    assert all(text[span.start : span.end] == span.text for span in spans)


def test_places_are_told_by_the_ledger_of_the_tokens_and_what_has_no_licence_says_none(
    run: RunDir, tmp_path: Path
) -> None:
    copy = RunDir(shutil.copytree(run.path, tmp_path / "run"))
    copy.ledger.unlink()  # it lies with the corpus, which a machine that trains does not have
    ledger = pq.read_table(copy.token_ledger)
    rows = read_index(copy, "train")
    names = list(dict.fromkeys(rows["id"]))[:3]
    licences = dict(zip(names, ["MIT", "LicenseRef-unknown", None], strict=True))
    changed = pa.array([licences.get(row["id"], row["license"]) for row in ledger.to_pylist()], pa.string())
    place = ledger.column_names.index("license")
    pq.write_table(ledger.set_column(place, "license", changed), copy.token_ledger)
    wanted = [np.flatnonzero(rows["id"] == name)[0] for name in names]
    begins = [Place(rows["shard"][n], int(rows["start"][n])) for n in wanted]
    ends = [Place(rows["shard"][n], int(rows["start"][n] + rows["tokens"][n]) - 1) for n in wanted]
    documents = Documents(copy)
    found = documents.at([*begins, *ends])
    assert [one.id for one in found] == names
    assert [one.license for one in found] == ["MIT", None, None]
    assert documents.at(ends[1:2]) == found[1:2] and documents.at([]) == []
