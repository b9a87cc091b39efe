"""What is said to have been read is what stood in the batches, token by token."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from read_by_hand import FIRST_NUMBER, documents_read, steps_by_hand, token_reads
from tiny_runs import make_tiny_runs, recipes
from tiny_training import pretrain, report

from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.corpus.licensing.summary import holdings
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.data.batches import Batches, Collator
from desdecero.pipelines.training.data.collators import Causal, Masked
from desdecero.pipelines.training.data.goldfish import Goldfish
from desdecero.pipelines.training.data.span_corruption import SpanCorruption
from desdecero.pipelines.training.exposure import (
    ShardReads,
    exposure,
    sequence_counts,
    steps_of_weights,
    summary,
    write_exposure,
)
from desdecero.pipelines.training.task import Pretraining

Tiny = Callable[[str], Path]
NOTHING_LEFT_OUT = Goldfish(1 << 40, 5, 0, 1)
"""Its sequences are those of any goldfish loss, and the batches show each target."""


@pytest.fixture
def tiny(prose: list[str], once: Callable[[str, Callable[[Path], None]], Path], tmp_path: Path) -> Tiny:
    """As the shared one, on a ninth of the texts: an epoch is some 16 steps of 32."""
    made = recipes(once("short", lambda folder: make_tiny_runs(folder, prose[::9])))
    return lambda architecture: Path(shutil.copytree(made[architecture].parent, tmp_path / architecture))


COLLATORS: dict[str, Collator] = {
    "causal": Causal(8, padding=0),
    "causal, fitted": Causal(8, padding=0, fitted=True),
    "causal, goldfish": Causal(8, padding=0, goldfish=NOTHING_LEFT_OUT),
    "masked": Masked(8, mask_token=2, padding=0, probability=0.3),
    "spans": SpanCorruption(16, list(range(10, 20)), end=1, padding=0, density=0.15, mean=3.0),
}


@pytest.mark.parametrize("steps", [range(0), range(1), range(7), [*range(4), *range(9, 30)], range(70)], ids=len)
@pytest.mark.parametrize("kind", COLLATORS)
def test_each_token_counts_as_often_as_the_batches_hold_it(tmp_path: Path, kind: str, steps: Any) -> None:
    collator, files = COLLATORS[kind], [tmp_path / "a.bin", tmp_path / "b.bin", tmp_path / "c.bin"]
    bounds = FIRST_NUMBER + np.array([0, 75, 80, 203])  # the second shard does not fill a sequence
    for file, (first, beyond) in zip(files, pairwise(bounds), strict=True):
        np.arange(first, beyond, dtype="<u2").tofile(file)
    data = Batches(files, "<u2", collator, 3, seed=5, vocab_size=1 << 16)
    expected, counts = token_reads(data, steps), sequence_counts(data, np.array(steps, np.int64))
    firsts = [0, *data.blocks.ends]
    for number, (first, beyond) in enumerate(pairwise(bounds)):
        reads = ShardReads(counts[firsts[number] : firsts[number + 1]], collator)
        places, each = np.arange(beyond - first), [expected[token] for token in range(first, beyond)]
        assert reads.between(places, places + 1).tolist() == each
        assert reads.between(places * 0, places + 1).tolist() == np.cumsum(each).tolist()
    assert int(counts.sum()) == 3 * len(steps)


BEST_FIT = "tokens.packing=best_fit"
MIXED = "tokens.mixture={texts: {epochs: 2.5}}"
CANARIES = "tokens.canaries={repetitions: [1, 5], each: 3, controls: 100}"
WAYS = {
    "llama": ("llama", []),
    "llama, fitted, mixed": ("llama", [BEST_FIT, MIXED, CANARIES]),
    "llama, mixed": ("llama", [MIXED, "pretrain.goldfish={k: 1099511627776, context: 5}"]),
    "bert": ("bert", []),
    "bert, fitted": ("bert", [BEST_FIT]),
    "t5": ("t5", []),
    "t5, fitted": ("t5", [BEST_FIT]),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_document_counts_as_often_as_the_batches_hold_its_tokens(tiny: Tiny, tmp_path: Path, way: str) -> None:
    architecture, changes = WAYS[way]
    home = tiny(architecture)
    whole_words = ["pretrain.mask_whole_words=false"] if architecture == "bert" else []
    recipe = load_recipe(home / "tiny.yaml", [*changes, *whole_words, "pretrain.batch_size=32"])
    run = RunDir(home / "run")
    if changes:
        run_chain(recipe, run, last="tokens")
    task: Any = Pretraining(recipe, run)
    epoch = -(-task.train_data.rows // 32)
    for steps in (range(2), range(2 * epoch + 3)):
        expected = documents_read(run, recipe, steps, tmp_path)
        end = task.tokenizer.eos_token_id
        table = exposure(run, task.train_data, np.arange(len(steps)), recipe.tokens.block_length, end)
        found = {row["id"]: (row["tokens"], row["times"]) for row in table.to_pylist()}
        canaries = {identity: found.pop(identity) for identity in [*found] if identity.startswith("canary/")}
        assert found == {identity: (read, pytest.approx(times)) for identity, (read, times) in expected.items()}
        assert len(canaries) == (6 if CANARIES in changes else 0)
        said = summary(table, run)
        tokens = [read for read, _ in expected.values()]
        assert (said.documents, said.read, said.never_read) == (len(tokens), np.count_nonzero(tokens), tokens.count(0))
        assert (said.tokens, [one.license for one in said.licenses]) == (sum(tokens), ["PSF-2.0"])
        if len(steps) == 2:
            assert 0 < said.never_read < said.documents
        else:
            assert said.never_read == 0 or architecture == "t5"  # the last tokens of a file may not fill a sequence
        # Canaries have a licence that no text here has.
        held = holdings(run.report_content("corpus", recipe), said.model_dump())
        assert {name: one.tokens for name, one in held.items()} == {"PSF-2.0": sum(tokens)}


def test_canaries_are_not_counted_with_the_texts_that_have_their_licence(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.token_ledger.parent.mkdir(parents=True)
    licenses = {"a": "CC0-1.0", "b": "MIT", "canary/0000": "CC0-1.0"}
    ledger = {"id": [*licenses], "source": ["texts", "texts", "canary"], "license": [*licenses.values()]}
    pq.write_table(pa.table(ledger | {"split": ["train"] * 3}), run.token_ledger)
    said = summary(pa.table({"id": [*licenses], "tokens": [7, 0, 50], "times": [1.0, 0.0, 5.0]}), run)
    assert (said.documents, said.never_read, said.tokens) == (2, 1, 7)
    assert [(one.license, one.tokens, one.share_tokens) for one in said.licenses] == [("CC0-1.0", 7, 1)]


def test_the_steps_of_weights_are_those_since_which_nothing_was_taken_back() -> None:
    backs = [{"step": 13, "to": 10}, {"step": 17, "to": 0}, {"step": 34, "to": 20}]
    assert steps_of_weights(12, backs).tolist() == list(range(12))
    assert steps_of_weights(13, backs).tolist() == list(range(10))
    assert steps_of_weights(16, backs, refused=[2, 14]).tolist() == [0, 1, *range(3, 10), 13, 15]
    assert steps_of_weights(34, backs).tolist() == [17, 18, 19]
    assert steps_of_weights(40, backs, refused=[39]).tolist() == [17, 18, 19, *range(34, 39)]
    assert steps_of_weights(0, []).tolist() == []


TIMID = "pretrain.stability={window: 8, deviations: 1.5, skips: 1, return_every: 10, roll_backs: 1000}"
RESTLESS = [
    "pretrain.budget={steps: 200}", "pretrain.validate_every=0.02", "pretrain.early_stop={patience: 3}",
    "pretrain.optimizer={name: adamw, learning_rate: 0.1}", "pretrain.schedule={name: constant}",
]  # fmt: skip


@pytest.mark.parametrize("how", ["refused and rolled back", "stopped early"])
def test_only_steps_that_are_in_the_weights_count(tiny: Tiny, tmp_path: Path, how: str) -> None:
    home = tiny("llama")
    changes = RESTLESS if how == "stopped early" else ["pretrain.budget={steps: 60}", TIMID]
    assert pretrain(home, *changes) == 0
    run, recipe, found = RunDir(home / "run"), load_recipe(home / "tiny.yaml", changes), report(home)
    kept = found["early_stop"]["kept_step"] if found["early_stop"] else found["steps"]
    steps = steps_by_hand(run, kept)
    assert 0 < len(steps) < found["steps"] and (how == "stopped early" or found["roll_backs"])
    rows = pq.read_table(run.exposure).to_pylist()
    expected = documents_read(run, recipe, steps, tmp_path)
    assert {row["id"]: row["tokens"] for row in rows} == {identity: read for identity, (read, _) in expected.items()}
    assert found["exposure"]["tokens"] == sum(row["tokens"] for row in rows)
    assert "pretrain/exposure.parquet" in run.seal("pretrain", recipe).outputs  # type: ignore[union-attr]


def test_the_same_steps_give_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    home = tiny("llama")
    recipe, run = load_recipe(home / "tiny.yaml"), RunDir(home / "run")
    for name in ("a", "b"):
        write_exposure(tmp_path / name, run, Pretraining(recipe, run), np.arange(9))
    assert sha256_file(tmp_path / "a") == sha256_file(tmp_path / "b")
