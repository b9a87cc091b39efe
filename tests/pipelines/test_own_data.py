"""Adapters on texts of one's own, added to a run that is there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from helpers import docstrings
from sealed_run import missing_figures

from desdecero.pipelines.cli import main
from desdecero.pipelines.run.reports import FinetuneReport
from desdecero.pipelines.run.run_dir import ADDED, RunDir
from desdecero.pipelines.run.stages import BASE

OF_RUN = ("pretrain.budget={steps: 5}", "evaluate={max_bytes: 3000, sample_tokens: 4}", "audit.languages=[en]")
QUICK = ("rank=2", "alpha=4", "budget.steps=3", "max_eval_bytes=3000")


def jsonl(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [
        text
        for text in docstrings(
            "csv", "copy", "calendar", "gettext", "codecs", "socket", "string", "optparse", "pdb", "ssl"
        )
        if len(text) > 80
    ]


@pytest.fixture
def run(run_without_adapter: Path, tmp_path: Path) -> RunDir:
    return RunDir(shutil.copytree(run_without_adapter, tmp_path / "run"))


def finetune(run: RunDir, name: str, *words: str | Path) -> int:
    settings = [part for one in QUICK for part in ("--set", f"finetune.{name}.{one}")]
    return main(["finetune", str(run), *map(str, words), *settings])


@pytest.mark.slow
def test_adapters_added_to_a_run_leave_it_sealed_and_are_known_to_every_command(
    run: RunDir, texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name != ".lock"}
    laws = jsonl(tmp_path / "laws.jsonl", texts[:30])
    assert finetune(run, "legal", "--domain", "legal", "--data", laws) == 0
    plain = tmp_path / "notes"
    plain.mkdir()
    for number, text in enumerate(texts[30:50]):
        (plain / f"{number}.txt").write_text(text, encoding="utf-8")
    assert finetune(run, "notes", "--adapter", "notes", "--data", plain) == 0
    assert {path: path.read_bytes() for path in before} == before
    said = capsys.readouterr().out
    assert "card:legal sealed" in said and "card:notes sealed" in said
    recipe = run.recipe()
    assert list(recipe.adapters) == ["legal", "notes"] and not run.unsealed.path.exists()
    report = run.report("finetune:legal", recipe)
    assert isinstance(report, FinetuneReport) and report.data is not None
    assert report.data.train + report.data.validation + report.data.test + sum(report.data.left_out.values()) == 30
    assert report.domain_pack == "legal" and report.steps == 3 and not (run.adapter("legal") / "tokens.bin").exists()

    assert main(["verify", str(run)]) == 0
    assert f"whole: {len(BASE) + 1 + 2 * 4} stages" in capsys.readouterr().out
    assert main(["status", str(run)]) == 0
    assert capsys.readouterr().out.count(" sealed ") == len(BASE) + 1 + 2 * 4
    assert main(["adapters", str(run)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in told] == [["legal", "sealed", "text,"], ["notes", "sealed", "text,"]]
    for page, words in (("README.md", "Not to be used for"), ("README.es.md", "No debe usarse para")):
        card = (run.adapter("legal") / "card" / page).read_text(encoding="utf-8")
        assert words in card and report.data.sha256 in card
    assert not missing_figures(run, "legal")

    jsonl(laws, texts[:40])
    assert main(["status", str(run)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("finetune:legal"))
    assert "stale" in line and "the data of the adapter legal changed" in line
    shutil.rmtree(run.adapter("legal"))
    assert main(["verify", str(run)]) == 0 and list(run.recipe().adapters) == ["notes"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "finetune"])
def test_an_adapter_that_the_recipe_names_later_leaves_the_run_whole(
    run: RunDir, tiny_runs: dict[str, Path], texts: list[str], tmp_path: Path, command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    data = jsonl(tmp_path / "mine.jsonl", texts[:20])
    section = f"finetune={{mine: {{rank: 2, budget: {{steps: 3}}, max_eval_bytes: 3000, data: {{train: {data}}}}}}}"
    words = [part for word in (*OF_RUN, section) for part in ("--set", word)]
    before = run.recipe_file.read_bytes()
    place = [str(tiny_runs["llama"]), "--run-dir", str(run)]
    assert main([command, *place, *words]) == 0
    assert main(["run", *place, *words]) == 0
    assert run.recipe_file.read_bytes() == before and (run.adapter("mine") / ADDED).is_file()
    capsys.readouterr()
    assert main(["verify", str(run)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--domain", "legal"), "give the examples with --data"),
        (("--data", "laws.jsonl"), "a name with --domain or --adapter"),
        (("--domain", "helth", "--data", "laws.jsonl"), "no domain 'helth': did you mean health?"),
        (("--domain", "support", "--data", "laws.jsonl"), "laws.jsonl, line 1: no field 'label'"),
        (("--domain", "legal", "--data", "nowhere.jsonl"), "nowhere.jsonl: no such file or folder"),
        (("--adapter", "../up", "--data", "laws.jsonl"), "this name is also that of a folder"),
        (("--adapter", "mine", "--data", "empty.jsonl"), "empty.jsonl"),
        (("--adapter", "mine", "--data", "other.jsonl"), "other.jsonl, line 2: no field 'text'"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_in_a_sentence(
    run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    jsonl(tmp_path / "laws.jsonl", ["The law."])
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    (tmp_path / "other.jsonl").write_text('{"text": "a"}\n{"body": "b"}\n', encoding="utf-8")
    assert main(["finetune", str(run), *words]) == 2
    assert said in capsys.readouterr().err
    assert not run.recipe().adapters


@pytest.mark.slow
def test_a_name_that_other_data_have_is_refused(
    run: RunDir, texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = jsonl(tmp_path / "one.jsonl", texts[:20]), jsonl(tmp_path / "other.jsonl", texts[20:40])
    assert finetune(run, "mine", "--adapter", "mine", "--data", one) == 0
    assert finetune(run, "mine", "--adapter", "mine", "--data", one) == 0
    assert "finetune:mine sealed, nothing to do" in capsys.readouterr().out
    assert finetune(run, "mine", "--adapter", "mine", "--data", other) == 2
    assert "the adapter mine" in capsys.readouterr().err
