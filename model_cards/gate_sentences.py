"""Verdicts of the gate, in words: what was found, against what limit, where it was read, and how to fix it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from desdecero.model_cards.audit_sentences import verdict_counts
from desdecero.model_cards.formats import figure, interval, percent
from desdecero.model_cards.policy.types import Verdict, Waiver
from desdecero.model_cards.words import Language, catalogue, name, say

SHARES = ("accuracy", "micro_f1", "macro_f1", "span_f1")
"""Measures of labels, which are between 0 and 1."""
OF_LICENSES = ("license_denied", "license_conflict", "license_unknown")
"""Checks that read the table of licences beside the card."""
DIGITS = range(4, 18)
"""Significant digits of a number, as few as tell it from its limit; 17 tell any two apart."""
SHOWN_FAULTS = 10  # a sentence that names more files than this is not read


def tag(language: Language, verdict: Verdict) -> str:
    """Return what comes of a verdict: passed, REFUSED, warning, waived, off."""
    if verdict.verdict in ("pass", "waived"):
        return say(language, f"gate.tag.{verdict.verdict}")
    return say(language, f"gate.tag.{verdict.level}")


def sentence(language: Language, verdict: Verdict) -> str:
    """Write what was found in its reader's language, in one sentence."""
    return _say(language, f"gate.{verdict.key}", **verdict.values)


def measured(language: Language, verdict: Verdict) -> str:
    """Write the verdict's word, the value and its limit, and the report and pointer that they were read from."""
    value = written(language, verdict.unit, verdict.value, verdict.threshold)
    limit = written(language, verdict.unit, verdict.threshold, verdict.value)
    said = say(language, f"gate.verdict.{verdict.outcome}")
    if verdict.threshold is not None and (verdict.bound != "is" or verdict.value is not None):
        said += ": " + say(language, f"gate.bound.{verdict.bound}", value=value, limit=limit)
    return f"{said} ({verdict.report} {verdict.pointer})"


def written(language: Language, unit: str, value: Any, beside: Any = None) -> str:
    """Write a value or a limit: a share in percent, a figure with four digits, a report's word by its name.

    beside: the limit of the value, or the value of the limit; two numbers that differ are never written alike
    """
    if value is None:
        return "–"
    if unit not in ("share", "figure"):
        return catalogue()[language].get(f"gate_word.{value}", str(value))
    for digits in DIGITS:
        said = _number(language, unit, value, digits)
        if not isinstance(beside, int | float) or beside == value or _number(language, unit, beside, digits) != said:
            break
    return said


def _number(language: Language, unit: str, value: float, digits: int) -> str:
    if digits == DIGITS[0]:
        return percent(language, value) if unit == "share" else figure(value)
    scaled = figure(100 * value if unit == "share" else value, digits)
    number = scaled.rstrip("0").rstrip(".") if "." in scaled else scaled
    return number + (say(language, "number.percent") if unit == "share" else "")


def fix(language: Language, verdict: Verdict) -> str:
    """Say how to make the rule pass."""
    check = verdict.key.partition(".")[0]
    if check in OF_LICENSES and verdict.outcome == "not_measured":  # there are no licences yet to be changed
        return say(language, "gate.fix.no_license_table")
    return _say(language, f"gate.fix.{check}", **verdict.values)


def waiver_sentence(language: Language, waiver: Waiver, expired: bool) -> str:
    """Say who waives the rule, for which licences, until when and why."""
    who = {"by": waiver.by, "reason": waiver.reason, "until": waiver.until}
    said = say(language, "gate.expired" if expired else "gate.waived", **who)
    if waiver.licenses:
        said += " " + say(language, "gate.waived_licenses", licenses=", ".join(waiver.licenses))
    return said


def _say(language: Language, key: str, **values: Any) -> str:
    formatted = {value: WRITTEN[value](language, said) if value in WRITTEN else said for value, said in values.items()}
    return say(language, key, **formatted)


def _listed(_: Language, names: Sequence[str]) -> str:
    return ", ".join(names)


