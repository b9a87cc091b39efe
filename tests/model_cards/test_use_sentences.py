"""Results of swaps in use, facts and made-up values in words, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from desdecero.eval_suites.in_use.results import SwapsInUseResult
from desdecero.eval_suites.in_use.swaps import Case, People, judge_cases
from desdecero.eval_suites.public_sets.results import Figure
from desdecero.eval_suites.results import ShareEstimate
from desdecero.eval_suites.true_or_false.results import FactFigures, FactsResult, MadeUpFigures, MadeUpResult
from desdecero.model_cards.use_sentences import facts_told, made_up_told, swaps_told
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


def facts(difference: float, **changes: Any) -> FactsResult:
    figures = FactFigures(
        trained=figure(0.25 + difference, untrained=0.24), held_out=figure(0.25, untrained=0.26),
        difference=figure(difference, 0.01),
    )  # fmt: skip
    given = {"trained": 200, "held_out": 190, "left_out": 0, "shortened": 0, "all": figures, "kinds": {}}
    return FactsResult(**{**given, "not_measured": {}, **changes})


def made_up(difference: float) -> MadeUpResult:
    figures = MadeUpFigures(written=figure(0.4 + difference), real=figure(0.4), difference=figure(difference, 0.01))
    return MadeUpResult(texts=100, values=300, all=figures, kinds={}, not_measured=None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_differences_between_sides_are_told_with_their_numbers(language: Language) -> None:
    result = swaps(120)
    told = swaps_told(language, result.model_dump(mode="json"), result.p_values, 0.95)
    assert len(told.tried) == 3 and len(told.found) == 5 and not told.untold
    assert all("0" in sentence and "100" in sentence and "p = 0.0001" in sentence for sentence in told.found[1:])
    assert all(word in told.tried[1] for word in {"en": ("men", "women"), "es": ("hombres", "mujeres")}[language])


def test_what_is_not_shown_is_told_as_such() -> None:
    result = swaps(120, competent=False)
    told = swaps_told("en", result.model_dump(mode="json"), dict.fromkeys(result.p_values, 1.0), 0.95)
    assert len(told.found) == 1  # the flips
    assert "cannot be told from it" in told.untold[0] and "does not show that there is none" in told.untold[1]


def test_too_few_texts_are_named() -> None:
    result = swaps(20)
    told = swaps_told("en", result.model_dump(mode="json"), result.p_values, 0.95)
    assert not told.found
    assert told.untold == [
        "Gender: too few test texts to compare (men: 20, women: 20; at least 30 are needed on each side)."
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_facts_are_told_beside_what_can_be_guessed(language: Language) -> None:
    told, unit = (
        facts_told(language, facts(0.3).model_dump(), {"difference": 0.01}, 0.95),
        say(language, "number.percent"),
    )
    assert "200" in told.tried[0] and f"25{unit}" in told.tried[0]
    assert f"55{unit}" in told.found[0] and f"24{unit}" in told.found[1] and "p = 0.01" in told.found[2]
    assert told.tried[-1].startswith({"en": "A base model is fluent", "es": "Un modelo base"}[language])


def test_facts_that_were_not_learnt_or_not_asked_for_are_told() -> None:
    assert len(facts_told("en", facts(0.02).model_dump(), {"difference": 0.4}, 0.95).untold) == 1
    assert len(facts_told("en", facts(-0.2).model_dump(), {"difference": 0.001}, 0.95).untold) == 1
    none = facts(0, all=None, not_measured={"facts": "too_few_facts"})
    told = facts_told("en", none.model_dump(), {}, 0.95)
    assert not told.found and "too few sentences" in told.untold[0]
    masked = facts(0.3, not_measured={"untrained": "pass_a_token"})
    assert "Only 200 sentences" in facts_told("en", masked.model_dump(), {"difference": 0.01}, 0.95).untold[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_made_up_values_are_told_in_their_direction(language: Language) -> None:
    more = made_up_told(language, made_up(0.2).model_dump(), {"difference": 0.01}, 0.95)
    less = made_up_told(language, made_up(-0.2).model_dump(), {"difference": 0.01}, 0.95)
    unknown = made_up_told(language, made_up(0.2).model_dump(), {"difference": 0.2}, 0.95)
    assert "+20" in more.found[1] and "−20" in less.found[1] and more.found[1] != less.found[1].replace("−", "+")
    assert len(unknown.found) == 1 and len(unknown.untold) == 1
    for reason in ("not_causal", "too_few_texts", "too_few_values"):
        none = MadeUpResult(texts=0, values=0, all=None, kinds={}, not_measured=reason)  # type: ignore[arg-type]
        assert len(made_up_told(language, none.model_dump(), {}, 0.95).untold) == 1
