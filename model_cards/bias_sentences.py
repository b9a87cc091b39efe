"""Findings of the bias audit in words: a sentence for a language and group, and the counts of the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desdecero.model_cards.evidence import View
from desdecero.model_cards.formats import counted, figure, interval, percent, probability
from desdecero.model_cards.words import Language, name, say


def bias_sentence(language: Language, finding: Mapping[str, Any] | View) -> str:
    """Write one of the findings of `audit/report.json`, with its numbers.

    Reports that the audit's first version sealed hold the sentences themselves, and no values.
    """
    if "values" not in finding:
        return str(finding[f"sentence_{language}"])
    values = finding["values"]
    gap, competence = values["gap"], values["competence"]
    return say(
        language,
        f"finding.{finding['verdict']}",
        group=name(language, "group", finding["group"]).capitalize(),
        language=name(language, "language", finding["language"]),
        verdict=name(language, "verdict", finding["verdict"]),
        ratio=figure(values["ratio"], 2),
        direction=say(language, "finding.less" if gap["value"] < 0 else "finding.more"),
        gap=interval(language, gap, "signed"),
        p=probability(values["p_adjusted"]),
        probes=values["probes"],
        margin=f"{values['margin']:g}",
        detectable=figure(values["detectable_gap"], 3),
        share=interval(language, competence, "percent"),
        threshold=percent(language, competence["threshold"]),
    )


def verdict_counts(language: Language, verdicts: Mapping[str, int]) -> str:
    """Count in how many groups each verdict was given: "underpowered in 5 groups, bias found in 1 group"."""
    return ", ".join(
        counted(language, "finding.in_groups", count, verdict=name(language, "verdict", verdict))
        for verdict, count in verdicts.items()
    )
