"""`verify --deep`: what a run says of its model is what its weights say, or it is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from helpers import forked
from safetensors.torch import load_file, save_file
from sealed_run import published, reseal_all

from desdecero.eval_suites.language_modeling import LanguageModeling
from desdecero.eval_suites.models.load import load
from desdecero.pipelines.cli import main
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.verification.of_publication import open_publication, verify_publication
from desdecero.pipelines.verification.of_run import verify
from desdecero.pipelines.verification.scores import DOCUMENTS, PROBES, scored_again
from desdecero.pipelines.verification.seals import read_seals

SETTINGS = (
    "pretrain.budget={steps: 5}", "evaluate={max_bytes: 3000, sample_tokens: 4}", "audit.languages=[en]",
    "audit.suites={pairs: {min_occurrences: 0}, facts: null, memorization: null, personal_data: null}",
)  # fmt: skip


@pytest.fixture(scope="module")
def scored(run_without_adapter: Path, tiny_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With an audit whose pairs all count, so that there are probes to score."""
    run = Path(shutil.copytree(run_without_adapter, tmp_path_factory.mktemp("scored") / "run"))
    words = [part for one in SETTINGS for part in ("--set", one)]
    finished = forked("run", tiny_runs["llama"], "--run-dir", run, *words, cwd=run.parent)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return run


@pytest.fixture
def run(scored: Path, tmp_path: Path) -> RunDir:
    return RunDir(shutil.copytree(scored, tmp_path / "run"))


def faults(run: RunDir, recipe: Recipe, seed: int = 0) -> list[str]:
    """What is found by scoring again, in a run whose seals fit each other."""
    assert verify(run, recipe) == []
    return scored_again(run, recipe, read_seals(run, recipe)[0], seed)[1]


