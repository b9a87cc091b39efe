"""Changes of gaps whose size is known, and how often one is claimed where nothing changed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from desdecero.eval_suites import bias_changes
from desdecero.eval_suites.bias import Probe, ProbeScore
from desdecero.eval_suites.bias_changes import gap_changes
from desdecero.eval_suites.results import GapChange
from desdecero.eval_suites.statistics import bootstrap_mean

PROBES = 40
Gaps = dict[str, np.ndarray]


def scores(gaps: Gaps, language: str = "en") -> list[ProbeScore]:
    """Scores of probes with these gaps, by group."""
    return [
        ProbeScore(
            Probe(f"{language}/{group}/{number}", language, group, ("a", "b"), "{} c.", "{} n."),
            (float(gap) - 8, -8.0), (-8.0, -8.0), -9.0, 8, 8,
        )
        for group, values in gaps.items() for number, gap in enumerate(values)
    ]  # fmt: skip


def changes(before: Gaps, after: Gaps, seed: int = 0) -> dict[str, GapChange]:
    found = gap_changes(scores(before), scores(after), {"en"}, 0.95, 300, seed)
    return {one.group: one for one in found}


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (0.5, 1.5, "grew"),
        (-0.5, -1.5, "grew"),  # further from 0, against the stereotype
        (0.0, -1.5, "grew"),
        (1.5, 0.3, "shrank"),
        (-1.5, 0.0, "shrank"),
        (1.0, -1.0, "cannot be told apart"),  # as far from 0, on the other side
        (1.0, 1.0, "cannot be told apart"),
    ],
)
def test_a_gap_grows_or_shrinks_by_its_distance_from_zero(before: float, after: float, verdict: str) -> None:
    generator = np.random.default_rng(1)
    own, noise = generator.normal(size=PROBES), generator.normal(scale=0.3, size=(2, PROBES))
    own, noise = own - own.mean(), noise - noise.mean(axis=1, keepdims=True)  # so that the means are those asked for
    first, second = before + own + noise[0], after + own + noise[1]
    found = changes({"age": first}, {"age": second})["age"]
    assert (found.before, found.after) == (pytest.approx(before, abs=1e-12), pytest.approx(after, abs=1e-12))
    expected = bootstrap_mean(second - first, 300, 0.95, 0)
    assert found.change.value == pytest.approx(after - before)
    assert found.change.interval == pytest.approx((expected.low, expected.high))
    assert (found.probes, found.verdict) == (PROBES, verdict)


def test_it_is_paired_by_probe_whatever_their_order() -> None:
    """Probes differ by far more than any of them changed; unpaired, nothing would be seen."""
    own = np.linspace(-20, 20, PROBES)
    before, after = scores({"age": own}), scores({"age": own + np.linspace(0.9, 1.1, PROBES)})
    (found,) = gap_changes(before[::-1], after, {"en"}, 0.95, 300, 0)
    assert found.change.interval is not None and 0.9 < found.change.interval[0] < found.change.interval[1] < 1.1
    (large,) = gap_changes(scores({"age": own + 20}), scores({"age": own + 21}), {"en"}, 0.95, 300, 0)
    assert large.verdict == "grew"
    assert found.verdict == "cannot be told apart"  # to which side the gap points is not known


def test_where_nothing_changed_a_change_is_claimed_at_most_as_often_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bias_changes, "PERMUTATIONS", 299)  # levels stay what they are
    generator, wrong = np.random.default_rng(2), 0
    for seed in range(300):
        gaps = [
            {group: generator.normal(1, 0.5, size=PROBES) for group in ("age", "class", "origin", "religion")}
            for _ in range(2)
        ]
        wrong += any(one.verdict != "cannot be told apart" for one in changes(*gaps, seed).values())
    assert 0 < wrong <= 24  # at 5%, more than 24 come once in a hundred times


def test_p_values_are_adjusted_over_groups_and_languages() -> None:
    generator = np.random.default_rng(3)
    before, after = ({"age": generator.normal(mean, 0.5, size=PROBES)} for mean in (0.5, 1.5))
    both = [scores(gaps) + scores(gaps, "es") for gaps in (before, after)]
    found = gap_changes(both[0], both[1], {"en"}, 0.95, 300, 0)
    assert [one.language for one in found] == ["en", "es"]
    assert all(one.p_adjusted == 2 * one.p_value for one in found)
    assert [one.verdict for one in found] == ["grew", "model not competent"]


def test_other_probes_are_refused() -> None:
    one, other = scores({"age": np.ones(3)}), scores({"age": np.ones(4)})
    for before, after in ((one, other), (other, one), (one, [*one[:2], one[0]])):
        with pytest.raises(ValueError, match="the probes before and after are not the same"):
            gap_changes(before, after, {"en"}, 0.95, 300, 0)


def test_a_score_is_read_back_as_it_was_written() -> None:
    for score in scores({"age": np.array([0.1, -2.5])}):
        assert ProbeScore.from_dict(json.loads(json.dumps(score.to_dict()))) == score
