"""The card stage: what it writes, where, and that it quotes only what was sealed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt
from sealed_run import make_sealed_run, missing_figures, reseal, seal_card

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import sha256_file
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.of_run import verify
from desdecero.pipelines.write_card import write_card


def test_the_card_lies_in_its_folder_and_beside_the_weights(tmp_path: Path):
    run, recipe = make_sealed_run(tmp_path / "run")
    for name in ("README.md", "README.es.md", "loss.png", "loss.es.png"):
        assert (run.card / name).read_bytes() == (run.model / name).read_bytes()
    for page, picture in (("README.md", "loss.png"), ("README.es.md", "loss.es.png")):
        assert (run.card / picture).read_bytes() == (run.pretrain / picture).read_bytes()
        assert f"]({picture})" in (run.card / page).read_text(encoding="utf-8")
    assert verify(run, recipe) == []
    assert missing_figures(run) == []
    assert ModelCard.load(run.model / "README.md").data.model_name == "stamp"


def test_a_run_that_was_trained_before_there_was_a_picture_in_spanish_shows_the_english_one(tmp_path: Path):
    run, recipe = make_sealed_run(tmp_path / "run")
    (run.pretrain / "loss.es.png").unlink()
    outputs = json.loads((run.pretrain / "done.json").read_text())["outputs"]
    del outputs["pretrain/loss.es.png"]
    reseal(run, "pretrain", outputs=outputs)
    out = run.start(stages(recipe)["card"], recipe)
    write_card(recipe, run, out)
    assert "](loss.png)" in (out.card / "README.es.md").read_text(encoding="utf-8")
    assert (out.model / "loss.png").exists() and not (out.model / "loss.es.png").exists()


def test_every_quote_stands_in_the_file_that_it_names(tmp_path: Path):
    run, recipe = make_sealed_run(tmp_path / "run")
    quotes = json.loads((run.card / "evidence.json").read_text())
    assert run.report("card", recipe).quoted == len(quotes) > 150
    for quote in quotes:
        path = run.path / quote["report"]
        assert sha256_file(path) == quote["sha256"]
        if path.suffix == ".json":
            value = json.loads(path.read_text())
            for step in quote["pointer"].split("/")[1:]:
                value = value[int(step) if isinstance(value, list) else step.replace("~1", "/").replace("~0", "~")]
            assert value == quote["value"]


def test_the_same_reports_give_the_same_bytes(tmp_path: Path):
    run, recipe = make_sealed_run(tmp_path / "run")
    before = run.seal("card", recipe)
    seal_card(recipe, run)
    after = run.seal("card", recipe)
    assert before is not None and after is not None and before.digest == after.digest


def test_a_report_that_was_altered_is_not_quoted(tmp_path: Path):
    run, recipe = make_sealed_run(tmp_path / "run")
    report = run.evaluation / "report.json"
    report.write_text(report.read_text().replace("2.4641", "1.4641"))  # as long as it was, so only its hash tells
    with pytest.raises(UserError, match=r"evaluation/report\.json is not as evaluate sealed it"):
        write_card(recipe, run, run.start(stages(recipe)["card"], recipe))


@pytest.mark.slow
def test_the_code_on_the_card_runs_beside_the_weights(tmp_path: Path):
    """For each kind of model, in one new process that imports the libraries once."""
    every = "import os\n"
    for architecture in ("llama", "bert", "t5"):
        run, _ = make_sealed_run(tmp_path / architecture, architecture=architecture)
        tokens = MarkdownIt("commonmark").parse(ModelCard.load(run.model / "README.md").text)
        (code,) = [token.content for token in tokens if token.type == "fence" and token.info == "python"]
        every += f"os.chdir({str(run.model)!r})\nexec({code!r}, {{'__name__': '__main__'}})\nprint('---')\n"
    ran = subprocess.run([sys.executable, "-c", every], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    *written, end = ran.stdout.split("---\n")
    assert len(written) == 3 and all(text.strip() for text in written) and not end


def test_the_code_on_the_card_names_the_repository_where_there_is_one(tmp_path: Path):
    run, _ = make_sealed_run(tmp_path / "run", "publish.repo_id=me/stamp")
    assert 'model = "me/stamp"\n' in (run.card / "README.md").read_text()
    assert 'model = "me/stamp"\n' in (run.card / "README.es.md").read_text()
