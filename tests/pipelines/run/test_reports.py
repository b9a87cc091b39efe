"""The types of the reports: what they refuse, and the page that is generated from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT
from pydantic import ValidationError
from sealed_run import make_reports, make_sealed_run, reseal
from whole_reports import whole

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.reports import REPORTS
from desdecero.pipelines.run.reports.reference import PAGE, page
from desdecero.pipelines.run.seals import fingerprint
from desdecero.pipelines.run.stages import KINDS


def test_every_kind_of_stage_has_a_type() -> None:
    assert REPORTS.keys() == KINDS.keys()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("tokens", {"dtype": "uint16"}),
        ("tokens", {"invented": 1}),
        ("audit", {"margin": float("nan")}),
        ("pretrain", {"steps": -1}),
        ("evaluate", {"text": {"baselines": {"unigram": {"bits_per_byte": {"value": 1.0}}}}}),
    ],
)
def test_a_report_of_another_form_is_refused(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        REPORTS[kind].model_validate(whole(kind, {}) | changes)


def test_a_sealed_report_of_another_version_gets_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    run, recipe = make_sealed_run(tmp_path / "run")
    path = run.tokens / "report.json"
    report = json.loads(path.read_text()) | {"dtype": "uint16"}
    path.write_text(json.dumps(report))
    reseal(run, "tokens")
    with pytest.raises(UserError) as error:
        run.report("tokens", recipe)
    sentence = str(error.value)
    assert "tokens/report.json" in sentence and "dtype" in sentence and "makes it again" in sentence
    assert len(sentence.splitlines()) == 1


def test_a_report_of_an_earlier_code_version_says_which_stage_to_make_again(tmp_path: Path) -> None:
    run, recipe = make_sealed_run(tmp_path / "run")
    path = run.folder("finetune:boats", recipe) / "report.json"
    report = json.loads(path.read_text())
    del report["precision"]
    path.write_text(json.dumps(report))
    seal = run.seal("finetune:boats", recipe)
    assert seal is not None
    reseal(run, "finetune:boats", version=3, fingerprint=fingerprint("finetune:boats", 3, seal.sections, seal.inputs))
    with pytest.raises(UserError, match=r"has the form of code version 3: .*--from finetune:boats"):
        run.report("finetune:boats", recipe)


def test_what_tests_invent_is_of_the_types_that_stages_write() -> None:
    for architecture in ("llama", "bert", "t5"):
        for kind, report in make_reports(architecture).items():
            REPORTS[kind].model_validate(report)


def test_the_page_is_the_one_that_the_types_give() -> None:
    """If this fails: python -m desdecero.pipelines.run.reports.reference"""
    assert (ROOT / "docs" / PAGE).read_text(encoding="utf-8") == page()
