"""`desdecero domains`: the packs, for a person in either language and for a program."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from helpers import forked

from desdecero.model_cards.words import catalogue
from desdecero.pipelines.commands import domains as command
from desdecero.pipelines.common.errors import guard
from desdecero.pipelines.recipe.domains import Domain, Line, domain, domains


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert command.main(list(words)) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_table_has_a_line_for_each_pack(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows, empty, hint = shown(capsys, "--language", language).splitlines()
    assert [row.split()[0] for row in rows] == list(domains())
    assert all(getattr(domain(row.split()[0]).purpose, language) in row for row in rows)
    assert head.split()[:3] == {"en": ["name", "task", "metric"], "es": ["nombre", "tarea", "métrica"]}[language]
    assert not empty and "`desdecero domains NAME`" in hint


@pytest.mark.parametrize("name", list(domains()))
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_page_says_all_of_a_pack(name: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    page, pack = shown(capsys, name, "--language", language), domain(name)
    said = " ".join(page.split())
    for text in (pack.title, pack.purpose, pack.note, *pack.not_for, *(use.about for use in pack.eu_ai_act)):
        assert getattr(text, language) in said
    for one in pack.sets:
        assert f"{one.name}" in page and one.license in page and (not one.revision or one.revision in page)
    for group in pack.swaps.values():
        for pair in (*group.en, *group.es):
            assert " ↔ ".join(pair) in said
    lines = [line for line in page.splitlines() if line.startswith("{")]
    examples = [line for of_language in pack.examples.values() for line in of_language]
    assert sorted(lines) == sorted(json.dumps(line.record(), ensure_ascii=False) for line in examples)
    assert {Line.model_validate_json(line) for line in lines[:2]} <= set(pack.examples[language])  # type: ignore[index]


@pytest.mark.parametrize("name", list(domains()))
def test_the_spanish_page_has_no_english_heading(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    english, spanish = catalogue()["en"], catalogue()["es"]
    families = ("domains.", "risk.", "swap_group.")
    only_english = [text for key, text in english.items() if key.startswith(families) and text != spanish[key]]
    page = shown(capsys, name, "--language", "es")
    prose = "\n".join(line for line in page.splitlines() if not line.startswith("{"))
    assert len(only_english) > 25
    # A head stands at the beginning of a line, or of an item, and ends there, at a colon or at a parenthesis.
    assert [
        text for text in only_english if re.search(rf"(?m)^[\s-]*{re.escape(text.rstrip(':'))}\s*(?:$|:|\()", prose)
    ] == []


def test_json_is_read_back_as_the_packs(capsys: pytest.CaptureFixture[str]) -> None:
    assert Domain.model_validate(json.loads(shown(capsys, "health", "--json"))) == domain("health")
    everything = json.loads(shown(capsys, "--json"))
    assert {name: Domain.model_validate(pack) for name, pack in everything.items()} == domains()


def test_the_language_is_that_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for of_terminal, title in (("es_PE.UTF-8", "Salud (health)"), ("C", "Health"), ("eo", "Health")):
        monkeypatch.setenv("LANG", of_terminal)
        assert shown(capsys, "health").splitlines()[0] == title


def test_an_unknown_pack_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    finished = forked("domains", "helth", cwd=tmp_path, environment=dict(os.environ))
    assert finished.returncode == 2 and finished.stdout == ""
    assert finished.stderr == "desdecero: no domain 'helth': did you mean health?\n"


def test_an_unknown_language_is_an_error_of_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert guard(command.main, ["--language", "fr"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
