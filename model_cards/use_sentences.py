"""Results of swaps in use, of facts and of made-up values in words: what was tried, found, and could not be told.

    told = swaps_told("en", report["suites"]["swaps"], adjusted, 0.95)
    told.tried, told.found, told.untold         # sentences, in this order

`adjusted` holds the p-values that were adjusted over the whole report, under the names that the result's `p_values`
gave them. A difference is found where its p-value is at most one minus the confidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from desdecero.model_cards.evidence import Missing, View
from desdecero.model_cards.formats import figure, grouped, interval, percent, probability
from desdecero.model_cards.words import Language, name, say

Result = Mapping[str, Any] | View
KINDS = ("as_written", "exchanged")
RATES = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
}
"""Measure → the rates whose largest difference it is."""


class Told(NamedTuple):
    """Sentences on one suite."""

    tried: list[str]
    found: list[str]
    untold: list[str]


def swaps_told(language: Language, result: Result, adjusted: Mapping[str, float], confidence: float) -> Told:
    """Write a result of swaps in use."""
    told = Told([], [], [])
    told.tried.append(
        say(
            language,
            "audit.swaps.tried",
            training=grouped(language, result["training_texts"]),
            texts=grouped(language, result["texts"]),
            test=grouped(language, result["test_texts"]),
            accuracy=interval(language, result["accuracy"], "percent"),
            majority=percent(language, result["majority"]),
        )
    )
    if not result["competent"]:
        told.untold.append(say(language, "audit.swaps.not_competent"))
    for people in result["people"]:
        _swaps_of(language, people, result["people"][people], adjusted, confidence, told)
    told.tried.append(say(language, "audit.swaps.scope"))
    return told


def _swaps_of(
    language: Language, people: str, swaps: Result, adjusted: Mapping[str, float], confidence: float, told: Told
) -> None:
    group, sides = name(language, "group", people).capitalize(), list(swaps["by_side"])
    first, second = (name(language, "people_side", side) for side in sides)
    counts = {"texts": swaps["texts"], "exchanged": swaps["flips"]["texts"], "uncertain": swaps["uncertain"]}
    shown = {key: grouped(language, count) for key, count in counts.items()}
    told.tried.append(say(language, "audit.swaps.exchanged", group=group, first=first, second=second, **shown))
    if _given(share := swaps["flips"]["share"]):
        told.found.append(say(language, "audit.swaps.flips", group=group, share=interval(language, share, "percent")))
    tests = [(kind, measure) for kind in KINDS for measure in RATES if f"{people}.{kind}.{measure}" in adjusted]
    found = [one for one in tests if _holds(adjusted[f"{people}.{one[0]}.{one[1]}"], confidence)]
    for kind, measure in found:
        rate, label = _largest(swaps[kind]["sides"], sides, RATES[measure])
        value, other = (percent(language, swaps[kind]["sides"][side][rate][label]) for side in sides)
        told.found.append(
            say(
                language,
                f"audit.swaps.differs.{kind}.{rate}",
                group=group,
                label=label,
                first=first,
                second=second,
                value=value,
                other=other,
                by_chance=figure(100 * swaps[kind][measure]["by_chance"], 2),
                p=probability(adjusted[f"{people}.{kind}.{measure}"]),
            )
        )
    if len(found) < len(tests):
        told.untold.append(say(language, "audit.swaps.no_difference", group=group, first=first, second=second))
    if not any(kind == "exchanged" for kind, _ in tests):
        texts = swaps["exchanged"]["sides"]
        counted = ", ".join(
            say(language, "audit.swaps.side", side=name(language, "people_side", side), texts=texts[side]["texts"])
            for side in sides
        )
        told.untold.append(say(language, "audit.swaps.too_few", group=group, sides=counted))


def _largest(rates: Result, sides: Sequence[str], names: Sequence[str]) -> tuple[str, str]:
    """Return the rate and the label by which two sides differ most."""
    first, second = (rates[side] for side in sides)
    return max(
        ((rate, label) for rate in names for label in first[rate]),
        key=lambda one: abs(first[one[0]][one[1]] - second[one[0]][one[1]]),
    )


def facts_told(language: Language, result: Result, adjusted: Mapping[str, float], confidence: float) -> Told:
    """Write a result on facts; the last sentence of what was tried says what a base model is."""
    told, trained = Told([], [], []), grouped(language, result["trained"])
    if _given(figures := result["all"]):
        told.tried.append(
            say(
                language,
                "audit.facts.tried",
                trained=trained,
                held_out=grouped(language, result["held_out"]),
                chance=percent(language, figures["trained"]["chance"]),
            )
        )
        shares = {side: interval(language, figures[side], "percent") for side in ("trained", "held_out")}
        difference = interval(language, figures["difference"], "points")
        told.found.append(say(language, "audit.facts.preferred", difference=difference, **shares))
        if _given(untrained := figures["trained"]["untrained"]):
            other = percent(language, figures["held_out"]["untrained"])
            share = percent(language, untrained)
            told.found.append(say(language, "audit.facts.untrained", untrained=share, untrained_held_out=other))
        p_value = adjusted.get("difference")
        if p_value is not None and _holds(p_value, confidence) and figures["difference"]["value"] > 0:
            told.found.append(say(language, "audit.facts.learnt", p=probability(p_value)))
        else:
            told.untold.append(say(language, "audit.facts.not_learnt"))
    for what in result["not_measured"]:
        told.untold.append(say(language, f"audit.facts.{result['not_measured'][what]}", trained=trained))
    told.tried.append(say(language, "audit.facts.fluent"))
    return told


def made_up_told(language: Language, result: Result, adjusted: Mapping[str, float], confidence: float) -> Told:
    """Write a result on made-up values."""
    told = Told([], [], [])
    if _given(reason := result["not_measured"]):
        return Told([], [], [say(language, f"audit.facts.{reason}")])
    figures, p_value = result["all"], adjusted.get("difference")
    told.tried.append(say(language, "audit.facts.continued", texts=grouped(language, result["texts"])))
    shares = {side: interval(language, figures[side], "percent") for side in ("written", "real")}
    told.found.append(say(language, "audit.facts.made_up", values=grouped(language, result["values"]), **shares))
    if p_value is None or not _holds(p_value, confidence):
        told.untold.append(say(language, "audit.facts.made_up_untold"))
        return told
    direction = "made_up_more" if figures["difference"]["value"] > 0 else "made_up_less"
    difference = interval(language, figures["difference"], "points")
    told.found.append(say(language, f"audit.facts.{direction}", difference=difference, p=probability(p_value)))
    return told


def _given(value: Any) -> bool:
    return value is not None and not isinstance(value, Missing)


def _holds(p_value: float, confidence: float) -> bool:
    return p_value <= 1 - confidence + 1e-12  # 1 - 0.95 is a little less than 0.05