def change(path: Path, changed: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    changed(content)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def test_a_run_that_nobody_touched_has_the_scores_of_its_weights(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(run.path), "--deep", "--seed", "3"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    documents = pq.read_metadata(run.evaluation / "documents.parquet").num_rows
    numbers = f"{min(DOCUMENTS, documents)} held-out documents and {PROBES} contexts of paired sentences"
    assert "whole:" in said and f"within 0.1%: {numbers} (drawn with seed 3)" in said
    assert main(["verify", str(run.path), "--deep", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["scored_again"]
    assert again["probes"] == PROBES and again["not_scored"] == []


def exchange_weights(run: RunDir) -> None:
    """Put other weights into a run, and make every seal fit them."""
    weights = load_file(run.model / "model.safetensors")
    name = next(name for name in weights if "mlp.down_proj" in name)
    save_file({**weights, name: weights[name] * 30}, run.model / "model.safetensors", metadata={"format": "pt"})
    reseal_all(run, run.recipe())


def test_a_publication_has_the_scores_of_its_weights_and_not_of_others(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The documents were not published, so the contexts alone are scored; other weights are found by them."""
    assert main(["verify", str(published(run, "model", tmp_path / "back")), "--deep", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["scored_again"]
    assert (again["documents"], again["probes"], again["not_scored"]) == (0, PROBES, ["evaluate"])
    exchange_weights(run)
    assert main(["verify", str(published(run, "model", tmp_path / "others")), "--deep"]) == 1
    named = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert named and all(fault.startswith("evidence/audit/pairs.jsonl: ") for fault in named)


def test_a_false_figure_of_a_publication_is_found_in_its_rows(run: RunDir, tmp_path: Path) -> None:
    def lower(report: dict[str, Any]) -> None:
        report["text"]["measures"]["bits_per_byte"]["value"] *= 0.99

    change(run.evaluation / "report.json", lower)
    reseal_all(run, recipe := run.recipe())
    back = open_publication(published(run, "model", tmp_path / "back"))
    assert verify_publication(back, recipe).faults == []
    (fault,) = scored_again(back, recipe, read_seals(back, recipe)[0], 0)[1]
    assert fault.startswith("evaluation/report.json: ")


def test_other_weights_are_found(run: RunDir) -> None:
    exchange_weights(run)
    found = faults(run, run.recipe())
    assert any("documents.parquet" in fault and "with the weights that are here" in fault for fault in found)
    assert any("pairs.jsonl" in fault and "with the weights that are here" in fault for fault in found)


def test_false_scores_of_documents_are_found_although_the_report_fits_them(run: RunDir) -> None:
    path, recipe = run.evaluation / "documents.parquet", run.recipe()
    table = pq.read_table(path)
    better = [nll * 0.95 for nll in table["nll"].to_pylist()]
    pq.write_table(table.set_column(table.schema.get_field_index("nll"), "nll", [better]), path)

    def improve(report: dict[str, Any]) -> None:
        for name, measured in report["text"]["measures"].items():
            if name == "bits_per_byte":
                measured["value"] *= 0.95
            elif "perplexity" in name:
                measured["value"] **= 0.95

    change(run.evaluation / "report.json", improve)
    reseal_all(run, recipe)
    found = faults(run, recipe)
    assert found and all("with the weights that are here" in fault for fault in found)


def test_a_false_figure_of_a_report_is_found_in_its_rows(run: RunDir) -> None:
    recipe = run.recipe()

    def lower(report: dict[str, Any]) -> None:
        report["text"]["measures"]["bits_per_byte"]["value"] *= 0.99

    def smaller(report: dict[str, Any]) -> None:
        report["suites"]["pairs"]["languages"]["en"]["groups"]["gender"]["gap"]["value"] *= 0.5

    change(run.evaluation / "report.json", lower)
    change(run.audit / "report.json", smaller)
    reseal_all(run, recipe)
    assert [fault.split(": ")[0] for fault in faults(run, recipe)] == ["evaluation/report.json", "audit/report.json"]


def test_a_false_number_of_documents_read_is_found_in_the_ledger(run: RunDir) -> None:
    recipe = run.recipe()

    def more(report: dict[str, Any]) -> None:
        report["exposure"]["read"] += 1

    change(run.pretrain / "report.json", more)
    reseal_all(run, recipe)
    assert [fault.split(": ")[0] for fault in verify(run, recipe)] == ["pretrain/report.json"]


def test_false_scores_of_probes_are_found(run: RunDir) -> None:
    path, recipe = run.audit / "pairs.jsonl", run.recipe()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:  # gaps stay as they are
        line["context_nats"] = [[nats * 0.9 for nats in pair] for pair in line["context_nats"]]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    reseal_all(run, recipe)
    assert len([fault for fault in faults(run, recipe) if fault.startswith("audit/pairs.jsonl: ")]) >= PROBES


def test_without_a_pair_that_the_model_has_met_the_order_of_words_is_scored(run: RunDir) -> None:
    """As in a run whose text is about no people: no gap was measured, and competence was."""
    path, recipe = run.audit / "pairs.jsonl", run.recipe()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line |= {key: [] for key in ("pairs", "context_nats", "neutral_nats", "gaps")}

    def silent(report: dict[str, Any]) -> None:
        for language in report["suites"]["pairs"]["languages"].values():
            for group in language["groups"].values():
                group["gap"] = None

    change(run.audit / "report.json", silent)
    for share, number in ((1.0, 0), (0.9, PROBES)):
        for line in lines:
            if "order" in line:
                line["order"]["nats"] = [nats * share for nats in line["order"]["nats"]]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        reseal_all(run, recipe)
        found = faults(run, recipe)
        assert len(found) == number and all("with the weights that are here" in fault for fault in found)


def test_a_false_competence_is_found_in_its_lines(run: RunDir) -> None:
    recipe = run.recipe()

    def competent(report: dict[str, Any]) -> None:
        report["suites"]["pairs"]["languages"]["en"]["competence"]["value"] = 0.97

    change(run.audit / "report.json", competent)
    reseal_all(run, recipe)
    (fault,) = faults(run, recipe)
    assert fault.startswith("audit/report.json: says that sentences are in order in 97.0% for en")


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[1]\n", b'{"pairs": [], "language": 1}\n'])
def test_what_is_no_list_of_scores_is_one_sentence(run: RunDir, content: bytes) -> None:
    recipe = run.recipe()
    (run.audit / "pairs.jsonl").write_bytes(content)
    (run.evaluation / "documents.parquet").write_bytes(content)
    reseal_all(run, recipe)
    found = faults(run, recipe)
    assert any(fault.startswith("audit/") for fault in found)
    assert any(fault.startswith("evaluation/documents.parquet: cannot be read as scores") for fault in found)


def test_without_its_corpus_only_probes_are_scored(run: RunDir) -> None:
    recipe = run.recipe()
    seals, _ = read_seals(run, recipe)
    del seals["corpus"]
    shutil.rmtree(run.corpus)
    again, found = scored_again(run, recipe, seals, seed=0)
    assert found == [] and (again.documents, again.probes, again.not_scored) == (0, PROBES, ("evaluate",))


@pytest.mark.parametrize("name", ["bert", "t5"])
def test_some_of_the_texts_hide_the_tokens_that_they_hide_among_all(bases: Path, prose: list[str], name: str) -> None:
    model, suite = load(bases / name / "run" / "model"), LanguageModeling(0.95, seed=7)
    texts = [text[:300] for text in prose[:6]]
    every = suite.score(model, texts)
    some = suite.score(model, [texts[4], texts[1]], numbers=[4, 1])
    assert [one.nll for one in some] == pytest.approx([every[4].nll, every[1].nll], rel=1e-4)


def test_a_seed_without_deep_is_refused(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(run.path), "--seed", "3"]) == 2
    assert "--seed 3: give a number from 0 to 4294967295, with --deep" in capsys.readouterr().err
