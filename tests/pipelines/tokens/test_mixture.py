"""A mixture gives each source its share of the training tokens, and no document is cut for it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers import forked

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Share
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.mixture import copies, draw, target_tokens

AVAILABLE = {"novels": 1000, "laws": 4000}


@pytest.mark.parametrize(
    ("mixture", "wanted"),
    [
        ({}, {"novels": 1000, "laws": 4000}),
        ({"novels": Share(epochs=2.5)}, {"novels": 2500, "laws": 4000}),
        ({"laws": Share(epochs=0.25)}, {"novels": 1000, "laws": 1000}),
        ({"laws": Share(max_tokens=1500)}, {"novels": 1000, "laws": 1500}),
        # Weights hold; the source that has least for its weight sets the total.
        ({"novels": Share(weight=1), "laws": Share(weight=1)}, {"novels": 1000, "laws": 1000}),
        ({"novels": Share(weight=1, epochs=3), "laws": Share(weight=1)}, {"novels": 3000, "laws": 3000}),
        ({"novels": Share(weight=3, epochs=9), "laws": Share(weight=1, max_tokens=500)}, {"novels": 1500, "laws": 500}),
    ],
)
def test_wanted_tokens_follow_epochs_caps_and_weights(mixture: dict[str, Share], wanted: dict[str, int]) -> None:
    assert target_tokens(AVAILABLE, mixture) == wanted


@pytest.mark.parametrize(
    ("mixture", "said"),
    [({"novelas": Share()}, "novelas"), ({"novels": Share(weight=1)}, "no weight to laws")],
)
def test_mixture_that_does_not_fit_the_corpus_is_refused(mixture: dict[str, Share], said: str) -> None:
    with pytest.raises(UserError, match=said):
        target_tokens(AVAILABLE, mixture)


def test_copies_reach_the_wanted_tokens_to_within_a_document() -> None:
    generator = np.random.default_rng(0)
    lengths = generator.integers(10, 500, 3000)
    sources = generator.integers(0, 2, 3000)
    draws = np.array([draw(0, str(number)) for number in range(3000)], np.uint64)
    total = [int(lengths[sources == number].sum()) for number in range(2)]
    wanted = [int(2.6 * total[0]), int(0.3 * total[1])]
    times = copies(draws, sources, lengths, wanted)
    given = [int((times * lengths)[sources == number].sum()) for number in range(2)]
    assert all(target - 500 < reached <= target for reached, target in zip(given, wanted, strict=True))
    assert set(times[sources == 0]) == {2, 3}
    assert set(times[sources == 1]) == {0, 1}
    # Who is drawn is a matter of the document, not of its place.
    backwards = copies(draws[::-1], sources[::-1], lengths[::-1], wanted)
    assert (backwards[::-1] == times).mean() > 0.999


def test_packed_tokens_hold_the_mixture(prose: list[str], tmp_path: Path) -> None:
    for number, text in enumerate(prose):
        folder = tmp_path / ("few" if number % 4 == 0 else "many")
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "mixed.yaml").write_text(
        "name: mixed\npurpose: A mixture.\nlanguages: [en]\ncorpus:\n  sources:\n"
        "    - {kind: files, path: few, license: CC0-1.0}\n    - {kind: files, path: many, license: PSF-2.0}\n"
        "tokenizer: {vocab_size: 500}\n"
        "tokens: {mixture: {few: {weight: 2, epochs: 4}, many: {weight: 3}}}\n"
        "pretrain: {budget: {steps: 1}}\n",
        encoding="utf-8",
    )
    finished = forked("run", "mixed.yaml", "--run-dir", "run", "--until", "tokens", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    run = RunDir(tmp_path / "run")
    report = run.report_content("tokens", run.recipe())
    tokens = {entry["source"]: entry["tokens"] for entry in report["sources"]}
    assert tokens["few"] / tokens["many"] == pytest.approx(2 / 3, rel=0.02)
    rows = [row for row in pq.read_table(run.token_index).to_pylist() if row["split"] == "train"]
    assert sum(row["tokens"] for row in rows) == report["splits"]["train"]["tokens"] == sum(tokens.values())
    copies_of = Counter(row["id"] for row in rows if row["id"].startswith("few/"))
    assert max(copies_of.values()) > 1
    # Every copy is the same tokens, at its own place; nothing else is left in the folder.
    shard = np.memmap(run.tokens / rows[0]["shard"], "<u2", "r")
    twice = next(identity for identity, number in copies_of.items() if number > 1)
    spans = [shard[row["start"] : row["start"] + row["tokens"]].tolist() for row in rows if row["id"] == twice]
    assert len(spans) == copies_of[twice] and all(span == spans[0] for span in spans)
    assert not (run.tokens / "unmixed.bin").exists()
    ledger = {row["id"]: row["tokens"] for row in pq.read_table(run.token_ledger).to_pylist()}
    assert ledger[twice] == sum(row["tokens"] for row in rows if row["id"] == twice)
    assert sum(tokens for identity, tokens in ledger.items() if identity in copies_of) == report["sources"][1]["tokens"]
    # Packed to fit, the same copies lie in blocks, each in pieces.
    fitted = forked(
        "run", "mixed.yaml", "--run-dir", "run", "--until", "tokens", "--set", "tokens.packing=best_fit", cwd=tmp_path
    )
    assert fitted.returncode == 0, fitted.stderr
    again = run.report_content("tokens", run.recipe())
    assert (again["sources"], again["mixture"]) == (report["sources"], report["mixture"])
    assert again["packing"]["blocks"] * again["packing"]["block_length"] >= report["splits"]["train"]["tokens"]
    index = [row for row in pq.read_table(run.token_index).to_pylist() if row["split"] == "train"]
    shard = np.memmap(run.tokens / index[0]["shard"], "<u2", "r")
    found = [
        token for row in index if row["id"] == twice for token in shard[row["start"] : row["start"] + row["tokens"]]
    ]
    assert found == spans[0] * copies_of[twice]


def test_groups_are_reweighted_by_what_is_known_of_documents(prose: list[str], tmp_path: Path) -> None:
    lines = [{"text": text, "era": "old" if number % 5 == 0 else "new"} for number, text in enumerate(prose)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (tmp_path / "r.yaml").write_text(
        "name: r\npurpose: A balance.\nlanguages: [en]\n"
        "corpus: {sources: [{kind: files, path: texts.jsonl, license: PSF-2.0}]}\ntokenizer: {vocab_size: 500}\n"
        "tokens: {reweight: {by: era, target: uniform, max_epochs: 10}}\npretrain: {budget: {steps: 1}}\n",
        encoding="utf-8",
    )
    finished = forked("run", "r.yaml", "--run-dir", "run", "--until", "tokens", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    run = RunDir(tmp_path / "run")
    mixture = {entry["group"]: entry for entry in run.report_content("tokens", run.recipe())["mixture"]}
    assert mixture["old"]["share_tokens"] == pytest.approx(0.5, abs=0.01)
    assert mixture["new"]["epochs"] == 1
    assert 2 < mixture["old"]["epochs"] <= 10
