"""Exchange words that name people, and see what becomes of the predictions.

    results = measure_swaps(texts, truth, {"gender": [("he", "she"), …]}, predict, confidence=0.95, seed=0)
    results["gender"].share     # share of the texts of which something else is predicted
    results["gender"].words     # accuracy with the first words of the pairs, and with the second ones
    exchange("He paid his rent.", [("he", "she"), ("his", "her")])                      # She paid her rent.

Two questions are asked of the texts that have a word of a group. Does the prediction depend on the words at all: how
often does it change? And does it serve one side worse: is it right as often with the first words of the pairs as with
the second? A change of prediction may be mere fragility, which any other words would show; only the second question has
a verdict. It is answered on texts that have words of one side alone, each as it is and exchanged, by fairlearn's
`MetricFrame` with the side as the sensitive feature, and a paired permutation test (for right and wrong it counts what
McNemar's exact test counts). What is found holds for these words: a few pairs do not stand for all names.

Whole words are exchanged, in both directions at once, whatever their case. Adjectives that agree with them stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from fairlearn.metrics import MetricFrame, mean_prediction

from desdecero.eval_suites.comparison import ItemScores, compare
from desdecero.eval_suites.results import Estimate, SwapExample, SwapResult, SwapVerdict, WordDifference
from desdecero.eval_suites.statistics import holm, permutation_test, wilson

Pair = tuple[str, str]
Span = tuple[int, int, str]
Prediction = str | float | AbstractSet[str] | Sequence[str] | Sequence[Span]
"""A label, a score, a set of labels, or spans: start, end and label, of which only the labels count, since words of
another length move the rest."""
Answer = str | float | list[str]

LEAST_TEXTS = 30
"""Texts below which a group is not judged. If one side's words make one text in four wrong and the other's none, the
test finds it in 79 of 100 cases with 30 texts, and in 38 with 20 (20,000 simulated, at 5%)."""
PERMUTATIONS = 9_999
"""As many as the bias audit makes."""
EXAMPLES = 5
CONTRACTIONS = {"del": "de", "al": "a"}
"""Spanish preposition with the article *el* → without it."""


def measure_swaps(
    texts: Sequence[str],
    truth: Sequence[Prediction] | None,
    swaps: Mapping[str, Sequence[Pair]],
    predict: Callable[[list[str]], Sequence[Prediction]],
    confidence: float,
    seed: int,
) -> dict[str, SwapResult]:
    """Return what the exchange of each group's words does to the predictions, by group, in the order of `swaps`.

    truth: what is right for each text; None where `predict` returns scores
    swaps: group → pairs of words of one language, the first of each on one side
    predict: is called once, with all texts that have a word of a group and the same after the exchange

    p-values are adjusted over the groups that have enough texts (Holm 1979).

    Raises `ValueError` for a word that stands in two pairs of a group, and for labels without `truth`.
    """
    if truth is not None and len(truth) != len(texts):
        raise ValueError(f"{len(texts)} texts have {len(truth)} right answers")
    exchanged = {group: _exchanged(texts, pairs) for group, pairs in swaps.items()}
    asked = list(
        dict.fromkeys(text for found in exchanged.values() for one in found for text in (one.before, one.after))
    )
    answers = dict(zip(asked, map(_answer, predict(asked)), strict=True)) if asked else {}
    right = None if truth is None else [_answer(one) for one in truth]
    results = {group: _result(found, answers, right, confidence, seed) for group, found in exchanged.items()}
    p_values = {group: one.words.p_value for group, one in results.items() if one.words}
    judged = {group: p for group, p in p_values.items() if p is not None}
    for (group, _), p in zip(judged.items(), holm(list(judged.values())), strict=True):
        results[group] = _judged(results[group], p, confidence)
    return results


# --- the exchange ----------------------------------------------------------------------------------------------


def exchange(text: str, pairs: Sequence[Pair]) -> str:
    """Return the text with each word of a pair in the place of the other; the same text if it has none of them.

    A word is written as the one that it replaces: in capitals, with a capital first, or without. *El* and *del*, *al*
    are told apart: with the pair (el juez, la jueza), *al juez* becomes *a la jueza*.

    Raises `ValueError` for a word that stands in two pairs.
    """
    return _Exchange(pairs)(text)[0]


@dataclass(frozen=True)
class _Exchanged:
    place: int
    """Of the text among all."""
    before: str
    after: str
    sides: frozenset[int]
    """Places in their pairs of the words that it has: 0, 1 or both."""


def _exchanged(texts: Sequence[str], pairs: Sequence[Pair]) -> list[_Exchanged]:
    """Return the texts that have a word of the pairs.

    A text that was there before, or whose exchanged form was, says nothing new. Counted as independent, the texts of
    a test set made from templates led to accusations three times as often as they should.
    """
    swap, found, seen = _Exchange(pairs), list[_Exchanged](), set[str]()
    for place, text in enumerate(texts):
        after, sides = swap(text)
        if after != text and seen.isdisjoint((text, after)):
            seen.add(text)
            found.append(_Exchanged(place, text, after, sides))
    return found


class _Exchange:
    """The exchange of the words of some pairs: text → text, and the sides of the words that it had."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.other: dict[str, tuple[str, str, int]] = {}  # in lower case → as it is written, the other, its side
        for forms in (forms for pair in pairs for forms in (pair, *_contracted(pair))):
            for side, word in enumerate(forms):
                exchanged = word, forms[1 - side], side
                if self.other.setdefault(_key(word), exchanged) != exchanged:
                    raise ValueError(f"{word!r} stands in two pairs: it could be exchanged for two words")
        longest_first = sorted(self.other, key=len, reverse=True)
        words = "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest_first)
        self.pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)

    def __call__(self, text: str) -> tuple[str, frozenset[int]]:
        sides = set[int]()

        def replaced(match: re.Match[str]) -> str:
            word, other, side = self.other[_key(match[0])]
            sides.add(side)
            return _in_case_of(match[0], word, other)

        return (self.pattern.sub(replaced, text) if self.other else text), frozenset(sides)


