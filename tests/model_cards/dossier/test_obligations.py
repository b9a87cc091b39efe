"""Duties: what is obligatory, voluntary or unknown, at and around each threshold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desdecero.model_cards.dossier.obligations import ANNEX_III, Case, Duty, duties
from desdecero.model_cards.dossier.pages import reason
from desdecero.model_cards.words import LANGUAGES, catalogue

SMALL = Case(flops=1e18, writes_text=True, on_market=True, free=True, public_demo=False, uses=("internal",))
LARGE = replace(SMALL, flops=2e23, free=False)
OF_PROVIDERS = ("technical_documentation", "downstream_information", "copyright_policy", "training_summary")


def by_name(case: Case) -> dict[str, Duty]:
    return {duty.name: duty for duty in duties(case)}


@pytest.mark.parametrize("flops", [1e15, 1e22, 1e23])
def test_up_to_the_threshold_the_papers_of_general_purpose_models_are_voluntary(flops: float) -> None:
    found = by_name(replace(SMALL, flops=flops))
    assert {found[name].status for name in (*OF_PROVIDERS, "representative", "systemic_risk")} == {"voluntary"}
    assert found["training_summary"].figures == {"flops": flops, "threshold": 1e23, "share": flops / 1e23}


def test_above_the_threshold_they_are_owed_and_a_free_release_is_exempt_from_some() -> None:
    assert {by_name(LARGE)[name].status for name in OF_PROVIDERS} == {"obligatory"}
    free = by_name(replace(LARGE, free=True))
    assert [free[name].status for name in OF_PROVIDERS] == ["voluntary", "voluntary", "obligatory", "obligatory"]
    unknown = by_name(replace(LARGE, free=None))
    assert [unknown[name].status for name in OF_PROVIDERS] == ["unknown", "unknown", "obligatory", "obligatory"]


def test_systemic_risk_ends_the_exemption() -> None:
    found = by_name(replace(LARGE, flops=2e25, free=True))
    assert {found[name].status for name in (*OF_PROVIDERS, "systemic_risk")} == {"obligatory"}
    assert by_name(replace(LARGE, flops=1e25))["systemic_risk"].status == "voluntary"


def test_what_decides_and_is_not_known_leaves_the_duty_unknown() -> None:
    assert {by_name(replace(LARGE, on_market=None))[name].status for name in OF_PROVIDERS} == {"unknown"}
    assert {by_name(replace(SMALL, flops=None))[name].status for name in OF_PROVIDERS} == {"unknown"}
    assert by_name(LARGE)["representative"].status == "unknown"  # where the provider is established is not asked
    nothing = by_name(replace(SMALL, public_demo=None, uses=()))
    assert {nothing[name].status for name in ("disclosure", "marking", "published_text", "high_risk")} == {"unknown"}


def test_a_model_that_fills_gaps_owes_no_papers_and_no_marks_whatever_its_size() -> None:
    found = by_name(replace(LARGE, writes_text=False, public_demo=True))
    assert {found[name].status for name in (*OF_PROVIDERS, "marking")} == {"voluntary"}
    assert found["disclosure"].status == "obligatory"  # people deal with it all the same


def test_a_page_that_is_open_to_the_public_is_owed_for_a_model_of_any_size() -> None:
    found = by_name(replace(SMALL, flops=1e9, public_demo=True))
    assert (found["disclosure"].status, found["marking"].status) == ("obligatory", "obligatory")
    closed = by_name(SMALL)
    assert (closed["disclosure"].status, closed["marking"].status) == ("voluntary", "voluntary")
    spoken = by_name(replace(SMALL, uses=("conversation",)))
    assert (spoken["disclosure"].status, spoken["published_text"].status) == ("obligatory", "voluntary")
    assert by_name(replace(SMALL, uses=("public_information",)))["published_text"].status == "obligatory"


@pytest.mark.parametrize("area", ANNEX_III)
def test_each_area_of_annex_iii_is_named(area: str) -> None:
    found = by_name(replace(SMALL, uses=("internal", area)))["high_risk"]
    assert (found.status, found.figures) == ("obligatory", {"area": area})
    assert by_name(SMALL)["high_risk"].status == "voluntary"


def test_every_reason_is_said_in_both_languages_with_its_figures() -> None:
    cases = [
        replace(SMALL, flops=flops, writes_text=writes, on_market=market, free=free, public_demo=demo, uses=uses)
        for flops in (None, 1e15, 2e23, 2e25)
        for writes in (True, False)
        for market in (None, True)
        for free in (None, True, False)
        for demo in (None, True, False)
        for uses in ((), ("internal",), ("conversation", "public_information"), ("justice",))
    ]
    said = {(duty.reason, reason(duty, language)) for case in cases for duty in duties(case) for language in LANGUAGES}
    known = {key.removeprefix("duty_reason.") for key in catalogue()["en"] if key.startswith("duty_reason.")}
    assert {key for key, _ in said} == known
    assert not [text for _, text in said if "{" in text]
    assert any("1.0e-6%" in text for _, text in said)  # 1e15 of 1e23: not a row of zeros
