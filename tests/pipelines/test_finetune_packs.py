"""The seven domain packs, each on examples of its own form added to a run that is there."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from helpers import docstrings

from desdecero.model_cards.words import Language
from desdecero.pipelines.cli import main
from desdecero.pipelines.recipe.domains import domain, task_of
from desdecero.pipelines.run.reports import FinetuneReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages

DATA = Path(os.environ.get("DESDECERO_DATA", "/nowhere"))
"""Public data; none of it is needed for the packs whose examples are made here."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),  # in peft
]


def _jsonl(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def education(folder: Path) -> list[str]:
    return ["--data", str(Path(__file__).parents[1] / "reading_levels.jsonl")]


def software(folder: Path) -> list[str]:
    texts = docstrings("csv", "shutil", "textwrap", "string")
    rows = [{"prompt": f"What does {text.split()[0]} do?", "response": text[:40]} for text in texts[:30]]
    return ["--data", str(_jsonl(folder / "answers.jsonl", rows))]


def support(folder: Path) -> list[str]:
    with (DATA / "eval/banking77/train.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["category"] in ("card_arrival", "age_limit", "top_up_failed")
        ]
    with (folder / "questions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ["question", "topic"])
        table.writeheader()
        table.writerows({"question": row["text"], "topic": row["category"]} for row in rows[::4])
    return ["--data", str(folder / "questions.csv"), "--text", "question", "--label", "topic"]


def marketing(folder: Path) -> list[str]:
    lines = {
        label: (DATA / f"eval/sentence_polarity/rt-polarity.{label}").read_text(encoding="latin-1").splitlines()[:50]
        for label in ("pos", "neg")
    }
    rows = [{"text": line, "label": label} for label, part in lines.items() for line in part]
    train, test = _jsonl(folder / "reviews.jsonl", rows[::2]), _jsonl(folder / "test.jsonl", rows[1::2])
    return ["--data", str(train), "--test", str(test)]


def health(folder: Path) -> list[str]:
    cases = folder / "cases"
    cases.mkdir()
    for file in sorted((DATA / "pii/meddocan/train/brat").glob("*.txt"))[:12]:
        for part in (file, file.with_suffix(".ann")):
            shutil.copy(part, cases)
    return ["--data", str(cases)]


def _laws(folder: Path, kind: str) -> list[str]:
    with gzip.open(DATA / "corpora/leyes_pe.jsonl.gz", "rt", encoding="utf-8") as file:
        laws = (law for law in map(json.loads, file) if law["domain"] == kind and not law["stub"])
        rows = [{"text": law["text"][:600]} for law in islice(laws, 24)]
    return ["--data", str(_jsonl(folder / f"{kind}.jsonl", rows))]


def legal(folder: Path) -> list[str]:
    return _laws(folder, "general_law")


def finance(folder: Path) -> list[str]:
    return ["--task", "text", *_laws(folder, "finance_tax")]


LOCAL = pytest.mark.skipif(not DATA.is_dir(), reason="DESDECERO_DATA does not name a folder of public data")


@pytest.fixture(scope="module")
def run(run_without_adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return RunDir(shutil.copytree(run_without_adapter, tmp_path_factory.mktemp("packs") / "run"))


@pytest.mark.parametrize(
    "examples",
    [education, software, *(pytest.param(one, marks=LOCAL) for one in (support, marketing, health, legal, finance))],
)
def test_a_pack_adapts_a_run_which_stays_sealed(
    examples: Callable[[Path], list[str]], run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = examples.__name__
    words = ["--set", f"finetune.{name}.steps=2", "--set", f"finetune.{name}.max_eval_bytes=2000"]
    assert main(["finetune", str(run.path), "--domain", name, *examples(tmp_path), *words]) == 0, (
        capsys.readouterr().err
    )
    recipe = run.recipe()
    report = run.report(f"finetune:{name}", recipe)
    assert isinstance(report, FinetuneReport) and report.domain_pack == name
    assert report.task == ("text" if name == "finance" else task_of(name))
    card = run.adapter(name) / "card"
    pages: dict[Language, str] = {"en": "README.md", "es": "README.es.md"}
    for language, page in pages.items():
        assert domain(name).not_for[0].read_in(language) in " ".join((card / page).read_text(encoding="utf-8").split())
    capsys.readouterr()
    assert main(["verify", str(run.path)]) == 0
    states = {stage.name: run.state(stage, recipe).name for stage in stages(recipe).values()}
    assert set(states.values()) == {"sealed"}, states
