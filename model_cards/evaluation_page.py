"""The evaluation's page: `evaluation/report.json` → Markdown, in English and in Spanish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from desdecero.model_cards.formats import figure, grouped
from desdecero.model_cards.pages import page
from desdecero.model_cards.words import Language, say
from desdecero.model_cards.words import name as named


def render(
    report: Mapping[str, Any], name: str, language: Language, worst: Mapping[str, Sequence[str]], picture: bool
) -> str:
    """Render the page.

    report: the evaluation's report as JSON. name: of the recipe. worst: suite → the items that the model got wrong by
    most. picture: whether there is one of the suites.
    """

    results = [report["text"], *report["suites"]]

    def scale(suite: Mapping[str, Any], measure: str) -> str:
        measured = suite["measures"].get(measure)
        return "percent" if measured is not None and measured["share"] else "plain"

    def worst_first(groups: Mapping[str, Any]) -> list[str]:
        return sorted(groups, key=lambda part: (groups[part]["score"]["value"], part))

    return page(
        "evaluation",
        language,
        report=report,
        results=results,
        name=name,
        worst=worst,
        picture=picture,
        scale=scale,
        worst_first=worst_first,
        verdict=lambda row: verdict_sentence(language, row, results, report["margin"]),
        names=lambda suites: ", ".join(named(language, "suite", suite) for suite in suites),
    )


def verdict_sentence(
    language: Language, row: Mapping[str, Any], suites: Sequence[Mapping[str, Any]], margin: float
) -> str:
    """Return the sentence of a comparison: which of two models is better, or why nobody can say."""
    sentence = say(
        language,
        f"model_verdict.{row['verdict']}",
        first=row["first"],
        second=row["second"],
        margin=figure(margin, 2),
    )
    needed = row["needed"] if row["verdict"].startswith("cannot") else None
    if not needed:
        return sentence
    unit = next((suite["unit"] for suite in suites if suite["name"] == row["suite"]), "document")
    items = say(language, "evaluation.would_need", needed=grouped(language, needed), unit=named(language, "unit", unit))
    return f"{sentence}: {items}"
