"""`desdecero gate`: whether a run may be published, by its policy or by another preset."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sealed_run import FIT, make_reports, make_sealed_run

from desdecero.pipelines.cli import main
from desdecero.pipelines.common.files import json_text


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sealed_run(tmp_path_factory.mktemp("gate") / "run", *FIT)[0].path


@pytest.fixture
def run(whole_run: Path, tmp_path: Path) -> Path:
    """A copy to alter at will; its adapter, of which nothing was made, is no part of it."""
    return Path(shutil.copytree(whole_run, tmp_path / "run"))


def gate(run: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["gate", str(run), *words])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def judged(run: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code, said = gate(run, capsys, "--json", *words)
    return code, json.loads(said)


def test_what_passes_is_told_rule_by_rule_and_nothing_is_written(
    whole_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in whole_run.rglob("*") if path.is_file()}
    code, said = gate(whole_run, capsys)
    assert code == 0 and said.startswith("policy: research") and "nothing refuses it" in said
    assert "passed  evaluation: the model is shown to predict text better" in said
    assert "passes: 1.6%, at most 5% (card/licensing.json /licenses/*/verdict" in said
    assert "warning memorization: " in said and "to fix: ask audit.suites.memorization" in said
    assert {path: path.read_bytes() for path in whole_run.rglob("*") if path.is_file()} == before


def test_another_preset_asks_for_more(whole_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = judged(whole_run, capsys, "--preset", "open_release")
    assert (code, found["preset"]) == (1, "open_release")
    assert found["refused"] == ["license_unknown", "personal_data", "memorization", "languages"]
    (personal_data,) = [one for one in found["verdicts"] if one["rule"] == "personal_data"]
    assert personal_data["pointer"] == "/personal_data/planted/phone/forms/ar_phone/alone/low"
    assert len(found["verdicts"]) == 15
    code, said = gate(whole_run, capsys, "--preset", "open_release", "--language", "es")
    assert code == 1 and "RECHAZADO personal_data" in said and "teléfonos (Argentina), sin rótulo" in said


def test_internal_asks_for_whole_evidence_and_no_denied_licence_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfit = make_sealed_run(tmp_path / "run", "policy.preset=internal", "card.intended_use=''")[0].path
    assert judged(unfit, capsys)[1]["refused"] == []
    code, found = judged(unfit, capsys, "--preset", "research")
    assert (code, found["refused"]) == (1, ["license_conflict", "bias", "card_complete"])
    assert "card.intended_use, card.limitations, card.contact" in gate(unfit, capsys, "--preset", "research")[1]
    denied = make_sealed_run(tmp_path / "denied", "policy.preset=internal", "corpus.licenses={denied: [CC-BY-NC-SA-*]}")
    assert judged(denied[0].path, capsys)[1]["refused"] == ["license_denied"]


def test_stale_and_altered_evidence_is_refused_by_seals(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (run / "audit" / "report.json").open("a") as report:
        report.write(" ")
    code, found = judged(run, capsys)
    assert code == 1 and {"seals", "bias"} <= set(found["refused"])
    (seals,) = [one for one in found["verdicts"] if one["rule"] == "seals"]
    assert any("audit/report.json: altered" in fault for fault in seals["values"]["wrong"]["files"])
    assert "audit/report.json: altered since audit was sealed" in gate(run, capsys)[1]
    said = gate(run, capsys, "--language", "es")[1]
    assert "no está como se selló: audit/report.json" in said and "altered" not in said
    recipe = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(recipe.replace("  margin: 0.5\n", "  margin: 0.4\n"))
    assert "audit (sin actualizar)" in gate(run, capsys, "--language", "es")[1]


@pytest.mark.parametrize("place", ["audit/report.json", "card/licensing.json", "corpus/report.json", "audit/done.json"])
@pytest.mark.parametrize("content", ["", "[]", "{", '{"suites": 3}', "null"])
def test_damaged_reports_are_refused_without_a_traceback(
    run: Path, place: str, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / place).write_text(content)
    code, found = judged(run, capsys)
    assert code == 1 and "seals" in found["refused"]


def test_a_model_that_learnt_nothing_is_refused_by_evaluation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = make_reports()
    reports["evaluate"]["text"]["measures"]["bits_per_byte"] |= {"value": 2.9, "low": 2.85, "high": 2.95}
    run = make_sealed_run(tmp_path / "run", *FIT, reports=reports)[0].path
    assert judged(run, capsys)[1]["refused"] == ["evaluation"]
    assert judged(run, capsys, "--preset", "internal")[0] == 0


def test_waivers_that_count_and_that_expired_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waivers = (
        "policy.waivers=[{rule: license_conflict, licenses: [CC-BY-NC-SA-4.0], by: Ana, reason: agreed, "
        "until: 2999-01-01}, {rule: bias, by: Ana, reason: hurry, until: 2026-01-01}]"
    )
    run, _ = make_sealed_run(tmp_path / "run", *FIT[2:], waivers)
    code, said = gate(run.path, capsys)
    assert code == 1 and said.endswith("refused by bias\n")
    assert "waived by Ana until 2999-01-01: agreed (for CC-BY-NC-SA-4.0 alone)" in said
    assert "a waiver by Ana expired on 2026-01-01 and does not count: hurry" in said
    sealed = json.loads((run.card / "gate.json").read_text())
    assert (run.card / "gate.json").read_text() == json_text(sealed) and sealed["refused"] == ["bias"]
    rules = {one["rule"]: one["verdict"] for one in sealed["verdicts"]}
    assert len(rules) == 13 and not rules.keys() & {"seals", "signed"} and rules["license_conflict"] == "waived"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--preset", "open"), "invalid choice: 'open'"), (("--adapter", "law"), "name one of the recipe's adapters")],
)
def test_wrong_words_are_one_sentence(
    whole_run: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = gate(whole_run, capsys, *words)
    assert code == 2 and said in told and told.count("\n") == 1
