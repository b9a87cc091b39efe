"""The whole chain for an encoder–decoder, by one command: what it measures, and that others can use the result."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import forked
from sealed_run import missing_figures

from desdecero.app.generation import GenerationRequest, SpanFiller
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages

pytestmark = pytest.mark.slow  # one training and all that follows: half a minute


def report(run: Path, stage: str) -> dict:
    return RunDir(run).report_content(stage, RunDir(run).recipe())


def test_one_command_seals_every_stage_and_ends_with_what_was_found(trained_t5_run: Path) -> None:
    output = (trained_t5_run.parent / "output.txt").read_text()
    sealed = re.findall(r"^([\w:]+) +sealed in", output, re.MULTILINE)
    assert sealed == list(stages(RunDir(trained_t5_run).recipe()))
    assert re.search(r"quality +0\.\d+ span-token accuracy on held-out text", output)
    verified = forked("verify", trained_t5_run, cwd=trained_t5_run.parent)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_it_has_learned_more_than_its_baselines_and_says_what_was_not_measured(trained_t5_run: Path) -> None:
    evaluation = report(trained_t5_run, "evaluate")
    suite = evaluation["text"]
    assert suite["measures"]["span_loss"]["value"] < suite["baselines"]["untrained"]["span_loss"]
    assert set(suite["not_measured"]) == {"bits_per_byte", "word_perplexity", "perplexity"}
    audit = report(trained_t5_run, "audit")
    groups = [group for gaps in audit["suites"]["pairs"]["languages"].values() for group in gaps["groups"].values()]
    assert audit["not_measured"] == {} and all(bool(group["untrained"]) == bool(group["gap"]) for group in groups)
    assert report(trained_t5_run, "finetune:early")["measure"] == "span_loss"


def test_the_card_has_evidence_for_all_that_it_says_and_the_gate_asks_for_a_better_model(trained_t5_run: Path) -> None:
    assert missing_figures(RunDir(trained_t5_run)) == []
    rehearsal = ("publish", trained_t5_run, "--repo-id", "me/tiny", "--dry-run")
    refused = forked(*rehearsal, cwd=trained_t5_run.parent)
    assert refused.returncode == 1 and "refused by bias, evaluation: nothing was uploaded" in refused.stdout


def test_the_code_on_its_card_fills_a_gap_where_there_is_only_transformers(trained_t5_run: Path) -> None:
    card = (trained_t5_run / "model" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    ours = ("desdecero", "datasets", "accelerate", "peft", "evaluate", "gradio")
    alone = f"import sys\nfor name in {ours}: sys.modules[name] = None\n"
    ran = subprocess.run(
        [sys.executable, "-c", alone + code], cwd=trained_t5_run / "model", capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_the_page_fills_its_gaps_as_the_evaluation_did(trained_t5_run: Path) -> None:
    (line,) = (trained_t5_run / "evaluation" / "samples.jsonl").read_text().splitlines()
    sample = json.loads(line)
    filled = SpanFiller(trained_t5_run / "model").fill(GenerationRequest(sample["prompt"], length=5, temperature=0))
    first, *others = filled.pieces
    pairs = zip(filled.answers, others, strict=True)
    assert first + "".join(answer + piece for answer, piece in pairs) == sample["text"]
