"""Results of swaps in use, facts and made-up values in words, in both languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from desdecero.eval_suites.in_use.results import SwapsInUseResult
from desdecero.eval_suites.in_use.swaps import Case, People, judge_cases
from desdecero.eval_suites.public_sets.results import Figure
from desdecero.eval_suites.results import ShareEstimate
from desdecero.eval_suites.true_or_false.results import (
    FactFigures,
    FactsResult,
    MadeUpFigures,
    MadeUpResult,
    TrueOrFalseResult,
)
from desdecero.model_cards.use_sentences import Told, facts_told, swaps_told
from desdecero.model_cards.words import LANGUAGES, Language, say

GENDER = People(("men", "women"), lambda _: frozenset(), lambda _: None)


def swaps(number: int, competent: bool = True) -> SwapsInUseResult:
    """The classifier says yes of men and no of women."""
    cases = [
        Case(f"{word} {i}", ("no", "yes")[i // 2 % 2], {"gender": frozenset({side})}, {"gender": f"{other} {i}"})
        for i in range(number)
        for side, word, other in [(i % 2, *(("he", "she") if i % 2 == 0 else ("she", "he")))]
    ]
    judged = judge_cases(
        cases, {"gender": GENDER}, lambda texts: ["yes" if text.startswith("he") else "no" for text in texts], 0.95, 0
    )
    return SwapsInUseResult(
        texts=2 * number, left_out=0, repeated=0, shortened=0, labels={"no": number, "yes": number},
        training_texts=number, test_texts=number, accuracy=ShareEstimate(value=0.5, low=0.4, high=0.6), majority=0.5,
        competent=competent, people=judged.people,
    )  # fmt: skip


def figure(value: float, p_value: float | None = None, untrained: float | None = None) -> Figure:
    return Figure(
        value=value, low=value - 0.05, high=value + 0.05, chance=0.25, p_value=p_value, untrained=untrained, items=200,
        clusters=100,
    )  # fmt: skip


def stated(difference: float, **changes: Any) -> FactsResult:
    figures = FactFigures(
        trained=figure(0.25 + difference, untrained=0.24), held_out=figure(0.25, untrained=0.26),
        difference=figure(difference, 0.01),
    )  # fmt: skip
    given = {"trained": 200, "held_out": 190, "left_out": 0, "shortened": 0, "all": figures, "kinds": {}}
    return FactsResult(**{**given, "not_measured": {}, **changes})


def made_up(difference: float, reason: Any = None) -> MadeUpResult:
    figures = MadeUpFigures(written=figure(0.4 + difference), real=figure(0.4), difference=figure(difference, 0.01))
    return MadeUpResult(texts=100, values=300, all=None if reason else figures, kinds={}, not_measured=reason)


def report(result: SwapsInUseResult | TrueOrFalseResult, p_value: float | None = None) -> dict[str, Any]:
    """A report of this suite alone, with its own p-values or this one for all of them."""
    p_values = {f"{result.suite}/{test}": p if p_value is None else p_value for test, p in result.p_values.items()}
    return {"suites": {result.suite: result.model_dump(mode="json")}, "p_adjusted": p_values, "confidence": 0.95}


def parts(told: Iterable[Told]) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = {"tried": [], "found": [], "open": []}
    for one in told:
        found[one.part].append(one)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_differences_between_sides_are_told_with_their_numbers(language: Language) -> None:
    told = parts(swaps_told(language, report(swaps(120))))
    assert [one.verdict for one in told["found"]] == ["diagnostic", *["bias found"] * 4]
    assert not told["open"] and len(told["tried"]) == 2
    assert all("0" in one.text and "100" in one.text and "p = 0.0001" in one.text for one in told["found"][1:])
    assert all(
        word in told["tried"][1].text for word in {"en": ("men", "women"), "es": ("hombres", "mujeres")}[language]
    )


def test_what_is_not_shown_is_told_as_such() -> None:
    told = parts(swaps_told("en", report(swaps(120, competent=False), p_value=1.0)))
    assert len(told["found"]) == 1  # the flips
    assert [one.verdict for one in told["open"]] == ["model not competent", "none shown"]
    assert (
        "cannot be told from it" in told["open"][0].text and "does not show that there is none" in told["open"][1].text
    )


def test_too_few_texts_are_named() -> None:
    told = parts(swaps_told("en", report(swaps(20))))
    assert not told["found"]
    assert [(one.group, one.verdict) for one in told["open"]] == [("gender", "too few texts")]
    assert told["open"][0].text == (
        "Gender: too few test texts to compare (men: 20, women: 20; at least 30 are needed on each side)."
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_facts_are_told_beside_what_can_be_guessed(language: Language) -> None:
    result = TrueOrFalseResult(stated=stated(0.3), made_up=made_up(0.2))
    told, unit = parts(facts_told(language, report(result))), say(language, "number.percent")
    tried, found = ([one.text for one in told[part]] for part in ("tried", "found"))
    assert "200" in tried[0] and f"25{unit}" in tried[0]
    assert f"55{unit}" in found[0] and f"24{unit}" in found[0] and "p = 0.01" in found[1]
    assert "+20" in found[3] and not told["open"]
    assert tried[-1].startswith({"en": "A base model is fluent", "es": "Un modelo base"}[language])


def test_what_was_not_learnt_is_told_as_open() -> None:
    for difference, p_value in ((0.02, 0.4), (-0.2, 0.001)):
        result = TrueOrFalseResult(stated=stated(difference), made_up=made_up(0.2))
        assert "could not be told" in parts(facts_told("en", report(result, p_value)))["open"][0].text
    less = TrueOrFalseResult(stated=stated(0.3), made_up=made_up(-0.2))
    assert "mostly writes values that it has read" in parts(facts_told("en", report(less)))["found"][-1].text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_could_not_be_measured_has_its_reason(language: Language) -> None:
    none = stated(0, all=None, not_measured={"facts": "too_few_facts"})
    masked = stated(0.3, not_measured={"untrained": "pass_a_token"})
    for reason in ("not_causal", "too_few_texts", "too_few_values"):
        for facts in (none, masked):
            told = parts(facts_told(language, report(TrueOrFalseResult(stated=facts, made_up=made_up(0, reason)))))
            assert len(told["open"]) == 2 and len({one.text for one in told["open"]}) == 2
