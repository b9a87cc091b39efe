"""What a finished run says at its end, and in which language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import desdecero
from sealed_run import make_recipe, make_reports, make_sealed_run, of_one_document
from whole_reports import whole, without_bytes

from desdecero.model_cards.words import LANGUAGES, Language, reader_language
from desdecero.pipelines.commands.summary import _cautions, _samples, summary
from desdecero.pipelines.run.reports import EvaluationReport, PretrainReport

CALM: dict[str, Any] = {"steps": 2700, "few_steps": False, "machine_busy": False, "machine_slowdown": 1.1}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"machine_slowdown": None}, []),  # of a GPU, that is not known
        ({"few_steps": True, "steps": 12}, ["12 steps are few"]),
        ({"machine_busy": True, "machine_slowdown": 7.25}, ["took 7.2 times its best time"]),
        ({"few_steps": True, "steps": 990, "machine_busy": True}, ["990 steps are few", "the machine was busy"]),
    ],
)
def test_few_steps_and_a_busy_machine_are_said(changes: dict[str, Any], said: list[str]) -> None:
    text = " ".join(
        " ".join(_cautions("en", PretrainReport.model_validate(whole("pretrain", {**CALM, **changes})))).split()
    )
    assert bool(text) == bool(said)
    assert all(words in text for words in said)


def test_whose_beginnings_the_samples_have_is_said() -> None:
    samples = [{"prompt": "The court", "text": "The court decided"}]
    own, held_out = (
        _samples("en", EvaluationReport.model_validate(whole("evaluate", {"prompts_from": source, "samples": samples})))
        for source in ("recipe", "held_out")
    )
    assert "The court▸ decided" in own and "The court▸ decided" in held_out
    assert "held-out documents" in held_out and "held-out documents" not in own


def test_the_whole_is_said_in_either_language_with_the_same_figures(tmp_path: Path) -> None:
    reports = make_reports()
    baselines = {"untrained": {"bits_per_byte": 2.866}, "xz": {"bits_per_byte": 1.882}}
    reports["evaluate"]["text"]["baselines"] = baselines
    run, recipe = make_sealed_run(tmp_path / "run", reports=reports)
    english, spanish = (summary(recipe, run, language) for language in LANGUAGES)
    assert "quality    2.464 bits per byte on held-out text (95% interval 2.426–2.502)" in english
    assert "calidad    bits por byte: 2.464 en texto reservado (intervalo del 95\u00a0%: 2.426–2.502)" in spanish
    for said, text in (
        (english, "in English: found, but within the margin"),
        (spanish, "en inglés: lo hay, pero dentro del margen"),
    ):
        assert text in " ".join(said.split())
    assert "card/README.es.md" in spanish and "card/README.es.md" not in english
    assert "no reader accepted 3 files" in english and "ningún lector aceptó 3 archivos" in spanish
    assert english.count("\n\n") == spanish.count("\n\n")


def test_a_main_measure_other_than_bits_per_byte_is_told(tmp_path: Path) -> None:
    reports = make_reports()
    reports["evaluate"] = without_bytes(reports["evaluate"])
    run, recipe = make_sealed_run(tmp_path / "run", reports=reports)
    assert "134.790 perplexity per token on held-out text" in summary(recipe, run, "en")
    assert "perplejidad por token: 134.790" in summary(recipe, run, "es")


def test_figures_of_one_document_have_no_interval_in_summary_and_card(tmp_path: Path) -> None:
    run, recipe = make_sealed_run(tmp_path / "run", reports=of_one_document(make_reports()))
    english, spanish = (summary(recipe, run, language) for language in LANGUAGES)
    assert "quality    2.464 bits per byte on held-out text (no interval)" in english
    assert "calidad    bits por byte: 2.464 en texto reservado (sin intervalo)" in spanish
    for name, said in (("README.md", "2.464 (no interval)"), ("README.es.md", "2.464 (sin intervalo)")):
        assert said in (run.path / "card" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("languages", "asked", "environment", "expected"),
    [
        ("[es, en]", "en", "es_ES.UTF-8", "en"),  # what was asked for
        ("[es, en]", None, "en_GB.UTF-8", "es"),  # the recipe's first
        ("[en, es]", None, "es_ES.UTF-8", "en"),
        ("[fr, es]", None, "es_ES.UTF-8", "es"),  # LANG, where the recipe's first is neither
        ("[fr, es]", None, "fr_FR.UTF-8", "en"),
        ("[fr]", None, "", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_or_the_recipes_or_the_environments(
    languages: str, asked: Language | None, environment: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", environment)
    assert reader_language(make_recipe("llama", f"languages={languages}").languages, asked) == expected


def test_a_language_that_the_summary_does_not_speak_is_refused(tmp_path: Path) -> None:
    finished = desdecero("run", "smoke", "--language", "fr", cwd=tmp_path)
    assert finished.returncode == 2 and "'fr'" in finished.stderr
