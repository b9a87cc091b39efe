"""The gate: each rule passes what is whole, and refuses or warns of what is not, in both languages."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from model_cards.gate import RULES, Publication, judge, refused
from pipelines.corpus.licensing.accounts import Holding, report
from pipelines.recipe import Licenses


def licensing(tokens: dict[str, int], intended: str = "Apache-2.0") -> dict[str, Any]:
    held = {name: Holding(1, count, {"declared": 1}, count) for name, count in tokens.items()}
    return report(held, Licenses(), intended)


WHOLE = Publication(
    repo_id="me/name",
    states={"corpus": "sealed", "finetune": "unwanted", "card": "sealed"},
    faults=[],
    card={"missing": [], "model_license": "Apache-2.0", "repo_id": "me/name"},
    licensing=licensing({"MIT": 75, "CC-BY-4.0": 25}),
    bias_findings=[{"verdict": "underpowered", "sentence_en": "Cannot tell.", "sentence_es": "No se sabe."}],
)

BIAS = {"verdict": "bias found", "sentence_en": "It leans.", "sentence_es": "Se inclina."}


def card(**changes: object) -> dict[str, object]:
    return {"card": {**WHOLE.card, **changes}}  # type: ignore[dict-item]


def test_what_is_whole_passes_every_rule():
    findings = judge(WHOLE)
    assert len(findings) == len(RULES)
    assert all(finding.passed for finding in findings)
    assert refused(findings) == []


@pytest.mark.parametrize(
    ("change", "rule", "says"),
    [
        (
            {"states": {"corpus": "sealed", "audit": "stale: the recipe's audit changed"}},
            "stages_sealed",
            "audit (stale",
        ),
        ({"states": {"card": "missing"}}, "stages_sealed", "card (missing)"),
        ({"faults": ["model/config.json: altered since pretrain was sealed"]}, "files_whole", "model/config.json"),
        (card(missing=["audit:/margin"]), "evidence_complete", "audit:/margin"),
        ({"card": None}, "evidence_complete", "no card"),
        (card(model_license=None), "license_named", "card.license"),
        ({"repo_id": None}, "repository_named", "--repo-id"),
        ({"repo_id": "you/other"}, "repository_named", "me/name"),
    ],
)
def test_what_is_not_whole_is_refused_with_its_reason(change: dict[str, object], rule: str, says: str):
    blocking = refused(judge(dataclasses.replace(WHOLE, **change)))  # type: ignore[arg-type]
    finding = next(finding for finding in blocking if finding.rule == rule)
    assert says in finding.sentence_en
    assert finding.sentence_es != finding.sentence_en


@pytest.mark.parametrize(
    ("change", "rule", "says"),
    [
        ({"licensing": licensing({"MIT": 877, "LicenseRef-unknown": 123})}, "licenses_known", "12.3%"),
        ({"licensing": licensing({"CC-BY-NC-4.0": 1, "MIT": 1})}, "license_conflicts", "CC-BY-NC-4.0 50%"),
        ({"licensing": licensing({"CC-BY-SA-4.0": 1, "MIT": 1})}, "license_conflicts", "CC-BY-SA-4.0 50%"),
        ({"licensing": None}, "licenses_known", "no licence table"),
        ({"bias_findings": None}, "bias_findings", "not been audited"),
        (
            {"bias_findings": [{"verdict": "bias found", "sentence_en": "It leans.", "sentence_es": "Se inclina."}]},
            "bias_findings",
            "It leans.",
        ),
    ],
)
def test_a_warning_is_shown_and_refuses_nothing(change: dict[str, object], rule: str, says: str):
    findings = judge(dataclasses.replace(WHOLE, **change))  # type: ignore[arg-type]
    finding = next(finding for finding in findings if finding.rule == rule)
    assert not finding.passed
    assert says in finding.sentence_en
    assert refused(findings) == []


def test_what_the_recipe_leaves_unsaid_is_not_missing_evidence():
    findings = judge(dataclasses.replace(WHOLE, **card(missing=["recipe:/card/license"])))  # type: ignore[arg-type]
    assert refused(findings) == []


def test_a_model_under_the_licence_of_its_text_shares_alike():
    same = licensing({"CC-BY-SA-4.0": 1}, intended="CC-BY-SA-4.0")
    assert all(finding.passed for finding in judge(dataclasses.replace(WHOLE, licensing=same)))
