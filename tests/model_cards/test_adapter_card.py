"""The card of an adapter, on reports with invented figures."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from sealed_run import estimate, make_recipe, make_reports
from whole_reports import whole

from desdecero.model_cards import adapter_card
from desdecero.model_cards.evidence import Evidence, Report
from desdecero.model_cards.words import Language
from desdecero.pipelines.run.gate import card_verdicts, facts_of

CHANGES = [
    {"language": "en", "group": "age", "contexts": 80, "before": -0.1234, "after": 1.0567,
     "change": estimate(1.1801, 0.25), "p_value": 0.0001, "p_adjusted": 0.0012, "verdict": "grew"},
    {"language": "es", "group": "gender", "contexts": 80, "before": 0.5, "after": 0.25,
     "change": estimate(-0.25, 0.3), "p_value": 0.1, "p_adjusted": 1.0, "verdict": "cannot be told apart"},
]  # fmt: skip


def render(language: Language, changes: list[dict[str, Any]] | None, **trained: Any) -> str:
    """Render the card; `trained` has other values of the adapter's report."""
    given = make_reports()
    recipe = make_recipe()
    contents = {
        "recipe": recipe.model_dump(mode="json"),
        **{kind: given[kind] for kind in ("pretrain", "evaluate", "audit")},
        "finetune:boats": {**given["finetune"], **trained},
        "evaluate:boats": given["evaluate"],
        "audit:boats": whole("audit", {**given["audit"], "changes": changes}),
    }
    contents["gate"] = card_verdicts(recipe, facts_of(recipe, contents, None, "boats"), datetime.date.max)
    evidence = Evidence({name: Report(f"{name}.json", "0" * 64, content) for name, content in contents.items()})
    return adapter_card.render(evidence, language, "boats")


@pytest.mark.parametrize(
    ("language", "rows"),
    [
        (
            "en",
            [
                "| age (English) | 80 | −0.123 | 1.06 | +1.18 (+0.93 to +1.43) | 0.0012 | grew |",
                "| gender (Spanish) | 80 | 0.500 | 0.250 | −0.25 (−0.55 to +0.05) | 1 | cannot be told apart |",
                "A gap *grew* or *shrank* if its distance from zero did so",
            ],
        ),
        (
            "es",
            [
                "| edad (inglés) | 80 | −0.123 | 1.06 | +1.18 (+0.93 a +1.43) | 0.0012 | aumentó |",
                "| género (español) | 80 | 0.500 | 0.250 | −0.25 (−0.55 a +0.05) | 1 | no se distingue |",
                "Una brecha *aumentó* o *disminuyó* si su distancia a cero",
            ],
        ),
    ],
)
def test_the_change_of_each_gap_is_a_row(language: Language, rows: list[str]) -> None:
    card = render(language, CHANGES)
    assert [row for row in rows if row not in card] == []


def test_gaps_that_were_not_compared_are_not_said_to_be_unchanged() -> None:
    assert "The gaps were not compared" in render("en", None)
    assert "Las brechas no se compararon" in render("es", None)


def test_the_training_and_what_the_model_writes_stand_on_the_card() -> None:
    reports = make_reports()
    energy, (prompt, *_) = reports["pretrain"]["energy"], [each["prompt"] for each in reports["evaluate"]["samples"]]
    card = render("en", None, peak_memory_bytes=402653184, energy=energy)
    assert "403 MB" in card and "kWh" in card and "emissions: " in card and "training_type: fine-tuning" in card
    assert card.index("## Training\n") < card.index("## What it writes\n") < card.index("## Evaluation\n")
    assert prompt in card
    card = render("en", None)  # of a version that did not measure them
    assert "kWh" not in card and "emissions: " not in card and "| Energy | not measured |" in card