def _wrong(language: Language, wrong: Mapping[str, Sequence[str]]) -> str:
    """Say what is wrong with the seals: stages, files, values without evidence; the first of each."""
    return "; ".join(
        say(language, f"gate.seals.{what}", names=_shortened(language, [_fault(language, each) for each in faults]))
        for what, faults in wrong.items()
    )


def _fault(language: Language, fault: str) -> str:
    """Write what `verify` or `status` says of a file or a stage: whole in English, which is theirs, else its name.

    A stage's name has its state beside it: `audit (stale: …)` is `audit (sin actualizar)`.
    """
    if language == "en":
        return fault
    place, _, state = fault.partition(": ")[0].partition(" (")
    state = state.removesuffix(")")
    return f"{place} ({catalogue()[language].get(f'gate_word.{state}', state)})" if state else place


def _shortened(language: Language, names: Sequence[str]) -> str:
    more = len(names) - SHOWN_FAULTS
    return "; ".join([*names[:SHOWN_FAULTS], *([say(language, "gate.seals.more", number=more)] if more > 0 else [])])


def _licenses(language: Language, shares: Mapping[str, float]) -> str:
    return ", ".join(f"{expression} {percent(language, share)}" for expression, share in shares.items())


def _measured(language: Language, own: Mapping[str, Any]) -> str:
    high = own["high"]
    if high is None:
        bound = say(language, "number.no_interval")
    else:
        bound = say(language, "gate.evaluation.up_to", high=figure(high))
    return f"{name(language, 'measure', own['measure'])} {figure(own['value'])} ({bound})"


def _silent(language: Language, silent: Mapping[str, Mapping[str, Any]]) -> str:
    """Say why the audit can tell nothing, for each of the languages in which it cannot."""
    said = []
    for code, why in silent.items():
        values = {field: value for field, value in why.items() if field != "key"}
        key = why["key"]
        said.append(f"{code}: {_say(language, f'gate.{key}', **values)}")
    return "; ".join(said)


def _change(language: Language, change: Mapping[str, Any]) -> str:
    return f"{name(language, 'measure', change['measure'])} {interval(language, change, 'signed')}"


def _differing(language: Language, differing: Sequence[Mapping[str, Any]]) -> str:
    """Say of which words people are named by in the texts where it is right less often, and how often."""
    return "; ".join(
        say(
            language,
            "gate.swaps_alike.group",
            group=name(language, "swap_group", one["group"]),
            language=name(language, "language", one["language"]),
            first=percent(language, one["words"]["first"]),
            second=percent(language, one["words"]["second"]),
        )
        for one in differing
    )


def _difference(language: Language, difference: Mapping[str, Any]) -> str:
    """Write how an adapter's score differs: losses as they are, shares in percentage points."""
    measure = difference["measure"]
    if measure not in SHARES:
        return _change(language, difference)
    points = say(language, "adapter_card.points")
    return f"{name(language, 'measure', measure)} {interval(language, difference, 'points')} {points}"


def _kinds(_: Language, kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in kinds.items() if count)


WRITTEN: Mapping[str, Callable[[Language, Any], str]] = {
    "absent": _listed,
    "baseline": lambda language, baseline: name(language, "baseline", baseline),
    "change": _change,
    "difference": _difference,
    "differing": _differing,
    "form": lambda language, form: name(language, "identifier", form),
    "kinds": _kinds,
    "languages": _listed,
    "licenses": _licenses,
    "limit": lambda _, value: figure(value),
    "margin": lambda _, value: f"{value:g}",
    "measured": _measured,
    "missing": _listed,
    "opponent": lambda language, opponent: name(language, "opponent", opponent),
    "rules": _listed,
    "share": percent,
    "silent": _silent,
    "suite": lambda language, suite: name(language, "suite", suite),
    "suites": _listed,
    "threshold": percent,
    "verdict": lambda language, verdict: name(language, "verdict", verdict),
    "verdicts": verdict_counts,
    "wrong": _wrong,
    "way": lambda language, way: say(language, f"gate.personal_data.{way}"),
}
"""Formats of a verdict's values, by their names; all others are printed as they are."""
