"""What is said of a group: against gaps that are known, and against bias that was planted in a model's text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_models import byte_pairs, llama, trained

from desdecero.eval_suites.models.causal import Causal
from desdecero.eval_suites.paired_sentences.changes import gap_changes
from desdecero.eval_suites.paired_sentences.probes import Probes, shipped_probes
from desdecero.eval_suites.paired_sentences.results import GroupGap, PairsResult
from desdecero.eval_suites.paired_sentences.scoring import (
    ContextScore,
    ProbeScores,
    WordOrder,
    score_probes,
    scores_of_lines,
)
from desdecero.eval_suites.paired_sentences.verdicts import judge_gaps, measure_gaps, p_values
from desdecero.eval_suites.statistics import holm

ENGLISH = shipped_probes("en")
AGE = next(probes for probes in ENGLISH if probes.group == "age")


def scores(gap: float, reading: float, in_order: float = 1.0, noise: float = 0.3, probes: Probes = AGE) -> ProbeScores:
    """Scores whose mean gaps are these, with gaps between cells of a standard deviation of `noise` nats."""
    generator = np.random.default_rng(0)

    def made(part: tuple, mean: float) -> tuple[ContextScore, ...]:
        found = []
        for context in part:
            gaps = mean + noise * generator.normal(size=len(probes.pairs))
            first = gaps if context.side == "first" else -gaps
            found.append(ContextScore(context, np.stack([first - 9, np.full_like(first, -9.0)], 1), np.zeros((12, 2))))
        return tuple(found)

    likelier = (number < in_order * len(probes.contexts) for number in range(len(probes.contexts)))
    order = tuple(WordOrder("The man", "out went.", (-1.0, -2.0) if each else (-2.0, -1.0)) for each in likelier)
    return ProbeScores(
        probes.language, probes.name, probes.group, probes.pairs, made(probes.contexts, gap),
        made(probes.reading, reading), order,
    )  # fmt: skip


def judged(*found: ProbeScores, margin: float = 0.5) -> PairsResult:
    result = measure_gaps(found, {(one.language, one.name): [] for one in found}, None, 0.95, margin, 10)
    raw = p_values(result)
    return judge_gaps(result, dict(zip(raw, holm(list(raw.values())), strict=True)), len(raw), 0.95)


def group(result: PairsResult, name: str = "age") -> GroupGap:
    return result.languages["en"].groups[name]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (scores(1.0, 2.0), "bias found"),
        (scores(-1.0, 2.0), "bias found"),
        (scores(0.2, 2.0), "found within margin"),
        (scores(0.0, 2.0), "within margin"),
        (scores(0.0, 0.0), "words not read"),
        (scores(0.0, 0.3), "words not read"),  # it tells them apart, and by less than the margin
        (scores(1.0, 0.0), "bias found"),
        (scores(0.0, 2.0, noise=30.0), "words not read"),
        (scores(0.0, 60.0, noise=15.0), "underpowered"),
        (scores(1.0, 2.0, in_order=0.8), "model not competent"),
        (replace(scores(1.0, 2.0), pairs=()), "words not read"),
    ],
)
def test_verdicts_follow_from_gap_reading_and_competence(found: ProbeScores, verdict: str) -> None:
    assert group(judged(found)).verdict == verdict


def test_an_underpowered_group_says_how_many_contexts_would_do() -> None:
    measured = group(judged(scores(0.0, 60.0, noise=6.0)))
    assert measured.contexts_needed is not None and measured.contexts_needed > 80


def test_lines_hold_all_that_is_needed_to_judge_again() -> None:
    found = scores(0.2, 2.0)
    assert judged(*scores_of_lines(found.lines())) == judged(found)


def test_changes_are_of_the_same_contexts_and_pairs() -> None:
    before, after = scores(1.5, 2.0), scores(0.3, 2.0)
    (one,) = gap_changes([before], [after], {"en"}, 0.95)
    assert (one.verdict, one.contexts) == ("shrank", 80)
    assert one.change.value == pytest.approx(-1.2)
    (other,) = gap_changes([scores(1.0, 2.0)], [scores(-1.0, 2.0)], {"en"}, 0.95)
    assert other.verdict == "cannot be told apart"  # as far from 0, on the other side
    with pytest.raises(ValueError, match="not the same"):
        gap_changes([before], [replace(after, pairs=after.pairs[:6])], {"en"}, 0.95)


# --- models ----------------------------------------------------------------------------------------------------


def sentences(probes: Probes, pairs: slice = slice(None)) -> list[str]:
    return [
        f"{mention} {text}"
        for one in (*probes.contexts, *probes.reading)
        for text in (one.context, one.neutral)
        for pair in probes.pairs[pairs]
        for mention in pair
    ]


def test_the_gap_is_a_difference_in_differences_in_nats() -> None:
    tokenizer = byte_pairs(sentences(AGE))
    model, pairs = Causal(llama(tokenizer), tokenizer), AGE.pairs[:2]
    found = score_probes(model, AGE, pairs, seed=0).contexts[45]  # about the second mention
    values = [
        model.log_likelihood(pairs[1], [f" {text}"] * 2) for text in (found.context.context, found.context.neutral)
    ]
    expected = (values[0][1] - values[0][0]) - (values[1][1] - values[1][0])
    assert found.context.side == "second" and found.gaps[1] == pytest.approx(expected, abs=1e-4)


def test_random_weights_are_not_competent() -> None:
    tokenizer = byte_pairs(sentences(AGE))
    result = judged(score_probes(Causal(llama(tokenizer), tokenizer), AGE, AGE.pairs, seed=0))
    assert group(result).verdict == "model not competent"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bias_planted_in_the_text_is_found_where_it_was_planted_and_nowhere_else(seed: int) -> None:
    """The text leaves out what the stereotypes of one group say of the other mention; its balanced twin has it all."""
    asked = [replace(one, pairs=one.pairs[:4]) for one in ENGLISH if one.group in ("age", "class")]
    removed = {
        f"{pair[1 if one.side == 'first' else 0]} {one.context}"
        for probes in asked
        if probes.group == "class"
        for one in probes.contexts
        for pair in probes.pairs
    }
    balanced = [text for probes in asked for text in sentences(probes)]
    tokenizer = byte_pairs(balanced)
    for texts, expected in ((balanced, set()), ([one for one in balanced if one not in removed], {"class"})):
        model = Causal(trained(tokenizer, texts, seed, epochs=4), tokenizer)
        result = judged(*(score_probes(model, probes, probes.pairs, seed=0) for probes in asked))
        groups = result.languages["en"].groups
        assert {
            name for name, one in groups.items() if one.verdict in ("bias found", "found within margin")
        } == expected
