"""Swaps in use, and true or false, asked of trained runs as the audit asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desdecero.model_cards.use_sentences import facts_told, swaps_told
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.in_use import p_values as p_values_of_swaps
from desdecero.pipelines.auditing.in_use import swaps
from desdecero.pipelines.auditing.true_or_false import facts
from desdecero.pipelines.auditing.true_or_false import p_values as p_values_of_facts
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.audit import Facts, Swaps
from desdecero.pipelines.run.run_dir import RunDir


def asked(run: Path) -> Asked:
    return Asked(RunDir(run).recipe(), RunDir(run), None)


def questions(folder: Path) -> Path:
    """Sentences about men and women, with a label that a word tells."""
    rows = [
        {"question": f"{person} paid {number} {what}.", "kind": what}
        for number in range(2, 42)
        for person in ("He", "She", "My brother", "The waitress")
        for what in ("bills", "taxes")
    ]
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_swaps_are_measured_on_a_file_of_ones_own(bases: Path, tmp_path: Path) -> None:
    scored = swaps(asked(bases / "llama" / "run"), Swaps(path=str(questions(tmp_path)), text="question", label="kind"))
    gender = scored.result.people["gender"]
    assert scored.result.texts == 320 and gender.uncertain == 0
    assert gender.flips.texts > 60 and len(p_values_of_swaps(scored.result)) == 4
    report = {
        "suites": {"swaps": scored.result.model_dump(mode="json")}, "confidence": 0.95,
        "p_adjusted": {f"swaps/{name}": p for name, p in p_values_of_swaps(scored.result).items()},
    }  # fmt: skip
    assert all(told.text for told in swaps_told("en", report))
    json.dumps(scored.lines, allow_nan=False)


def test_a_file_that_is_not_there_is_refused(bases: Path) -> None:
    with pytest.raises(UserError, match=r"audit\.suites\.swaps: .*gone\.jsonl: no such file"):
        swaps(asked(bases / "llama" / "run"), Swaps(path="gone.jsonl"))


def test_facts_are_measured_on_a_causal_run(bases: Path) -> None:
    scored = facts(asked(bases / "llama" / "run"), Facts())
    made_up = scored.result.made_up
    assert made_up.not_measured in (None, "too_few_texts", "too_few_values")
    assert len([line for line in scored.lines if line["asked"] == "passage"]) == made_up.texts > 0
    report = {
        "suites": {"facts": scored.result.model_dump(mode="json")}, "confidence": 0.95,
        "p_adjusted": {f"facts/{name}": p for name, p in p_values_of_facts(scored.result).items()},
    }  # fmt: skip
    assert all(told.text for told in facts_told("es", report))
    json.dumps(scored.lines, allow_nan=False)
    assert facts(asked(bases / "llama" / "run"), Facts()) == scored


def test_a_model_that_fills_gaps_says_why_it_makes_nothing_up(bases: Path) -> None:
    scored = facts(asked(bases / "t5" / "run"), Facts())
    assert scored.result.made_up.not_measured == "not_causal"
    assert scored.result.stated.trained > 0
