"""What a text says of groups, and who says it: against sums that are written out, and by simulation."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from desdecero.eval_suites.paired_sentences.attribution import (
    Window,
    WordsAfter,
    carriers,
    corpus_gap,
    count_words,
    words_of,
)
from desdecero.eval_suites.paired_sentences.corpus_results import CorpusGap
from desdecero.eval_suites.paired_sentences.probes import shipped_probes
from desdecero.eval_suites.paired_sentences.scoring import score_probes

GENDER = next(probes for probes in shipped_probes("es") if probes.group == "gender")
PAIRS = GENDER.pairs[:4]
COMMON = words_of("el día de la casa y un poco más tarde con todos en la calle por la noche")


def gap_of(counts: WordsAfter) -> CorpusGap:
    """The gap of a text towards which a model leans by 1 nat."""
    scores = score_probes(counts, GENDER, PAIRS, 0)
    return corpus_gap(counts, scores, scores, 1.0, 0.95)


def windows(seed: int, planted: int, other: int = 150, balanced: bool = False) -> list[Window]:
    """Documents of five sentences; those that are planted say what the stereotypes do."""
    generator, found = np.random.default_rng(seed), list[Window]()
    for number in range(planted + other):
        name = f"planted-{number}" if number < planted else f"other-{number}"
        for _ in range(5):
            pair = PAIRS[generator.integers(len(PAIRS))]
            side = int(generator.integers(2))
            words = generator.permutation(COMMON).tolist()[:8]
            if number < planted:
                about = [each for each in GENDER.contexts if each.side == ("first", "second")[side]]
                words = words_of(about[generator.integers(len(about))].context)
            found.append(Window(name, pair[1 - side if balanced and generator.random() < 0.5 else side], words))
    return found


def test_a_gap_is_a_difference_of_associations_as_they_are_written_out() -> None:
    rows = [
        Window("a", PAIRS[0][0], ["planchar", "las", "camisas"]),
        Window("a", PAIRS[0][0], ["guardar"]),
        Window("b", PAIRS[0][1], ["planchar", "y", "guardar", "las", "llaves"]),
        Window("c", PAIRS[1][1], []),
    ]
    counts = count_words(rows, GENDER, PAIRS)
    after = {mention: [word for row in rows if row.mention == mention for word in row.words] for mention in PAIRS[0]}
    everything = [word for row in rows for word in row.words]

    def association(mention: str, word: str) -> float:
        expected = len(after[mention]) * everything.count(word) / len(everything)
        return math.log((after[mention].count(word) + 0.5) / (expected + 0.5))

    for mention in PAIRS[0]:
        told = counts.log_likelihood([mention], [" planchar las camisas."])
        assert told == pytest.approx(sum(association(mention, word) for word in ("planchar", "las", "camisas")))
    assert counts.log_likelihood([PAIRS[1][1]], [" planchar las camisas."]) == pytest.approx(0)


@pytest.mark.parametrize("seed", range(3))
def test_the_documents_that_plant_an_association_are_named(seed: int) -> None:
    counts = count_words(windows(seed, planted=40), GENDER, PAIRS)
    found = gap_of(counts)
    assert found.leans == "as the model" and found.gap.value > 0.5 and found.p_value < 1e-6
    assert found.windows == 950 and found.documents == 190
    named = carriers(counts, GENDER, PAIRS, direction=1)
    assert len(named) == 20 and all(one.document.startswith("planted") for one in named)
    assert named == sorted(named, key=lambda one: -one.nats) and sum(one.share for one in named) < 1


def test_a_text_that_says_the_same_of_both_leans_to_neither() -> None:
    """In 5% of such texts the interval excludes 0."""
    leaning = 0
    for seed in range(40):
        counts = count_words(windows(seed, planted=40, balanced=True), GENDER, PAIRS)
        leaning += gap_of(counts).leans != "not shown"
    assert leaning <= 5  # P(more) < 1.5% at 5%


def test_a_mention_that_is_rare_leans_to_neither() -> None:
    rows = [row for row in windows(5, planted=0, other=600) if row.mention in [pair[1] for pair in PAIRS]]
    rows += [row for row in windows(6, planted=0, other=20) if row.mention in [pair[0] for pair in PAIRS]]
    counts = count_words(rows, GENDER, PAIRS)
    found = gap_of(counts)
    assert abs(found.gap.value) < 0.1


@pytest.mark.parametrize("direction", [1, -1])
def test_what_a_document_carries_is_the_change_without_it(direction: int) -> None:
    rows = windows(3, planted=10, other=20)

    def half(some: list[Window]) -> float:
        """The mean gap of the words that only the contexts have."""
        counts, found = count_words(some, GENDER, PAIRS), []
        for each in GENDER.contexts:
            text = " ".join((Counter(words_of(each.context)) - Counter(words_of(each.neutral))).elements())
            first, second = (counts.log_likelihood([pair[side] for pair in PAIRS], [text] * 4) for side in (0, 1))
            found.append((first - second).mean() * (1 if each.side == "first" else -1))
        return float(np.mean(found))

    counts = count_words(rows, GENDER, PAIRS)
    named = carriers(counts, GENDER, PAIRS, direction, most=100)
    falls = {
        name: direction * (half(rows) - half([row for row in rows if row.document != name]))
        for name in counts.documents
    }
    carrying = {name: fall for name, fall in falls.items() if fall > 1e-12}
    assert {one.document: one.nats for one in named} == pytest.approx(carrying)
    assert sum(one.share for one in named) == pytest.approx(1)
    assert all(rows[one.window].document == one.document for one in named)


def test_the_place_that_weighs_most_is_the_one_with_the_words_of_the_stereotype() -> None:
    rows = windows(4, planted=0)
    said = [words_of(each.context) for each in GENDER.contexts if each.side == "first"]
    rows[7:7] = [Window("whole", PAIRS[0][0], words) for words in (COMMON, *said)]
    (first, *_) = carriers(count_words(rows, GENDER, PAIRS), GENDER, PAIRS, direction=1)
    assert first.document == "whole" and rows[first.window].words in said


def test_mentions_that_stand_nowhere_give_no_gap() -> None:
    counts = count_words([], GENDER, PAIRS)
    found = gap_of(counts)
    assert found.gap.value == 0 and found.p_value == 1 and found.leans == "not shown"
    assert carriers(counts, GENDER, PAIRS, direction=1) == []
