"""Whole runs of what is unusual: positions that do not exist, and corpora of a handful of documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import forked

from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir

SMALL = "evaluate={max_bytes: 3000, resamples: 200, sample_tokens: 5}"
ROBERTA = (
    "model={architecture: roberta, context_length: 64, overrides: {num_hidden_layers: 2, hidden_size: 32, "
    "num_attention_heads: 2, intermediate_size: 64, max_position_embeddings: 80, type_vocab_size: 1}}"
)


def settings(*words: str) -> list[str]:
    return [part for word in words for part in ("--set", word)]


@pytest.mark.slow
def test_a_model_with_fewer_positions_than_rows_is_trained_measured_and_audited(
    tiny_runs: dict[str, Path], tmp_path: Path
) -> None:
    """roberta counts positions from the one after the padding's number, and has 78 where 80 are asked for."""
    words = [ROBERTA, SMALL, "audit.languages=[en]"]
    recipe, run = load_recipe(tiny_runs["bert"], words), RunDir(tmp_path / "run")
    run_chain(recipe, run, last="audit")
    report = run.report("evaluate", recipe)
    assert report.objective == "masked" and report.text.measures["masked_loss"].value > 0
    assert set(run.report("audit", recipe).suites.pairs.languages) == {"en"}


def test_training_on_positions_that_do_not_exist_is_refused_before_a_step(
    tiny_runs: dict[str, Path], tmp_path: Path
) -> None:
    words = settings(ROBERTA, "model.context_length=80")
    finished = forked(
        "run", tiny_runs["bert"], "--run-dir", tmp_path / "run", *words, "--until", "pretrain", cwd=tmp_path
    )
    assert finished.returncode == 2 and "Traceback" not in finished.stderr
    assert "roberta has no positions for the 80 tokens of model.context_length" in finished.stderr
    assert not (tmp_path / "run" / "pretrain").exists()


FEW = """\
name: few
purpose: To see what so little text gives.
languages: [en]
corpus:
  sources: [{kind: files, path: texts, license: PSF-2.0}]
  quality: {min_words: 5}
tokenizer: {vocab_size: 400}
model: {architecture: llama, layers: 1, hidden_size: 32, heads: 2, context_length: 32}
pretrain: {budget: {steps: 3}, batch_size: 4}
evaluate: {resamples: 200, sample_tokens: 5}
audit: {languages: [en]}
"""


@pytest.mark.slow
@pytest.mark.parametrize("test_share", ["0", "0.3"])
def test_three_documents_run_to_the_end_with_a_value_and_no_interval(
    prose: list[str], tmp_path: Path, test_share: str
) -> None:
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(sorted(prose, key=len)[-3:]):
        (tmp_path / "texts" / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "few.yaml").write_text(FEW, encoding="utf-8")
    finished = forked("run", "few.yaml", *settings(f"corpus.test={test_share}"), cwd=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr and "quality" in finished.stdout
    run = RunDir(tmp_path / "runs" / "few")
    report = run.report("evaluate", run.recipe())
    assert report.text.items == 1 and report.text.measures["bits_per_byte"].interval is None
    assert report.split == ("validation" if test_share == "0" else "test")
    verified = forked("verify", run.path, cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.slow
def test_a_causal_model_whose_tokenizer_loses_capitals_runs_to_the_end_without_bits_per_byte(
    tiny_runs: dict[str, Path], tmp_path: Path
) -> None:
    words = settings(
        SMALL, "tokenizer={kind: wordpiece, vocab_size: 600, lowercase: true}", "audit.languages=[en]",
        "corpus.domain={name: early, where: {path: '*00[0-4]?.txt'}, validation: 0.2}",
        "finetune={rank: 2, alpha: 4, steps: 3, max_eval_bytes: 3000}",
    )  # fmt: skip
    finished = forked("run", tiny_runs["llama"], "--run-dir", tmp_path / "run", *words, cwd=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "perplexity per token on held-out text" in finished.stdout
    run = RunDir(tmp_path / "run")
    recipe = run.recipe()
    held_out = run.report("evaluate", recipe).text
    assert held_out.main == "perplexity"
    assert held_out.not_measured == dict.fromkeys(("bits_per_byte", "word_perplexity"), "text_changed")
    assert run.report("finetune:early", recipe).measure == "token_loss"
    card = (run.model / "README.md").read_text(encoding="utf-8")
    assert "Bits per byte, perplexity per word: not measured" in card
    of_adapter = (run.adapter("early") / "card" / "README.md").read_text(encoding="utf-8")
    assert "next-token loss, nats" in of_adapter
    told = forked("publish", run.path, "--dry-run", cwd=tmp_path)
    assert "Traceback" not in told.stderr and "perplexity" in told.stdout + told.stderr
    assert forked("verify", run.path, cwd=tmp_path).returncode == 0


def test_two_documents_for_three_splits_are_refused_in_a_sentence(prose: list[str], tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(sorted(prose, key=len)[-2:]):
        (tmp_path / "texts" / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "few.yaml").write_text(FEW, encoding="utf-8")
    finished = forked("run", "few.yaml", *settings("corpus.test=0.3"), cwd=tmp_path)
    assert finished.returncode == 2
    assert "three splits take three, one to train on, one to choose by and one to measure on" in finished.stderr
