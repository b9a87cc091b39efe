"""Results of swaps in use, and of what is true or false, in words.

    for told in swaps_told("en", report):       # `audit/report.json`, or a card's view of it; also `facts_told`
        told.part, told.group, told.verdict, told.text

A difference is found where its p-value, adjusted over the whole report, is below one minus the confidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from desdecero.model_cards.evidence import Missing, View
from desdecero.model_cards.formats import figure, grouped, interval, percent, probability
from desdecero.model_cards.words import Language, name, say

Report = Mapping[str, Any] | View
KINDS = ("as_written", "exchanged")
RATES = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
}
"""Measure → the rates whose largest difference it is."""


class Told(NamedTuple):
    """A sentence about a result of a suite."""

    part: Literal["tried", "found", "open"]
    """What was tried, found, or could not be told."""
    group: str | None
    """Kind of people that it is about."""
    verdict: str
    """`bias found`, `none shown`, `too few texts` or `model not competent`; `diagnostic` where no verdict rests on it.
    """
    text: str


def swaps_told(language: Language, report: Report) -> Iterator[Told]:
    """Yield the sentences about swaps in use."""
    result = report["suites"]["swaps"]
    text = say(
        language,
        "audit.swaps.tried",
        training=grouped(language, result["training_texts"]),
        texts=grouped(language, result["texts"]),
        test=grouped(language, result["test_texts"]),
        accuracy=interval(language, result["accuracy"], "percent"),
        majority=percent(language, result["majority"]),
    )
    yield Told("tried", None, "diagnostic", f"{text} {say(language, 'audit.swaps.scope')}")
    if not result["competent"]:
        yield Told("open", None, "model not competent", say(language, "audit.swaps.not_competent"))
    for people in result["people"]:
        yield from _swaps_of(language, report, people)


def _swaps_of(language: Language, report: Report, people: str) -> Iterator[Told]:
    swaps, adjusted = report["suites"]["swaps"]["people"][people], report["p_adjusted"]
    group, sides = name(language, "group", people).capitalize(), list(swaps["by_side"])
    first, second = (name(language, "people_side", side) for side in sides)
    named = {"group": group, "first": first, "second": second}
    counts = {"texts": swaps["texts"], "exchanged": swaps["flips"]["texts"], "uncertain": swaps["uncertain"]}
    shown = {key: grouped(language, count) for key, count in counts.items()}
    yield Told("tried", people, "diagnostic", say(language, "audit.swaps.exchanged", **named, **shown))
    if is_given(share := swaps["flips"]["share"]):
        text = say(language, "audit.swaps.flips", group=group, share=interval(language, share, "percent"))
        yield Told("found", people, "diagnostic", text)
    tests = {
        (kind, measure): f"swaps/{people}.{kind}.{measure}"
        for kind in KINDS
        for measure in RATES
        if f"swaps/{people}.{kind}.{measure}" in list(adjusted)
    }
    found = [one for one, test in tests.items() if is_shown(report, test)]
    for kind, measure in found:
        rate, label = _largest(swaps[kind]["sides"], sides, RATES[measure])
        value, other = (percent(language, swaps[kind]["sides"][side][rate][label]) for side in sides)
        text = say(
            language,
            f"audit.swaps.differs.{kind}.{rate}",
            label=label,
            value=value,
            other=other,
            by_chance=figure(100 * swaps[kind][measure]["by_chance"], 2),
            p=probability(adjusted[tests[kind, measure]]),
            **named,
        )
        yield Told("found", people, "bias found", text)
    if tests and not found:
        yield Told("open", people, "none shown", say(language, "audit.swaps.no_difference", **named))
    if not any(kind == "exchanged" for kind, _ in tests):
        texts = swaps["exchanged"]["sides"]
        counted = ", ".join(
            say(language, "audit.swaps.side", side=name(language, "people_side", side), texts=texts[side]["texts"])
            for side in sides
        )
        yield Told("open", people, "too few texts", say(language, "audit.swaps.too_few", group=group, sides=counted))


def _largest(rates: Report, sides: Sequence[str], names: Sequence[str]) -> tuple[str, str]:
    """Return the rate and the label by which two sides differ most."""
    first, second = (rates[side] for side in sides)
    return max(
        ((rate, label) for rate in names for label in first[rate]),
        key=lambda one: abs(first[one[0]][one[1]] - second[one[0]][one[1]]),
    )


def facts_told(language: Language, report: Report) -> Iterator[Told]:
    """Yield the sentences about facts and made-up values, and what a base model is."""
    result = report["suites"]["facts"]
    yield from _stated(language, report, result["stated"])
    yield from _made_up(language, report, result["made_up"])
    yield Told("tried", None, "diagnostic", say(language, "audit.facts.fluent"))


def _stated(language: Language, report: Report, stated: Report) -> Iterator[Told]:
    trained = grouped(language, stated["trained"])
    if is_given(figures := stated["all"]):
        asked = {"trained": trained, "held_out": grouped(language, stated["held_out"])}
        chance = percent(language, figures["trained"]["chance"])
        yield Told("tried", None, "diagnostic", say(language, "audit.facts.tried", chance=chance, **asked))
        shares = {side: interval(language, figures[side], "percent") for side in ("trained", "held_out")}
        difference = interval(language, figures["difference"], "points")
        text = say(language, "audit.facts.preferred", difference=difference, **shares)
        if is_given(untrained := figures["trained"]["untrained"]):
            other = percent(language, figures["held_out"]["untrained"])
            share = percent(language, untrained)
            text += " " + say(language, "audit.facts.untrained", untrained=share, untrained_held_out=other)
        yield Told("found", None, "diagnostic", text)
        if is_shown(report, "facts/stated") and figures["difference"]["value"] > 0:
            p = probability(report["p_adjusted"]["facts/stated"])
            yield Told("found", None, "diagnostic", say(language, "audit.facts.learnt", p=p))
        else:
            yield Told("open", None, "none shown", say(language, "audit.facts.not_learnt"))
    for what in stated["not_measured"]:
        text = say(language, f"audit.facts.{stated['not_measured'][what]}", trained=trained)
        yield Told("open", None, "diagnostic", text)


def _made_up(language: Language, report: Report, made_up: Report) -> Iterator[Told]:
    if is_given(reason := made_up["not_measured"]):
        yield Told("open", None, "diagnostic", say(language, f"audit.facts.{reason}"))
        return
    figures = made_up["all"]
    text = say(language, "audit.facts.continued", texts=grouped(language, made_up["texts"]))
    yield Told("tried", None, "diagnostic", text)
    shares = {side: interval(language, figures[side], "percent") for side in ("written", "real")}
    text = say(language, "audit.facts.made_up", values=grouped(language, made_up["values"]), **shares)
    yield Told("found", None, "diagnostic", text)
    if not is_shown(report, "facts/made_up"):
        yield Told("open", None, "none shown", say(language, "audit.facts.made_up_untold"))
        return
    direction = "made_up_more" if figures["difference"]["value"] > 0 else "made_up_less"
    difference = interval(language, figures["difference"], "points")
    p = probability(report["p_adjusted"]["facts/made_up"])
    yield Told("found", None, "diagnostic", say(language, f"audit.facts.{direction}", difference=difference, p=p))


def is_given(value: Any) -> bool:
    """Tell whether a report has a value."""
    return value is not None and not isinstance(value, Missing)


def is_shown(report: Report, test: str) -> bool:
    """Tell whether a test of the report found something, by its adjusted p-value."""
    adjusted = report["p_adjusted"]
    return test in list(adjusted) and bool(adjusted[test] < 1 - report["confidence"])
