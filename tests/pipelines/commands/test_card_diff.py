"""What changed between two cards is told in words, with paired intervals where both models' scores are here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sealed_run import estimate, make_reports, make_sealed_run

from desdecero.model_cards.card_changes import changes, reports_of
from desdecero.model_cards.words import LANGUAGES, Language
from desdecero.pipelines.cli import main
from desdecero.pipelines.common.errors import EXIT_OK, EXIT_USER_ERROR
from desdecero.pipelines.run.run_dir import RunDir

DOCUMENTS = 60


def other_reports() -> dict[str, Any]:
    reports = make_reports()
    reports["corpus"]["documents"]["kept"] = 9900
    reports["corpus"]["drops"]["toxic"] = reports["corpus"]["drops"].pop("too_few_words")
    reports["pretrain"]["exposure"]["licenses"].pop()
    reports["evaluate"]["text"]["measures"]["bits_per_byte"] |= estimate(2.1, 0.03)
    reports["audit"]["suites"]["pairs"]["languages"]["en"]["groups"]["gender"]["verdict"] = "bias found"
    return reports


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, RunDir]:
    folder = tmp_path_factory.mktemp("cards")
    first, _ = make_sealed_run(folder / "first")
    second, _ = make_sealed_run(folder / "second", "card.license=MIT", reports=other_reports())
    return first, second


def told(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main(["card", "diff", *map(str, words)]) == EXIT_OK
    return capsys.readouterr().out


def write_scores(run: RunDir, bits: np.ndarray[Any, Any], first_document: int = 0) -> None:
    sizes = np.full(DOCUMENTS, 1000)
    columns = {
        "id": [f"document {first_document + number}" for number in range(DOCUMENTS)],
        "nll": bits * sizes * np.log(2), "correct": np.zeros(DOCUMENTS), "tokens": sizes // 3, "bytes": sizes,
    }  # fmt: skip
    pq.write_table(pa.table(columns), run.path / "evaluation/documents.parquet")


SAID = {
    "en": [
        "Data\n  Documents kept: 9,876 → 9,900\n",
        "Left out as too few words: 1,018, which the second does not have",
        "Licence of the model: Apache-2.0 → MIT",
        "Share of tokens read under LicenseRef-unknown: 1.6%, which the second does not have",
        "share-alike or copyleft, against MIT: 4.6%, which the first does not have",
        "Training: the same",
        "held-out text, bits per byte: 2.464 (2.426 to 2.502) → 2.100 (2.070 to 2.130)",
        "Paired sentences, English, gender: found, but within the margin → bias found",
    ],
    "es": [
        "Datos\n  Documentos conservados: 9876 → 9900\n",
        "Descartados: tóxico: 1018, que la primera no tiene",
        "Entrenamiento: lo mismo",
        "Pares de frases, inglés, género: lo hay, pero dentro del margen → hay sesgo",
    ],
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_data_licences_scores_and_verdicts_that_changed_are_told_in_words(
    runs: tuple[RunDir, RunDir], language: Language, capsys: pytest.CaptureFixture[str]
):
    text = told(capsys, runs[0].path, runs[1].path, "--language", language)
    assert [sentence for sentence in SAID[language] if sentence not in text] == []
    assert ("are not here" if language == "en" else "no están aquí") in text  # no scores by document yet


def test_a_card_is_the_same_as_itself_and_its_folder_is_enough(
    runs: tuple[RunDir, RunDir], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "evidence.json").write_bytes((runs[0].card / "evidence.json").read_bytes())
    text = told(capsys, runs[0].path, runs[0].card)
    assert text.count("the same") == len(text.splitlines()) == 6
    assert "→" not in told(capsys, runs[0].path, alone)
    assert "Apache-2.0 → MIT" in told(capsys, alone, runs[1].path)


def test_the_same_documents_give_a_paired_interval_and_others_the_reason_for_none(
    runs: tuple[RunDir, RunDir], capsys: pytest.CaptureFixture[str]
):
    draw = np.random.default_rng(0)
    hard = draw.normal(2.4, 0.5, DOCUMENTS)
    write_scores(runs[0], hard)
    write_scores(runs[1], hard - 0.3 + draw.normal(0, 0.02, DOCUMENTS))
    report = json.loads(told(capsys, runs[0].path, runs[1].path, "--json"))
    (row,) = report["paired"]
    low, high = row["difference"]["low"], row["difference"]["high"]
    assert -0.32 < low < -0.3 + 0.01 and high - low < 0.03  # unpaired, it would be as wide as the documents differ
    assert row["verdict"] == "first better" and report["not_paired"] == ""
    keys = {change["key"] for change in report["changes"]}
    assert {"recipe:/card/license", "corpus:/drops/toxic", "evaluate:/language_modeling/bits_per_byte"} <= keys
    text = told(capsys, runs[0].path, runs[1].path)
    assert "bits per byte, second minus first on the same items: −0." in text
    write_scores(runs[1], hard, first_document=7)
    text = told(capsys, runs[0].path, runs[1].path)
    assert "Not compared item by item: " in text and "second minus first" not in text


def test_verdicts_of_the_gate_and_of_an_adapter_are_compared():
    def quotes(**values: str) -> list[dict[str, str]]:
        return [{"key": key, "value": value} for key, value in values.items()]

    first = reports_of(
        quotes(**{"gate:/verdicts/0/rule": "bias", "gate:/verdicts/0/verdict": "fail",
                  "finetune:legal:/verdict": "worse", "evaluate:/text/measures/f1/value": "base",
                  "evaluate:legal:/text/main": "f1"})
    )  # fmt: skip
    second = reports_of(quotes(**{"gate:/verdicts/3/rule": "bias", "gate:/verdicts/3/verdict": "waived"}))
    found = {change.key: (change.before, change.after) for change in changes("en", first, second)}
    assert found.keys() == {"gate:/bias", "finetune:/verdict"}  # and nothing of the adapter's base
    assert found["finetune:/verdict"][1] is None


@pytest.mark.parametrize("content", ["{}", "[1]", "[{}]", '[{"key": "corpus", "value": 1}]', "not JSON", '{"a": NaN}'])
def test_what_is_no_evidence_is_refused_in_one_sentence(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "evidence.json").write_text(content)
    assert main(["card", "diff", str(tmp_path), str(tmp_path)]) == EXIT_USER_ERROR
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "evidence.json" in sentence and "desdecero card" in sentence


@pytest.mark.parametrize(
    "quotes",
    [
        {"pretrain:/steps": "ten"}, {"corpus:/sources": 1, "corpus:/sources/0/name": 1}, {"corpus:/bytes/kept": "much"},
        {"recipe:/purpose": 3}, {"recipe:/card/authors": "x"}, {"evaluate:/text/measures": 3},
        {"evaluate:/text/measures/loss/value": "3"}, {"licensing:/conflicts/0/share_tokens": 0.1},
        {"gate:/verdicts/0/rule": "bias", "gate:/verdicts/0/verdict": 5}, {"corpus:/bytes/kept": 10**400},
    ],
    ids=lambda quotes: next(iter(quotes)),
)  # fmt: skip
@pytest.mark.parametrize("second", [False, True], ids=["as the first", "as the second"])
def test_values_of_another_kind_are_no_evidence(
    quotes: dict[str, Any], second: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folders = [tmp_path / "good", tmp_path / "bad"]
    for folder, content in zip(folders, ({}, quotes), strict=True):
        folder.mkdir()
        evidence = [{"key": key, "value": value} for key, value in content.items()]
        (folder / "evidence.json").write_text(json.dumps(evidence))
    words = [str(folder) for folder in (folders if second else folders[::-1])]
    assert main(["card", "diff", *words]) == EXIT_USER_ERROR
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "bad/evidence.json is not the evidence of a card" in sentence


def test_what_evidence_says_draws_nothing_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "evidence.json").write_text(json.dumps([{"key": "recipe:/card/contact", "value": "\x1b[31ma\x07"}]))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/evidence.json").write_text("[]")
    text = told(capsys, tmp_path, tmp_path / "other")
    assert "\x1b" not in text and "\x07" not in text and "\\x1b" in text


def test_the_home_of_nobody_is_no_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["card", "diff", "~nobody-of-that-name", "."]) == EXIT_USER_ERROR
    assert "no card at ~nobody-of-that-name" in capsys.readouterr().err