def _key(word: str) -> str:
    return " ".join(word.lower().split())


def _contracted(pair: Pair) -> list[Pair]:
    """Return the pair behind *de* and *a*, where one of its words has the article that these are joined with."""
    if not any(word.startswith("el ") for word in pair):
        return []

    def behind(joined: str, word: str) -> str:
        return f"{joined} {word.removeprefix('el ')}" if word.startswith("el ") else f"{CONTRACTIONS[joined]} {word}"

    return [(behind(joined, pair[0]), behind(joined, pair[1])) for joined in CONTRACTIONS]


def _in_case_of(found: str, word: str, other: str) -> str:
    """Return `other` in the case in which `word` was found."""
    if found == word:
        return other
    if found.islower():
        return other.lower()
    if len(found) > 1 and found.isupper():
        return other.upper()
    return other[0].upper() + other[1:]


# --- what is measured ------------------------------------------------------------------------------------------


def _answer(prediction: Prediction) -> Answer:
    """Return a prediction as a report holds it, and as predictions are compared."""
    if isinstance(prediction, str):
        return prediction
    if isinstance(prediction, (AbstractSet, Sequence)):
        return sorted(one if isinstance(one, str) else one[2] for one in prediction)
    return float(prediction)


def _result(
    found: Sequence[_Exchanged],
    answers: Mapping[str, Answer],
    right: Sequence[Answer] | None,
    confidence: float,
    seed: int,
) -> SwapResult:
    """Return the result of one group before it is judged."""
    changes = [(answers[one.before], answers[one.after]) for one in found]
    scores = right is None
    if scores and not all(isinstance(answer, float) for change in changes for answer in change):
        raise ValueError("labels are right or wrong: give what is right for each text")
    words = _words([one for one in found if len(one.sides) == 1], answers, right, confidence, seed)
    flips = [place for place, (before, after) in enumerate(changes) if before != after]
    if scores:
        flips.sort(key=lambda place: -abs(float(changes[place][1]) - float(changes[place][0])))  # type: ignore[arg-type]
    verdict: SwapVerdict = "no texts"
    if found:
        verdict = "too few texts" if words is None or words.p_value is None else "cannot be told apart"
    return SwapResult(
        texts=len(found),
        flips=None if scores or not found else len(flips),
        share=None if scores or not found else wilson(len(flips), len(found), confidence).share(),
        words=words,
        examples=[
            SwapExample(
                before=found[place].before,
                after=found[place].after,
                prediction_before=changes[place][0],
                prediction_after=changes[place][1],
            )
            for place in flips[:EXAMPLES]
        ],
        verdict=verdict,
    )


def _words(
    found: Sequence[_Exchanged],
    answers: Mapping[str, Answer],
    right: Sequence[Answer] | None,
    confidence: float,
    seed: int,
) -> WordDifference | None:
    """Return the measure of texts with words of one side, as they are and exchanged; None for no texts."""
    if not found:
        return None
    sides = [[one.before, one.after] if 0 in one.sides else [one.after, one.before] for one in found]
    measured = np.array(
        [
            [answers[text] if right is None else float(answers[text] == right[one.place]) for text in texts]
            for one, texts in zip(found, sides, strict=True)
        ],
        dtype=np.float64,
    )  # (texts, sides)
    frame = MetricFrame(
        metrics=mean_prediction,  # of 1 for right and 0 for wrong it is the accuracy
        y_true=measured.ravel(),
        y_pred=measured.ravel(),
        sensitive_features=np.tile(["first", "second"], len(found)),
    )
    names = [str(place) for place in range(len(found))]
    first, second = (ItemScores(names, column, np.ones(len(found)).tolist()) for column in measured.T.tolist())
    interval = compare(second, first, "higher", margin=1.0, confidence=confidence).difference
    by_side = frame.by_group
    enough = len(found) >= LEAST_TEXTS
    p_value = permutation_test(measured[:, 1] - measured[:, 0], PERMUTATIONS, seed) if enough else None
    return WordDifference(
        texts=len(found),
        measure="score" if right is None else "accuracy",
        first=float(by_side["first"]),
        second=float(by_side["second"]),
        difference=Estimate(value=interval.value, low=interval.low, high=interval.high),
        p_value=p_value,
        p_adjusted=p_value,
    )


def _judged(result: SwapResult, p_adjusted: float, confidence: float) -> SwapResult:
    """Return the result with its adjusted p-value and the verdict that follows."""
    differs = p_adjusted <= 1 - confidence + 1e-12  # 1 - 0.95 is a little less than 0.05
    words = result.words.model_copy(update={"p_adjusted": p_adjusted}) if result.words else None
    return result.model_copy(update={"words": words, "verdict": "differs" if differs else "cannot be told apart"})
