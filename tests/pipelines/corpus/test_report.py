"""The report's figures are those of the ledger, step by step."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from helpers import forked

from desdecero.pipelines.run.run_dir import RunDir


@pytest.fixture(scope="module")
def run(prose: list[str], tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A small corpus of two sources in which something happens at every step."""
    folder = tmp_path_factory.mktemp("report")
    for number, text in enumerate(prose[:80]):
        place = folder / ("manual" if number % 3 else "notes")
        place.mkdir(exist_ok=True)
        (place / f"{number:02d}.txt").write_text(f"{text}\n\nAsk ana.{number}@correo.es.\n", encoding="utf-8")
    (folder / "notes" / "copy.txt").write_text(f"{prose[0]}\n\nAsk ana.0@correo.es.\n", encoding="utf-8")
    (folder / "notes" / "short.txt").write_text("Too short.", encoding="utf-8")
    (folder / "notes" / "noise.txt").write_bytes(bytes(range(256)) * 40)
    (folder / "r.yaml").write_text(
        "name: r\npurpose: To count | and see.\nlanguages: [en]\ncorpus:\n  sources:\n"
        "    - {kind: files, path: manual, license: PSF-2.0}\n    - {kind: files, path: notes, license: CC-BY-SA-4.0}\n"
        "tokenizer: {vocab_size: 500}\npretrain: {budget: {steps: 1}}\n",
        encoding="utf-8",
    )
    finished = forked("corpus", "r.yaml", "--run-dir", "run", cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return RunDir(folder / "run")


@pytest.fixture(scope="module")
def report(run: RunDir) -> dict[str, Any]:
    return json.loads((run.corpus / "report.json").read_text(encoding="utf-8"))


def test_what_leaves_a_step_enters_the_next(run: RunDir, report: dict[str, Any]) -> None:
    steps = report["steps"]
    for one, following in itertools.pairwise(steps):
        assert one["documents_out"] == following["documents_in"]
        assert one["bytes_out"] == following["bytes_in"]
    assert steps[0]["documents_in"] == report["documents"]["read"]
    assert steps[0]["bytes_in"] == report["bytes"]["read"]
    assert steps[-1]["documents_out"] == report["documents"]["kept"]
    assert steps[-1]["bytes_out"] == report["bytes"]["kept"]
    ledger = pq.read_table(run.ledger).to_pylist()
    for step in steps:
        dropped = sum(row["dropped_by"] == step["step"] for row in ledger)
        assert step["documents_in"] - step["documents_out"] == dropped


def test_counts_are_those_of_the_ledger(run: RunDir, report: dict[str, Any]) -> None:
    ledger = pq.read_table(run.ledger).to_pylist()
    kept = [row for row in ledger if row["decision"] == "kept"]
    assert report["documents"]["kept"] == len(kept) > 50
    assert report["documents"]["quarantined"] == 1 == len(report["quarantined"])
    assert report["bytes"]["kept"] == sum(row["bytes_after"] for row in kept)
    for source in report["sources"]:
        assert source["documents"] == sum(row["source"] == source["name"] for row in kept)
        assert source["bytes"] == sum(row["bytes_after"] for row in kept if row["source"] == source["name"])
    emails = sum(dict(row["edits"]).get("email", 0) for row in kept)
    assert report["edits"]["redacted"]["email"] == report["edits"]["kinds"]["email"]["edits"] == emails == len(kept)


def test_recall_is_measured_on_planted_items_and_no_address_is_shown(run: RunDir, report: dict[str, Any]) -> None:
    email = report["personal_data"]["planted"]["email"]
    assert email["planted"] >= 100
    assert email["recall"] == email["found"] / email["planted"] > 0.95
    assert 0.9 < email["low"] <= email["recall"] <= email["high"] <= 1
    for path in run.corpus.glob("*.*"):
        assert b"@correo.es" not in path.read_bytes()


def test_licences_are_judged_and_attributed(run: RunDir, report: dict[str, Any]) -> None:
    asked = {row["kind"]: row["licenses"] for row in report["licensing"]["asks"]}
    assert asked["share_alike"] == ["CC-BY-SA-4.0"]
    assert "notes" in (run.corpus / "ATTRIBUTION.md").read_text(encoding="utf-8")


def written(documents: int) -> str:
    """A count as the English page prints it."""
    return f"{documents:,}"


def size(count: int) -> str:
    """Bytes as both pages print them."""
    return f"{count} B" if count < 1000 else f"{count / 1000:.3g} kB"


def opening(page: str) -> list[str]:
    """The figures of the sentences that open a datasheet."""
    (sentences,) = re.findall(r"^.*(?=`ledger\.parquet`)", page.replace("\u00a0", ","), flags=re.MULTILINE)
    return re.findall(r"\d[\d,.]*\b(?: k?B\b)?", sentences)


def rows_of_steps(page: str) -> list[list[str]]:
    """The cells of the table of steps, but for their names."""
    (table,) = re.findall(r"\n\|---(?:\|---:){5}\|\n((?:\|.*\n)+)", page.replace("\u00a0", ","))
    return [[cell.strip() for cell in row.split("|")[2:-1]] for row in table.splitlines()]


def test_datasheet_says_the_same_in_both_languages(run: RunDir, report: dict[str, Any]) -> None:
    english = (run.corpus / "README.md").read_text(encoding="utf-8")
    spanish = (run.corpus / "README.es.md").read_text(encoding="utf-8")
    for page, ending in ((english, ""), (spanish, ".es")):
        assert page.count("\n| ") == english.count("\n| ")
        assert page.count("\n## ") == english.count("\n## ")
        documents, sizes = report["documents"], report["bytes"]
        assert opening(page) == [
            *(written(documents["read"]), size(sizes["read"]), written(documents["kept"]), size(sizes["kept"])),
            *(written(documents["dropped"]), written(documents["quarantined"])),
        ]
        assert rows_of_steps(page) == [
            [
                *(written(step["documents_in"]), written(step["documents_out"])),
                *(size(step["bytes_in"]), size(step["bytes_out"]), written(step["changed"])),
            ]
            for step in report["steps"]
        ]
        assert r"To count \| and see." in page
        for picture in (f"overview{ending}.png", f"personal_data{ending}.png"):
            assert f"({picture})" in page
            assert (run.corpus / picture).stat().st_size > 5000
    assert "recall on planted data" in english
    assert "exhaustividad sobre datos sembrados" in spanish


def test_lines_that_many_documents_share_are_counted_first_and_then_removed(prose: list[str], tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(prose[:40]):
        page = f"Boletín de la Casa del Libro, número único\n{text}\n"
        (tmp_path / "texts" / f"{number}.txt").write_text(page, encoding="utf-8")
    (tmp_path / "r.yaml").write_text(
        "name: r\npurpose: P.\nlanguages: [en]\ncorpus:\n  sources: [{kind: files, path: texts, license: PSF-2.0}]\n"
        "  lines: {across_documents: 0.5}\npretrain: {budget: {steps: 1}}\n",
        encoding="utf-8",
    )
    finished = forked("corpus", "r.yaml", "--run-dir", "run", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    texts = [
        row["text"] for path in (tmp_path / "run/corpus/documents").iterdir() for row in pq.read_table(path).to_pylist()
    ]
    assert len(texts) > 20
    assert not any("Casa del Libro" in text for text in texts)


def test_every_corrected_word_is_on_record(tmp_path: Path) -> None:
    """A scanner's slip among clean words: the report lists what was changed into what, and how often."""
    (tmp_path / "texts").mkdir()
    matters = ["la educación rural", "el agua potable", "los mercados", "las carreteras", "la salud", "los bosques"]
    for number, matter in enumerate(matters):
        others = [
            f"La comisión aprobó la resolución número {i} sobre {matter} y el {i}.º plan." for i in range(number, 12)
        ]
        text = " ".join(others) + f" Se publicó la resolucíón de {matter}.\n"
        (tmp_path / "texts" / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "r.yaml").write_text(
        "name: r\npurpose: P.\nlanguages: [es]\ncorpus:\n"
        "  sources: [{kind: files, path: texts, license: CC0-1.0, language: es}]\n  spelling: {}\n"
        "  quality: {max_duplicate_ngrams: {}, max_top_ngrams: {}}\n  deduplication: {similarity: 1}\n"
        "pretrain: {budget: {steps: 1}}\n",
        encoding="utf-8",
    )
    finished = forked("corpus", "r.yaml", "--run-dir", "run", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    report = json.loads((tmp_path / "run/corpus/report.json").read_text(encoding="utf-8"))
    assert {"word": "resolucíón", "replacement": "resolución"}.items() <= report["corrections"][0].items()
    assert sum(row["count"] for row in report["corrections"]) == report["edits"]["kinds"]["spelling"]["edits"]
    for name in ("README.md", "README.es.md"):
        assert "resolucíón → resolución" in (tmp_path / "run/corpus" / name).read_text(encoding="utf-8")


def test_figures_from_elsewhere_are_quoted_for_the_steps_that_ran(run: RunDir, report: dict[str, Any]) -> None:
    rows = report["measured_elsewhere"]
    assert {row["step"] for row in rows} == {
        "licenses",
        "quality",
        "personal_data",
    }  # no language
    for page, language in (("README.md", "en"), ("README.es.md", "es")):
        text = (run.corpus / page).read_text(encoding="utf-8")
        assert all(f"| {row['what'][language]} | {row['data'][language]} |" in text for row in rows)
