"""Canaries in the training tokens: as often as the recipe says, in the ledger of the tokens, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.privacy.canaries import canaries
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.suffix_array import open_index
from desdecero.pipelines.tokens.trace import Documents, trace

CANARIES = "tokens.canaries={repetitions: [1, 5], each: 3, controls: 100}"


@pytest.mark.parametrize(
    "way",
    [[], ["tokens.packing=best_fit"], ["tokens.mixture={texts: {epochs: 1.5}}"]],
    ids=["plain", "fitted", "mixed"],
)
def test_a_canary_stands_as_often_as_it_should_in_training_and_nowhere_else(
    tiny: Callable[[str], Path], way: list[str]
) -> None:
    home = tiny("llama")
    run, recipe = RunDir(home / "run"), load_recipe(home / "tiny.yaml", [CANARIES, *way])
    documents = {path: path.read_bytes() for path in run.documents.iterdir()}
    held_out = [file.read_bytes() for file in run.token_files("validation")]
    run_chain(recipe, run, last="tokens")
    tokenizer, rows = AutoTokenizer.from_pretrained(run.tokenizer), pq.read_table(run.token_index).to_pylist()
    assert recipe.tokens.canaries is not None
    made = canaries(recipe.tokens.canaries, recipe.seed)
    shards = {path.name: np.fromfile(path, "<u2").tolist() for path in run.token_files("train")}
    found = Counter[str]()
    pieces: dict[str, list[int]] = {}
    for row in rows:
        if row["id"].startswith("canary/"):
            assert row["split"] == "train"
            held = pieces.setdefault(row["id"], [])
            held += shards[row["shard"]][row["start"] : row["start"] + row["tokens"]]
            if held[-1] == tokenizer.eos_token_id:  # a copy that was cut to fit is several rows
                found[tokenizer.decode(pieces.pop(row["id"])[:-1])] += 1
    assert found == {canary.text: canary.repetitions for canary in made.planted} and not pieces
    assert not any(control in found for control in made.controls)

    ledger, corpus = pq.read_table(run.token_ledger).to_pylist(), pq.read_table(run.ledger)
    ours, others = ledger[len(corpus) :], ledger[: len(corpus)]
    assert [row["id"] for row in others] == corpus["id"].to_pylist() and len(ours) == 6
    assert {(row["source"], row["split"], row["decision"]) for row in ours} == {("canary", "train", "kept")}
    tokens = Counter[str]()
    for row in rows:
        tokens[row["id"]] += row["tokens"]
    assert {row["id"]: row["tokens"] for row in ledger if row["tokens"]} == dict(tokens)

    report = run.report("tokens", recipe)
    assert report.canaries is not None and report.canaries.copies == 18
    assert report.canaries.tokens == sum(row["tokens"] for row in ours)
    assert {row.source: row.tokens for row in report.sources}["canary"] == report.canaries.tokens
    assert (report.mixture is None) == ("mixture" not in str(way))
    if report.mixture:
        assert [row.group for row in report.mixture] == ["texts"]
    assert documents == {path: path.read_bytes() for path in run.documents.iterdir()}
    assert held_out == [file.read_bytes() for file in run.token_files("validation")]


def test_copies_lie_scattered_and_a_trace_names_them(tiny: Callable[[str], Path]) -> None:
    home = tiny("llama")
    run, recipe = RunDir(home / "run"), load_recipe(home / "tiny.yaml", [CANARIES])
    run_chain(recipe, run, last="tokens")
    rows = [row for row in pq.read_table(run.token_index).to_pylist() if row["split"] == "train"]
    places = [place for place, row in enumerate(rows) if row["id"].startswith("canary/")]
    assert places[0] < len(rows) / 4 and places[-1] > len(rows) * 3 / 4
    assert sum(b - a == 1 for a, b in pairwise(places)) < 6
    assert recipe.tokens.canaries is not None
    text = canaries(recipe.tokens.canaries, recipe.seed).planted[-1].text
    span = trace(open_index(run, recipe), Documents(run), AutoTokenizer.from_pretrained(run.tokenizer), text, 8)[0]
    assert (span.text, span.occurrences) == (text, 5)
    assert [(document.source, document.license) for document in span.documents] == [("canary", "CC0-1.0")]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tokens.canaries={repetitions: [4, 4]}"], "a number stands there twice"),
        (["tokens.canaries={repetitions: [0]}"], "greater than or equal to 1"),
        (["tokens.canaries={repetitions: []}"], "at least 1 item"),
        (["tokens.canaries={controls: 10}"], "greater than or equal to 100"),
        (["tokens.canaries={each: 1}"], "greater than or equal to 2"),
        (["tokens.canaries={repetitions: [1000], each: 200}"], "200,000 copies of canaries are more than 100,000"),
        (["tokens.canaries={}", "model.architecture=bert", "tokenizer.kind=wordpiece"], "leave them out"),
        (["tokens.canaries={}", "corpus.sources=[{kind: files, path: texts, name: canary}]"], "another name"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(tiny_runs: dict[str, Path], words: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load_recipe(tiny_runs["llama"], words)
