"""The evaluate stage: its report agrees with its own files, and bad prompts are refused before any work."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from desdecero.eval_suites.ngram import NGram
from desdecero.pipelines.commands.forget import main as forget_main
from desdecero.pipelines.commands.inspect_corpus import inspect_corpus
from desdecero.pipelines.commands.summary import _samples
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.evaluate_model import choices_by_validation, main
from desdecero.pipelines.evaluation.text import count_tokens, train_ngram
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.reports.tokens import TokensReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.verification.of_run import verify

SMALL = ["evaluate={max_bytes: 20_000, sample_tokens: 12}"]
PROMPTS = {
    "llama": "['Return the', '<|endoftext|> is text']",
    "bert": "['return the [MASK] of [MASK].']",
    "t5": "['Return the [MASK] of [MASK].']",
}


@pytest.fixture(scope="module")
def evaluated(
    tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Recipe, RunDir]]:
    """`evaluated("bert")` → a run that is sealed up to its evaluation, made once; read it only."""
    made: dict[str, tuple[Recipe, RunDir]] = {}

    def make(architecture: str) -> tuple[Recipe, RunDir]:
        if architecture not in made:
            recipe = load_recipe(tiny_runs[architecture], overrides(architecture))
            sealed = tiny_runs[architecture].parent / "run"
            run = RunDir(shutil.copytree(sealed, tmp_path_factory.mktemp("evaluated") / "run"))
            run_chain(recipe, run, last="evaluate")
            made[architecture] = recipe, run
        return made[architecture]

    return make


def overrides(architecture: str) -> list[str]:
    return [*SMALL, f"evaluate.prompts={PROMPTS[architecture]}"]


def evaluate(recipe: Path, run: RunDir, *words: str) -> int:
    return main([str(recipe), "--run-dir", str(run), *(part for word in words for part in ("--set", word))])


def test_the_report_is_the_sum_of_its_documents(evaluated: Callable[[str], tuple[Recipe, RunDir]]) -> None:
    recipe, run = evaluated("llama")
    report = run.report("evaluate", recipe)
    table = pq.read_table(run.evaluation / "documents.parquet").to_pydict()
    suite = report.text
    assert (suite.name, suite.items) == ("language_modeling", len(table["id"]))
    assert suite.items == len(set(table["id"]))
    assert suite.sizes["bytes"] == sum(table["bytes"]) <= 20_000
    assert all(length >= size for length, size in zip(table["length"], table["bytes"], strict=True))
    assert min(table["pieces"]) >= 1 and set(table["source"]) == {"texts"} and "language" in table
    measured = suite.measures["bits_per_byte"]
    assert measured.value == pytest.approx(sum(table["nll"]) / math.log(2) / sum(table["bytes"]))
    (source,) = (one for one in report.slices if one.dimension == "source")
    assert (source.value, source.bytes, source.measured.value) == ("texts", suite.sizes["bytes"], measured.value)
    assert sum(one.documents for one in report.slices if one.dimension == "length") == suite.items
    assert suite.effective_items is not None and 8 <= suite.effective_items <= suite.items
    assert measured.interval and measured.interval[0] < measured.value < measured.interval[1]
    assert (run.evaluation / "baselines.png").read_bytes().startswith(b"\x89PNG")
    assert set(suite.baselines) == {"untrained", "unigram", "ngram", "xz"}
    assert suite.baselines["ngram"]["bits_per_byte"] < suite.baselines["unigram"]["bits_per_byte"]


def test_the_samples_say_how_they_were_asked_for(evaluated: Callable[[str], tuple[Recipe, RunDir]]) -> None:
    recipe, run = evaluated("llama")
    lines = [json.loads(line) for line in (run.evaluation / "samples.jsonl").read_text().splitlines()]
    assert [line["prompt"] for line in lines] == list(recipe.evaluate.prompts)
    assert all(line["text"].startswith(line["prompt"]) and line["temperature"] > 0 for line in lines)
    told = [(sample.prompt, sample.text) for sample in run.report("evaluate", recipe).samples]
    assert told == [(line["prompt"], line["text"]) for line in lines]


def test_the_documents_that_nothing_chose_by_are_measured_where_the_corpus_has_them(
    tiny_runs: dict[str, Path], tmp_path: Path
) -> None:
    words = [*SMALL, "corpus.test=0.1", "pretrain.early_stop={patience: 2}", "evaluate.max_bytes=3000"]
    words += ["corpus.domain={name: early, where: {path: '*0[01]??.txt'}, validation: 0.2}"]
    recipe, run = load_recipe(tiny_runs["llama"], words), RunDir(tmp_path / "run")
    run_chain(recipe, run, last="evaluate")
    report = run.report("evaluate", recipe)
    by = {one.dimension: one for one in report.slices}
    assert [*by] == ["source", "language", "length", "domain"] and by["domain"].value == "early"
    assert by["source"].documents == report.text.items and by["domain"].measured.value > 0
    assert (report.split, report.chose) == ("test", [])
    test, validation = (
        {document["id"] for document in read_documents(run, split, ["id"])} for split in ("test", "validation")
    )
    measured = pq.read_table(run.evaluation / "documents.parquet")["id"].to_pylist()
    assert set(measured) <= test and not test & validation
    assert run.report("corpus", recipe).splits["test"].documents == len(test)
    assert run.report("tokens", recipe).splits["test"].documents == len(test)
    indexed = pq.read_table(run.token_index, filters=[("split", "=", "test")])["id"].to_pylist()
    assert set(indexed) == test
    history = inspect_corpus(run, document=measured[0])
    assert "kept, in test" in history and "test-00000.bin" in history
    assert forget_main([str(run), "--document", measured[0], "--reason", "asked"]) == 0
    assert [fault for fault in verify(run, recipe) if "corpus" in fault or "tokens" in fault] == []


def test_what_validation_text_chose_is_named_where_it_is_measured_on(tiny_runs: dict[str, Path]) -> None:
    words = ["pretrain.early_stop={patience: 2}", "tokenizer.sweep=[400, 600]"]
    assert choices_by_validation(load_recipe(tiny_runs["llama"], words)) == ["early_stop", "vocabulary_size"]
    assert choices_by_validation(load_recipe(tiny_runs["llama"])) == []


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_without_prompts_held_out_documents_begin_the_samples(
    evaluated: Callable[[str], tuple[Recipe, RunDir]], tiny_runs: dict[str, Path], architecture: str
) -> None:
    _, run = evaluated(architecture)
    words = ["evaluate={max_bytes: 1500}"]  # as many tokens of an answer as the default says
    recipe, other = load_recipe(tiny_runs[architecture], words), RunDir(run.path.with_name("no_prompts"))
    shutil.copytree(run.path, other.path, dirs_exist_ok=True)
    assert evaluate(tiny_runs[architecture], other, *words) == 0
    report = other.report("evaluate", recipe)
    assert report.prompts_from == "held_out" and len(report.samples) == 3
    held_out = [document["text"].lstrip() for document in read_documents(other, "validation", ["text"])]
    for sample in report.samples:
        known = sample.prompt.split("[MASK]")
        assert any(text.startswith(known[0]) and known[-1] in text for text in held_out)
        assert len(known) == (1 if architecture == "llama" else 2)
        assert "[MASK]" not in sample.text
    lines = [json.loads(line) for line in (other.evaluation / "samples.jsonl").read_text().splitlines()]
    assert architecture == "bert" or {line["tokens"] for line in lines} == {16}  # half of the context
    assert "of held-out documents" in _samples("en", report)


def test_a_masked_model_is_measured_by_its_gaps(evaluated: Callable[[str], tuple[Recipe, RunDir]]) -> None:
    recipe, run = evaluated("bert")
    report = run.report("evaluate", recipe)
    suite = report.text
    assert "bits_per_byte" in suite.not_measured and "bits_per_byte" not in suite.measures
    table = pq.read_table(run.evaluation / "documents.parquet").to_pydict()
    accuracy = suite.measures["masked_accuracy"]
    assert accuracy.value == pytest.approx(sum(table["correct"]) / sum(table["tokens"]))
    assert 0 <= accuracy.low <= accuracy.value <= accuracy.high <= 1
    (sample,) = report.samples
    assert "[MASK]" not in sample.text
    assert set(suite.baselines) == {"untrained", "unigram"}


def test_an_encoder_decoder_is_measured_by_the_spans_that_were_cut_out(
    evaluated: Callable[[str], tuple[Recipe, RunDir]],
) -> None:
    recipe, run = evaluated("t5")
    report = run.report("evaluate", recipe)
    table = pq.read_table(run.evaluation / "documents.parquet").to_pydict()
    suite = report.text
    assert suite.measures["span_loss"].value == pytest.approx(sum(table["nll"]) / sum(table["tokens"]))
    accuracy = suite.measures["span_accuracy"]
    assert accuracy.value == pytest.approx(sum(table["correct"]) / sum(table["tokens"]))
    assert 0 <= accuracy.low <= accuracy.value <= accuracy.high <= 1
    (sample,) = report.samples
    assert "[MASK]" not in sample.text and "extra_id" not in sample.text
    assert sample.text.startswith("Return the") and sample.text.endswith(".")
    assert set(suite.baselines) == {"untrained", "unigram"}


@pytest.mark.parametrize(("architecture", "measure"), [("llama", "bits_per_byte"), ("t5", "span_loss")])
def test_training_beats_the_untrained_twin(
    evaluated: Callable[[str], tuple[Recipe, RunDir]], architecture: str, measure: str
) -> None:
    recipe, run = evaluated(architecture)
    report = run.report("evaluate", recipe)
    suite = report.text
    assert suite.measures[measure].value < suite.baselines["untrained"][measure]


def test_the_same_run_gives_the_same_files(
    evaluated: Callable[[str], tuple[Recipe, RunDir]], tiny_runs: dict[str, Path], tmp_path: Path
) -> None:
    _, run = evaluated("llama")
    other = RunDir(shutil.copytree(run.path, tmp_path / "run"))
    shutil.rmtree(other.evaluation)  # or what it holds would be used again

    def digests(run: RunDir) -> dict[str, str]:
        files = (path for path in run.evaluation.rglob("*") if path.is_file() and path.name != "done.json")
        return {path.relative_to(run.path).as_posix(): sha256_file(path) for path in files}

    assert evaluate(tiny_runs["llama"], other, *overrides("llama")) == 0
    assert digests(other) == digests(run) and len(digests(run)) > 5


def test_training_tokens_are_counted_over_all_shards(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 700, 5000)
    ids[:3000].astype("<u2").tofile(tmp_path / "a.bin")
    ids[3000:].astype("<u2").tofile(tmp_path / "b.bin")
    counts = count_tokens([tmp_path / "a.bin", tmp_path / "b.bin"], "<u2", 800)
    assert counts.tolist() == np.bincount(ids, minlength=800).tolist()


def tokens_report(recipe: Recipe, run: RunDir, **packing: object) -> TokensReport:
    report = run.report("tokens", recipe)
    return report.model_copy(update={"dtype": "<u2", "packing": report.packing.model_copy(update=packing)})


def same(one: NGram, other: NGram) -> bool:
    parts = [
        [model.unigram, *(part for level in model.levels for part in vars(level).values())] for model in (one, other)
    ]
    return all(np.array_equal(a, b) for a, b in zip(*parts, strict=True))


def test_the_ngram_reads_the_first_tokens_of_all_shards(
    evaluated: Callable[[str], tuple[Recipe, RunDir]], tmp_path: Path
) -> None:
    ids = np.random.default_rng(0).integers(1, 30, 5000).astype("<u2")  # 1 is the separator, 0 is padding
    ids[:3000].tofile(tmp_path / "a.bin")
    ids[3000:].tofile(tmp_path / "b.bin")
    report = tokens_report(*evaluated("llama"), block_length=None)
    for most in (2000, 3000, 4321, 9000):
        found = train_ngram([tmp_path / "a.bin", tmp_path / "b.bin"], report, 30, 0, 1, most)
        assert same(found, NGram.train(np.r_[1, ids[:most]], 30, separator=1, padding=0))


def test_the_ngram_does_not_read_across_blocks(
    evaluated: Callable[[str], tuple[Recipe, RunDir]], tmp_path: Path
) -> None:
    blocks = [[1, 5, 6, 7], [8, 9, 1, 0], [1, 10, 11, 1], [1, 12, 13, 1]]
    np.array(blocks, "<u2").tofile(tmp_path / "a.bin")
    report = tokens_report(*evaluated("llama"), block_length=4)
    found = train_ngram([tmp_path / "a.bin"], report, 30, 0, 1)
    assert same(found, NGram.train(np.array([token for row in blocks for token in (*row, 0)]), 30, 5, 1, 0))
    pairs = {divmod(key, 32) for key in found.levels[0].keys.tolist()}
    assert pairs == {(1, 5), (5, 6), (6, 7), (8, 9), (9, 1), (1, 10), (10, 11), (11, 1), (1, 12), (12, 13), (13, 1)}
    few = train_ngram([tmp_path / "a.bin"], report, 30, 0, 1, most=7)  # a whole block
    assert {divmod(key, 32) for key in few.levels[0].keys.tolist()} == {(1, 5), (5, 6), (6, 7)}


def test_more_gaps_than_sentinels_are_refused(
    evaluated: Callable[[str], tuple[Recipe, RunDir]], tiny_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = evaluated("t5")
    few = ["tokenizer.sentinels=3", "evaluate.prompts=['[MASK] a [MASK] a [MASK] a [MASK]']"]
    for stage in ("tokenizer", "tokens", "pretrain"):  # another tokenizer, so another model
        run_chain(load_recipe(tiny_runs["t5"], few), RunDir(run.path.with_name("few")), last=stage)
    assert evaluate(tiny_runs["t5"], RunDir(run.path.with_name("few")), *few) == 2
    assert "has more gaps than tokenizer.sentinels 3" in capsys.readouterr().err


def test_a_gap_in_too_long_a_prompt_is_refused(
    evaluated: Callable[[str], tuple[Recipe, RunDir]], tiny_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = evaluated("bert")
    before = sha256_file(run.evaluation / "report.json")
    too_long = f"evaluate.prompts=['{'a very long text ' * 20}[MASK]']"
    assert evaluate(tiny_runs["bert"], run, *overrides("bert"), too_long) == 2
    assert "more than the 30 tokens" in capsys.readouterr().err
    assert sha256_file(run.evaluation / "report.json") == before
