"""A forest plot for each suite of an audit: a line for each estimate with its interval, and what chance would give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from desdecero.eval_suites.by_heart.results import Extracted, MemorizationResult, PersonalDataSuite
from desdecero.eval_suites.in_use.results import SwapsInUseResult
from desdecero.eval_suites.paired_sentences.results import PairsResult
from desdecero.eval_suites.public_sets.results import CrowsResult, EsbbqResult, HonestResult, WinobiasResult
from desdecero.eval_suites.results import Estimate, ShareEstimate
from desdecero.eval_suites.true_or_false.results import TrueOrFalseResult
from desdecero.model_cards.audit_sentences import group_name, verdict_of
from desdecero.model_cards.formats import percent
from desdecero.model_cards.words import LANGUAGES, Language, file_in, name, say
from desdecero.pipelines.run.reports.audit import AuditReport

STYLES = {  # verdict → marker and colour, told apart in grey and by colour-blind readers (Okabe & Ito 2008)
    "bias found": ("D", "#D55E00"),
    "found within margin": ("d", "#E69F00"),
    "within margin": ("o", "#0072B2"),
    "underpowered": ("s", "#777777"),
    "words not read": ("v", "#777777"),
    "model not competent": ("x", "#AAAAAA"),
    "none shown": ("s", "#777777"),
    "diagnostic": ("s", "#777777"),
}


@dataclass(frozen=True)
class Line:
    """An estimate of a panel; None where nothing was measured."""

    label: str
    estimate: Estimate | None
    verdict: str


@dataclass(frozen=True)
class Panel:
    """Estimates of one unit."""

    title: str
    axis: str
    lines: Sequence[Line]
    chance: float | None
    band: float | None = None
    """Half width of a band around chance."""


def draw_suites(report: AuditReport, folder: Path) -> None:
    """Draw a picture of each suite that has anything to show, in each language: `pairs.png`, `pairs.es.png`."""
    for suite, panels_of in PANELS.items():
        if (result := getattr(report.suites, suite)) is None:
            continue
        for language in LANGUAGES:
            panels = panels_of(result, report, language)
            if any(panel.lines for panel in panels):
                path = folder / file_in(language, f"{suite}.png")
                draw(panels, _title(report, suite, language), path, language)


def draw(panels: Sequence[Panel], title: str, path: Path, language: Language) -> None:
    """Draw panels beside each other."""
    rows = max(len(panel.lines) for panel in panels)
    figure = Figure(figsize=(2.5 + 3.6 * len(panels), 1.9 + 0.33 * rows), layout="constrained")
    for place, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        if panel.band is not None and panel.chance is not None:
            place.axvspan(panel.chance - panel.band, panel.chance + panel.band, color="#E8F0F6", zorder=0)
        if panel.chance is not None:
            place.axvline(panel.chance, color="black", linewidth=0.8, zorder=1)
        for row, line in enumerate(panel.lines):
            marker, color = STYLES[line.verdict]
            if line.estimate is None:  # nothing to draw but why
                style = {"fontsize": 8, "color": "#555555", "backgroundcolor": "white", "zorder": 4}
                why, middle = name(language, "verdict", line.verdict), place.get_yaxis_transform()
                place.text(0.5, row, why, transform=middle, ha="center", va="center", **style)
            else:
                if line.estimate.interval:
                    place.plot(line.estimate.interval, [row, row], color=color, linewidth=2, zorder=2)
                place.plot(line.estimate.value, row, marker, color=color, markersize=7, zorder=3)
        place.set_yticks(range(len(panel.lines)), [line.label for line in panel.lines])
        place.set_ylim(len(panel.lines) - 0.5, -0.5)
        place.set_title(panel.title[:1].upper() + panel.title[1:], fontsize=10)
        place.spines[["top", "right"]].set_visible(False)
        if len(panels) == 1:
            place.set_xlabel(panel.axis)
    if len(panels) > 1:  # the panels of a suite share their axis
        figure.supxlabel(panels[0].axis, fontsize=10)
    shown = {line.verdict for panel in panels for line in panel.lines if line.estimate is not None}
    legend = [
        Line2D([], [], marker=marker, color=color, linewidth=2, markersize=7, label=name(language, "verdict", verdict))
        for verdict, (marker, color) in STYLES.items()
        if verdict in shown
    ]
    if legend:
        figure.legend(handles=legend, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _title(report: AuditReport, suite: str, language: Language) -> str:
    confidence = percent(language, report.confidence)
    if suite == "pairs":
        return say(language, "plot.gaps_title", confidence=confidence, margin=f"{report.margin:g}")
    return say(language, "plot.suite_title", suite=name(language, "audit_suite", suite), confidence=confidence)


# --- what each suite's panels hold -----------------------------------------------------------------------------


def _pairs(result: PairsResult, report: AuditReport, language: Language) -> list[Panel]:
    panels = []
    for audited, gaps in result.languages.items():
        share = percent(language, gaps.competence.value)
        title = say(language, "plot.word_order", language=name(language, "language", audited), share=share)
        lines = [Line(group_name(language, group), one.gap, one.verdict) for group, one in gaps.groups.items()]
        panels.append(Panel(title, say(language, "plot.mean_gap"), lines, 0.0, report.margin))
    return panels


def _esbbq(result: EsbbqResult, report: AuditReport, language: Language) -> list[Panel]:
    choices = {"all": result.all, **result.categories}
    lines = [
        Line(
            name(language, "esbbq_category", category),
            one.bias,
            _verdict(report, f"esbbq/{category}") if one.competent else "model not competent",
        )
        for category, one in choices.items()
    ]
    return [Panel("", say(language, "plot.stereotyped_share"), lines, 0.5)]


def _crows_pairs(result: CrowsResult, _: AuditReport, language: Language) -> list[Panel]:
    lines = [
        Line(name(language, "crows_direction", direction), figures.preferred, "diagnostic")
        for direction, figures in result.directions.items()
    ]
    return [Panel("", say(language, "plot.stereotyped_share"), lines, 0.5)]


def _winobias(result: WinobiasResult, report: AuditReport, language: Language) -> list[Panel]:
    verdict = _verdict(report, "winobias/all")
    lines = [Line(name(language, "winobias_type", "all"), result.all.difference, verdict)]
    lines += [
        Line(name(language, "winobias_type", kind), figures.difference, "diagnostic")
        for kind, figures in result.types.items()
    ]
    return [Panel("", say(language, "plot.pronoun_difference"), lines, 0.0)]


def _honest(result: HonestResult, report: AuditReport, language: Language) -> list[Panel]:
    verdict = _verdict(report, "honest/difference")
    lines = [Line(name(language, "honest_category", kind), one, verdict) for kind, one in result.categories.items()]
    return [Panel("", say(language, "plot.hurtful_share"), lines, None)]


def _swaps(result: SwapsInUseResult, _: AuditReport, language: Language) -> list[Panel]:
    lines = [
        Line(
            f"{group_name(language, people)}: {name(language, 'people_side', side)}", _share(flips.share), "diagnostic"
        )
        for people, swapped in result.people.items()
        for side, flips in swapped.by_side.items()
    ]
    return [Panel("", say(language, "plot.flips_share"), lines, None)]


def _memorization(result: MemorizationResult, _: AuditReport, language: Language) -> list[Panel]:
    prefixes = sorted({cell.prefix for cell in result.extraction.cells})
    middle = prefixes[len(prefixes) // 2] if prefixes else None  # by occurrences, the others say much the same
    lines = [
        Line(
            say(language, f"plot.extracted.{cell.split}", prefix=cell.prefix)
            + ("" if cell.by == "all" else f" ({name(language, 'extraction_group', cell.group)})"),
            _share(cell.greedy),
            "diagnostic",
        )
        for cell in result.extraction.cells
        if cell.by == "all" or (cell.by == "occurrences" and cell.split == "train" and cell.prefix == middle)
    ]
    return [Panel("", say(language, "plot.extracted_share"), lines, None)]


def _personal_data(result: PersonalDataSuite, _: AuditReport, language: Language) -> list[Panel]:
    lines = [
        Line(name(language, "personal_data", kind.kind), _share(kind.greedy), "diagnostic") for kind in result.kinds
    ]
    return [Panel("", say(language, "plot.greedy_share"), lines, None)]


def _facts(result: TrueOrFalseResult, _: AuditReport, language: Language) -> list[Panel]:
    figures = {} if result.stated.all is None else {"all": result.stated.all, **result.stated.kinds}
    lines = [
        Line(f"{name(language, 'fact_kind', kind)}, {name(language, 'fact_side', side)}", one, "diagnostic")
        for kind, each in figures.items()
        for side, one in (("trained", each.trained), ("held_out", each.held_out))
    ]
    return [Panel("", say(language, "plot.preferred_share"), lines, 0.25)]


def _share(share: Extracted | ShareEstimate | None) -> Estimate | None:
    return None if share is None else Estimate(value=share.value, low=share.low, high=share.high)


def _verdict(report: AuditReport, test: str) -> str:
    return verdict_of({"p_adjusted": report.p_adjusted, "confidence": report.confidence}, test)


PANELS: dict[str, Callable[[Any, AuditReport, Language], list[Panel]]] = {
    "pairs": _pairs,
    "esbbq": _esbbq,
    "crows_pairs": _crows_pairs,
    "winobias": _winobias,
    "honest": _honest,
    "swaps": _swaps,
    "memorization": _memorization,
    "personal_data": _personal_data,
    "facts": _facts,
}
"""Suite → the panels of its picture, from its result and the report."""
