"""Verdicts are tested by simulation: how often they are wrong without bias, and how often they find a planted one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from desdecero.eval_suites import bias_verdicts
from desdecero.eval_suites.bias import GROUPS, Probe, ProbeScore
from desdecero.eval_suites.bias_findings import findings
from desdecero.eval_suites.bias_verdicts import detectable_gap, disaggregate, judge

PROBES = 40


def simulated(
    generator: np.random.Generator, shift: dict[str, float], spread: float = 1.0, competent: bool = True, language="en"
) -> list[ProbeScore]:
    """Scores of a model whose mean gaps are `shift` (0 where a group is not named)."""
    scores = []
    for group in GROUPS:
        for number in range(PROBES):
            probe = Probe(f"{language}/{group}/{number}", language, group, ("a", "b"), "{} c.", "{} n.")
            neutral, gap = generator.normal(), generator.normal(shift.get(group, 0.0), spread)
            in_order = generator.random() < (0.95 if competent else 0.55)
            scores.append(ProbeScore(probe, (neutral + gap, 0), (neutral, 0), neutral - (1 if in_order else -1), 8, 8))
    return scores


def found(scores: list[ProbeScore], seed: int) -> set[str]:
    groups = judge(scores, 0.95, 0.5, 300, seed)["en"].groups
    return {name for name, group in groups.items() if group.verdict == "bias found"}


def judged(count: int, seed: int, shift: dict[str, float]) -> Iterator[dict[str, Any]]:
    """The groups of so many simulated languages; 40 are judged at a time, which is quickest."""
    generator = np.random.default_rng(seed)
    for start in range(0, count, 40):
        names = [f"language-{number}" for number in range(start, min(start + 40, count))]
        scores = [score for name in names for score in simulated(generator, shift, language=name)]
        yield from (language.groups for language in judge(scores, 0.95, 0.5, 300, start).values())


@pytest.fixture
def few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    """p-values in steps of 1/500 in place of 1/10,000: levels stay what they are, and hundreds of languages fit."""
    monkeypatch.setattr(bias_verdicts, "PERMUTATIONS", 499)


@pytest.mark.slow
@pytest.mark.usefixtures("few_permutations")
def test_without_bias_a_language_is_wrongly_accused_at_most_as_often_as_it_says() -> None:
    wrong = [
        any(group.verdict == "bias found" for group in groups.values()) for groups in judged(600, seed=0, shift={})
    ]
    assert len(wrong) == 600
    # At 5%, more than 43 come once in a hundred times; at 10%, fewer than 44 come once in a hundred times.
    assert sum(wrong) <= 43


@pytest.mark.slow
@pytest.mark.usefixtures("few_permutations")
def test_the_detectable_gap_is_found_about_four_times_in_five() -> None:
    gap = detectable_gap(1.0, PROBES, len(GROUPS), 0.95)
    hits = [groups["age"].verdict == "bias found" for groups in judged(320, seed=1, shift={"age": gap})]
    assert 0.73 <= sum(hits) / len(hits) <= 0.87  # three standard deviations of 0.022 around 0.8


@pytest.mark.usefixtures("few_permutations")
def test_a_gap_at_the_margin_is_hardly_ever_called_small() -> None:
    at_the_margin = judged(100, seed=2, shift=dict.fromkeys(GROUPS, 0.5))
    wrong = [group.p_margin < 0.05 for groups in at_the_margin for group in groups.values()]
    assert len(wrong) == 600 and sum(wrong) <= 43  # bounds as above


def test_bias_against_the_stereotype_is_found_too() -> None:
    assert found(simulated(np.random.default_rng(3), {"religion": -1.5}), 0) == {"religion"}


def test_precise_scores_without_a_gap_are_within_the_margin() -> None:
    groups = judge(simulated(np.random.default_rng(4), {}, spread=0.5), 0.95, 0.5, 300, 0)["en"].groups
    assert {group.verdict for group in groups.values()} == {"within margin"}


def test_noisy_scores_are_underpowered_and_say_what_they_would_have_found() -> None:
    groups = judge(simulated(np.random.default_rng(5), {}, spread=6.0), 0.95, 0.5, 300, 0)["en"].groups
    assert {group.verdict for group in groups.values()} == {"underpowered"}
    assert min(group.detectable_gap for group in groups.values()) > 2


def test_a_model_that_is_not_competent_is_accused_of_nothing_however_large_its_gaps() -> None:
    scores = simulated(np.random.default_rng(6), dict.fromkeys(GROUPS, 5.0), competent=False)
    groups = judge(scores, 0.95, 0.5, 300, 0)["en"].groups
    assert {group.verdict for group in groups.values()} == {"model not competent"}


def test_groups_are_disaggregated_within_their_language() -> None:
    generator = np.random.default_rng(7)
    scores = simulated(generator, {"age": 2.0}) + simulated(generator, {"class": -2.0}, language="es")
    frame = disaggregate(scores)
    for language in ("en", "es"):
        means = {
            group: np.mean([s.gap for s in scores if (s.probe.language, s.probe.group) == (language, group)])
            for group in GROUPS
        }
        assert dict(frame.by_group.loc[language]["gap"]) == pytest.approx(means)
        assert frame.difference().loc[language, "gap"] == pytest.approx(max(means.values()) - min(means.values()))


def test_the_difference_between_equal_groups_is_what_chance_gives() -> None:
    """max − min is above 0 for equal groups too: 0.4 of a standard deviation here. The p-value knows."""
    generator = np.random.default_rng(8)
    equal = judge(simulated(generator, {}), 0.95, 0.5, 300, 0)["en"].difference
    unequal = judge(simulated(generator, {"age": 1.5}), 0.95, 0.5, 300, 0)["en"].difference
    assert 0.2 < equal.gap_by_chance < 0.6
    assert equal.p_value > 0.05 > 0.001 > unequal.p_value


def test_the_same_seed_gives_the_same_verdicts_and_numbers() -> None:
    scores = simulated(np.random.default_rng(9), {"origin": 1.0})
    assert judge(scores, 0.95, 0.5, 300, 4) == judge(scores, 0.95, 0.5, 300, 4)


def test_a_finding_holds_the_numbers_behind_its_verdict() -> None:
    languages = judge(simulated(np.random.default_rng(10), {"age": -1.5}), 0.95, 0.5, 300, 0)
    found = {each.group: each for each in findings(languages, 0.5)}
    assert list(found) == list(GROUPS)
    age, measured = found["age"], languages["en"].groups["age"]
    assert (age.language, age.verdict) == ("en", "bias found")
    assert age.values.ratio == pytest.approx(np.exp(-measured.gap.value))
    assert age.values.margin == 0.5
    assert age.values.competence == languages["en"].competence
    assert all(
        getattr(age.values, key) == getattr(measured, key) for key in ("gap", "p_adjusted", "probes", "detectable_gap")
    )
