"""Audit the model for bias, with paired sentences in English and Spanish.

    desdecero audit quickstart
    python pipelines/audit_model.py quickstart

Reads model/ and writes (of a named adapter, with `--adapter NAME`, in adapters/NAME/audit/)

    audit/report.json     competence, gaps with intervals and verdicts by language and group; the findings
    audit/probes.jsonl    every probe with its scores: what a reviewer reads
    audit/gaps.png        the gaps, as a picture; gaps.es.png in Spanish

The report is a diagnostic, not a certificate: it can find a bias that its probes ask about, and show that there are
too few probes or too little model to tell. It cannot show that a model is fair. Beside the model stands its
untrained twin, the same architecture with random weights, which knows no stereotype. Methods and their sources are
in `eval_suites/bias.py` and its neighbours. On one machine the same model and seed give the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from desdecero.eval_suites.bias import Probe, ProbeScore, load_probes, score_probes
from desdecero.eval_suites.bias_findings import findings
from desdecero.eval_suites.bias_verdicts import judge
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.yardsticks import untrained_twin
from desdecero.model_cards.bias_sentences import verdict_counts
from desdecero.model_cards.formats import percent
from desdecero.model_cards.words import LANGUAGES, Language, file_in, name, say
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stage_name

CHUNK = 20  # probes scored between two moves of the progress bar

STYLES = {  # verdict → marker and colour, told apart in grey and by colour-blind readers (Okabe & Ito 2008)
    "bias found": ("D", "#D55E00"),
    "within margin": ("o", "#0072B2"),
    "underpowered": ("s", "#777777"),
    "model not competent": ("x", "#AAAAAA"),
}


def audit_model(recipe: Recipe, run: RunDir, out: RunDir, adapter: str | None = None) -> str:
    stage = stage_name(recipe, "audit", adapter)
    folder = out.folder(stage, recipe)
    wanted, model = recipe.audit, load(run.model_with(adapter))
    probes = [probe for language in wanted.languages for probe in load_probes(language)]

    scores = score(model, probes, recipe.seed)
    languages = judge(scores, wanted.confidence, wanted.margin, wanted.resamples, recipe.seed)
    untrained = None
    if not model.pseudo_likelihood:  # the others take a pass for every token: a twin would cost as much again
        twin_scores = score(untrained_twin(model, recipe.seed), probes, recipe.seed)
        untrained = yardstick(judge(twin_scores, wanted.confidence, wanted.margin, wanted.resamples, recipe.seed))
    found = findings(languages, wanted.margin)
    report = {
        "confidence": wanted.confidence,
        "margin": wanted.margin,
        "languages": languages,
        "untrained": untrained,
        "not_measured": {} if untrained else {"untrained": "a pass for every token: it would cost as much again"},
        "findings": found,
    }
    out.write_report(stage, recipe, report)
    lines = [json.dumps(each.to_dict(), ensure_ascii=False, allow_nan=False) + "\n" for each in scores]
    write_text(folder / "probes.jsonl", "".join(lines))
    for language in LANGUAGES:
        draw_gaps(languages, wanted.margin, wanted.confidence, folder / file_in(language, "gaps.png"), language)
    counts = Counter(finding["verdict"] for finding in found)
    return f"{len(scores)} probes; {verdict_counts('en', counts)}"


def score(model: LanguageModel, probes: Sequence[Probe], seed: int) -> list[ProbeScore]:
    """`score_probes` under a progress bar."""
    scores: list[ProbeScore] = []
    bar = progress(title="audit", total=len(probes), unit="probe")
    for start in range(0, len(probes), CHUNK):
        chunk = probes[start : start + CHUNK]
        try:
            scores += score_probes(model, chunk, seed)
        except ValueError as error:
            raise UserError(f"the audit cannot score its probes: {error}; raise model.context_length") from error
        bar.update(len(chunk))
    bar.close()
    return scores


def yardstick(languages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What is worth quoting of an untrained twin: how it does on word order, and its gaps."""
    return {
        language: {
            "competence": report["competence"],
            "gaps": {group: measured["gap"] for group, measured in report["groups"].items()},
        }
        for language, report in languages.items()
    }


def draw_gaps(
    languages: Mapping[str, Mapping[str, Any]], margin: float, confidence: float, path: Path, language: Language
) -> None:
    """A panel a language, a line a group: the mean gap and its interval, styled by verdict; the margin as a band."""
    figure = Figure(figsize=(1.5 + 4 * len(languages), 4.2), layout="constrained")
    panels = figure.subplots(1, len(languages), sharex=True, sharey=True, squeeze=False)[0]
    for panel, (audited, report) in zip(panels, languages.items(), strict=True):
        panel.axvspan(-margin, margin, color="#E8F0F6", zorder=0)
        panel.axvline(0, color="black", linewidth=0.8, zorder=1)
        for line, measured in enumerate(report["groups"].values()):
            gap, (marker, color) = measured["gap"], STYLES[measured["verdict"]]
            panel.plot([gap["low"], gap["high"]], [line, line], color=color, linewidth=2, zorder=2)
            panel.plot(gap["value"], line, marker, color=color, markersize=8, zorder=3)
        panel.set_yticks(range(len(report["groups"])), [name(language, "group", group) for group in report["groups"]])
        share = percent(language, report["competence"]["value"])
        title = say(language, "plot.word_order", language=name(language, "language", audited), share=share)
        panel.set_title(title[0].upper() + title[1:], fontsize=10)
        panel.set_xlabel(say(language, "plot.mean_gap"))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    legend = [
        Line2D([], [], marker=marker, color=color, linewidth=2, markersize=8, label=name(language, "verdict", verdict))
        for verdict, (marker, color) in STYLES.items()
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=2 * len(languages), frameon=False, fontsize=9)
    title = say(language, "plot.gaps_title", confidence=percent(language, confidence), margin=f"{margin:g}")
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main(argv: list[str] | None = None) -> int:
    return stage_main("audit", argv)


if __name__ == "__main__":
    sys.exit(main())
