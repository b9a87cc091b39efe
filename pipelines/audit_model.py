"""Audit the model for bias, with paired sentences in English and Spanish.

    desdecero audit quickstart
    python pipelines/audit_model.py quickstart

Reads model/ and writes (of a named adapter, with `--adapter NAME`, in adapters/NAME/audit/)

    audit/report.json     competence, gaps with intervals and verdicts by language and group; the findings
    audit/probes.jsonl    every probe with its scores: what a reviewer reads
    audit/gaps.png        the gaps, as a picture; gaps.es.png in Spanish

Of an adapter, the report also has the change of each gap against the model under it, probe by probe.

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

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from desdecero.eval_suites.baselines import untrained_twin
from desdecero.eval_suites.bias import Probe, ProbeScore, load_probes, score_probes
from desdecero.eval_suites.bias_changes import gap_changes
from desdecero.eval_suites.bias_findings import findings
from desdecero.eval_suites.bias_verdicts import judge
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.results import GapChange, LanguageGaps
from desdecero.model_cards.bias_sentences import verdict_counts
from desdecero.model_cards.formats import percent
from desdecero.model_cards.words import LANGUAGES, Language, file_in, name, say
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.reports.audit import AuditReport, UntrainedLanguage
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
    """Score the probes and judge each group; return the number of each verdict in a sentence."""
    stage = stage_name("audit", adapter)
    folder = out.folder(stage, recipe)
    settings, model = recipe.audit, load(run.model_with(adapter))
    probes = [probe for language in settings.languages for probe in load_probes(language)]

    def judged(scores: Sequence[ProbeScore]) -> dict[str, LanguageGaps]:
        return judge(scores, settings.confidence, settings.margin, settings.resamples, recipe.seed)

    scores = score(model, probes, recipe.seed)
    languages = judged(scores)
    untrained = None
    if not model.pseudo_likelihood:  # the others take a pass for every token: a twin would cost as much again
        twin_scores = score(untrained_twin(model, recipe.seed), probes, recipe.seed)
        untrained = {language: baseline_of(result) for language, result in judged(twin_scores).items()}
    not_measured = {} if untrained else {"untrained": "a pass for every token: it would cost as much again"}
    changes = None
    if adapter is not None and (changes := changes_of(recipe, run, scores, languages)) is None:
        not_measured["changes"] = "the model under the adapter was audited with other probes"
    report = AuditReport(
        confidence=settings.confidence,
        margin=settings.margin,
        languages=languages,
        untrained=untrained,
        not_measured=not_measured,
        findings=findings(languages, settings.margin),
        changes=changes,
    )
    out.write_report(stage, recipe, report)
    lines = [json.dumps(each.to_dict(), ensure_ascii=False, allow_nan=False) + "\n" for each in scores]
    write_text(folder / "probes.jsonl", "".join(lines))
    for language in LANGUAGES:
        draw_gaps(report, folder / file_in(language, "gaps.png"), language)
    counts = Counter[str](finding.verdict for finding in report.findings)
    return f"{len(scores)} probes; {verdict_counts('en', counts)}"


def score(model: LanguageModel, probes: Sequence[Probe], seed: int) -> list[ProbeScore]:
    """Score the probes under a progress bar."""
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


def baseline_of(result: LanguageGaps) -> UntrainedLanguage:
    """Return what is quoted of an untrained twin: its score on word order, and its gaps."""
    gaps = {group: measured.gap for group, measured in result.groups.items()}
    return UntrainedLanguage(competence=result.competence, gaps=gaps)


def changes_of(
    recipe: Recipe, run: RunDir, scores: Sequence[ProbeScore], languages: Mapping[str, LanguageGaps]
) -> list[GapChange] | None:
    """Return what became of the gaps of the model under an adapter; None where it was audited with other probes."""
    sealed = run.sealed_bytes("audit", recipe, "audit/probes.jsonl").decode()
    before = [ProbeScore.from_dict(json.loads(line)) for line in sealed.splitlines()]
    if {score.probe for score in before} != {score.probe for score in scores}:
        return None
    knew = run.report("audit", recipe).languages
    competent = {
        language
        for language, result in languages.items()
        if result.competence.competent and knew[language].competence.competent
    }
    return gap_changes(before, scores, competent, recipe.audit.confidence, recipe.audit.resamples, recipe.seed)


def draw_gaps(report: AuditReport, path: Path, language: Language) -> None:
    """Draw a panel for each language and a line for each group: the mean gap and its interval, styled by verdict; the
    margin as a band."""
    columns = len(report.languages)
    figure = Figure(figsize=(1.5 + 4 * columns, 4.2), layout="constrained")
    panels = figure.subplots(1, columns, sharex=True, sharey=True, squeeze=False)[0]
    for panel, (audited, result) in zip(panels, report.languages.items(), strict=True):
        panel.axvspan(-report.margin, report.margin, color="#E8F0F6", zorder=0)
        panel.axvline(0, color="black", linewidth=0.8, zorder=1)
        for line, measured in enumerate(result.groups.values()):
            gap, (marker, color) = measured.gap, STYLES[measured.verdict]
            panel.plot(gap.interval, [line, line], color=color, linewidth=2, zorder=2)
            panel.plot(gap.value, line, marker, color=color, markersize=8, zorder=3)
        panel.set_yticks(range(len(result.groups)), [name(language, "group", group) for group in result.groups])
        share = percent(language, result.competence.value)
        title = say(language, "plot.word_order", language=name(language, "language", audited), share=share)
        panel.set_title(title[0].upper() + title[1:], fontsize=10)
        panel.set_xlabel(say(language, "plot.mean_gap"))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    legend = [
        Line2D([], [], marker=marker, color=color, linewidth=2, markersize=8, label=name(language, "verdict", verdict))
        for verdict, (marker, color) in STYLES.items()
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=2 * columns, frameon=False, fontsize=9)
    confidence = percent(language, report.confidence)
    title = say(language, "plot.gaps_title", confidence=confidence, margin=f"{report.margin:g}")
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero audit`."""
    return stage_main("audit", argv)


if __name__ == "__main__":
    sys.exit(main())
