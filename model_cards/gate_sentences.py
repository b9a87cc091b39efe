"""Findings of the gate in words: what was found, where it was read, and how to fix it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from desdecero.model_cards.audit_sentences import verdict_counts
from desdecero.model_cards.findings import Finding
from desdecero.model_cards.formats import figure, interval, percent
from desdecero.model_cards.words import Language, name, say

SHARES = ("accuracy", "micro_f1", "macro_f1", "span_f1")
"""Measures of labels, which are between 0 and 1."""
SHOWN_FAULTS = 10  # a sentence that names more files than this is not read


def sentence(language: Language, finding: Finding) -> str:
    """Write a finding in its reader's language, in one sentence."""
    key = finding.key or f"{finding.rule}.{'passed' if finding.passed else 'failed'}"
    return _say(language, key, read=finding.read, **finding.values)


def _say(language: Language, key: str, **values: Any) -> str:
    written = {value: WRITTEN[value](language, said) if value in WRITTEN else said for value, said in values.items()}
    return say(language, f"gate.{key}", **written)


def _listed(_: Language, names: Sequence[str]) -> str:
    return ", ".join(names)


def _faults(language: Language, faults: Sequence[str]) -> str:
    more = len(faults) - SHOWN_FAULTS
    shown = [*faults[:SHOWN_FAULTS], *([say(language, "gate.files_whole.more", number=more)] if more > 0 else [])]
    return "; ".join(shown)


def _licenses(language: Language, shares: Mapping[str, float]) -> str:
    return ", ".join(f"{expression} {percent(language, share)}" for expression, share in shares.items())


def _measured(language: Language, measured: Mapping[str, Any]) -> str:
    high = measured["high"]
    if high is None:
        bound = say(language, "number.no_interval")
    else:
        bound = say(language, "gate.beats_unigram.up_to", high=figure(high))
    return f"{name(language, 'measure', measured['measure'])} {figure(measured['value'])} ({bound})"


def _silent(language: Language, silent: Mapping[str, Mapping[str, Any]]) -> str:
    """Say why the audit can tell nothing, for each of the languages in which it cannot."""
    return "; ".join(f"{code}: {_say(language, **why)}" for code, why in silent.items())


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
    "change": _change,
    "difference": _difference,
    "differing": _differing,
    "faults": _faults,
    "kinds": _kinds,
    "languages": _listed,
    "licenses": _licenses,
    "measured": _measured,
    "missing": _listed,
    "most": percent,
    "opponent": lambda language, opponent: name(language, "opponent", opponent),
    "rules": _listed,
    "share": percent,
    "silent": _silent,
    "stages": _listed,
    "threshold": percent,
    "unigram": lambda _, value: figure(value),
    "verdicts": verdict_counts,
    "margin": lambda _, value: f"{value:g}",
    "verdict": lambda language, verdict: name(language, "verdict", verdict),
}
"""Formats of a finding's values, by their names; all others are printed as they are."""
