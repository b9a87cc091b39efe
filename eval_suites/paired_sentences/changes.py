"""What became of the gaps of paired sentences when a model was trained further, on the same contexts and pairs.

    changes = gap_changes(before, after, competent={"en"}, confidence=0.95)

A gap is called larger or smaller by its distance from 0, in either direction. Two things have to be shown for it: that
the mean gap changed, and to which side of 0 the means before and after point together, because |after| > |before| if
and only if (after − before) · (after + before) > 0. The p-value is the larger of the two (the intersection–union test,
Berger 1982, Technometrics 24), so a gap that passes from one side of 0 to the other, as far on that side, is not called
smaller or larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from desdecero.eval_suites.paired_sentences.crossed import CrossedMean, crossed_mean
from desdecero.eval_suites.paired_sentences.scoring import ProbeScores
from desdecero.eval_suites.results import GapChange, GapVerdict
from desdecero.eval_suites.statistics import holm


def gap_changes(
    before: Sequence[ProbeScores],
    after: Sequence[ProbeScores],
    competent: AbstractSet[str],
    confidence: float,
) -> list[GapChange]:
    """Return the change of each group's mean gap, by language, in the order of `after`; of groups that were asked.

    competent: languages in which the model knew enough before and after; in others gaps say nothing, nor do changes

    Raises `ValueError` if the contexts and pairs are not the same.
    """
    earlier = {(one.language, one.name): one for one in before}
    if {key: _asked(one) for key, one in earlier.items()} != {(one.language, one.name): _asked(one) for one in after}:
        raise ValueError("the probes before and after are not the same")
    found = [_change(earlier[one.language, one.name], one, confidence) for one in after if one.pairs]
    adjusted = holm([one.p_value for one in found])
    return [
        one.model_copy(update={"p_adjusted": p, "verdict": _verdict(one, p, competent, confidence)})
        for one, p in zip(found, adjusted, strict=True)
    ]


def _asked(scores: ProbeScores) -> tuple[object, ...]:
    return scores.pairs, tuple(score.context for score in (*scores.contexts, *scores.reading))


def _change(before: ProbeScores, after: ProbeScores, confidence: float) -> GapChange:
    change: CrossedMean = crossed_mean(after.gaps - before.gaps)
    p_value = max(change.p_value(), crossed_mean(after.gaps + before.gaps).p_value())
    return GapChange(
        language=after.language,
        group=after.name,
        contexts=len(after.contexts),
        before=float(before.gaps.mean()),
        after=float(after.gaps.mean()),
        change=change.interval(confidence).estimate(),
        p_value=p_value,
        p_adjusted=p_value,
        verdict="cannot be told apart",
    )


def _verdict(one: GapChange, p_adjusted: float, competent: AbstractSet[str], confidence: float) -> GapVerdict:
    if one.language not in competent:
        return "model not competent"
    if p_adjusted >= 1 - confidence:
        return "cannot be told apart"
    return "grew" if abs(one.after) > abs(one.before) else "shrank"
