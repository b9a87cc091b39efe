"""What the audit found, as pieces of the page: a table of groups, a picture and sentences for each suite."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from desdecero.app import markup
from desdecero.app.markup import Column, paragraph, section
from desdecero.app.views import interval, of_stage
from desdecero.eval_suites.paired_sentences.results import GroupGap, LanguageGaps
from desdecero.model_cards.audit_sentences import Said, audit_sentences, competence_sentence, group_name
from desdecero.model_cards.formats import grouped, percent, probability
from desdecero.model_cards.words import Language, file_in, name, say
from desdecero.pipelines.auditing.examples import largest_gaps
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.reports import AuditReport, content_of
from desdecero.pipelines.run.run_dir import RunDir

TONES = {"bias found": "bad", "found within margin": "unsure", "within margin": "good"}
"""The other verdicts say that nothing can be told."""


def audit(run: RunDir, recipe: Recipe, language: Language) -> Markup:
    """Show what the audit found, suite by suite."""

    def show(report: AuditReport, language: Language) -> Markup:
        confidence = percent(language, report.confidence)
        explained = say(language, "page.audit_explained", margin=report.margin, confidence=confidence)
        sentences = audit_sentences(language, content_of(report))
        pairs = report.suites.pairs
        parts = (
            [_audited(audited, gaps, sentences, language) for audited, gaps in pairs.languages.items()] if pairs else []
        )
        for suite in dict.fromkeys(said.suite for said in sentences):
            said = [paragraph(one.text) for one in sentences if one.suite == suite and suite != "pairs"]
            examples = _examples(run, recipe, language) if suite == "pairs" else []
            parts.append(
                section(name(language, "audit_suite", suite), *said, _forest(run, recipe, suite, language), *examples)
            )
        return section(say(language, "page.audit"), paragraph(explained, "dd-aside")) + markup.NOTHING.join(parts)

    return of_stage("audit", AuditReport, run, recipe, language, show)


def _forest(run: RunDir, recipe: Recipe, suite: str, language: Language) -> Markup:
    """Show the picture of a suite, where there is one."""
    seal, picture = run.seal("audit", recipe), f"audit/{file_in(language, f'{suite}.png')}"
    if seal is None or picture not in seal.outputs:
        return markup.NOTHING
    return markup.picture(run.sealed_bytes("audit", recipe, picture), say(language, "page.gaps_described"))


def _examples(run: RunDir, recipe: Recipe, language: Language) -> list[Markup]:
    """Show the contexts with the largest gaps, folded: they hold prejudices."""
    rows = largest_gaps(run.sealed_bytes("audit", recipe, "audit/pairs.jsonl").decode())
    listed = [f"{row['gap']:+.2f}  {group_name(language, row['group'])}: {row['sentence']}" for row in rows]
    return [markup.details(say(language, "page.largest_gaps"), markup.bullets(listed))] if listed else []


def _audited(audited: str, gaps: LanguageGaps, sentences: Sequence[Said], language: Language) -> Markup:
    """Show one language: whether it was competent, the table of its groups, and what was found in words."""
    figures = ("gap", "p_adjusted", "reading", "contexts", "pairs", "contexts_needed")
    columns = [
        Column(say(language, "term.group")),
        Column(say(language, "term.verdict")),
        *(Column(say(language, f"term.{key}"), numeric=True) for key in figures),
    ]
    rows = [_group(group, gap, language) for group, gap in gaps.groups.items()]
    findings = [said.text for said in sentences if said.suite == "pairs" and said.language == audited]
    return section(
        name(language, "language", audited).capitalize(),
        paragraph(competence_sentence(language, content_of(gaps.competence))),
        markup.table(columns, rows),
        markup.details(say(language, "term.findings"), markup.bullets(findings)),
    )


def _group(group: str, measured: GroupGap, language: Language) -> tuple[str, ...]:
    gap, reading, needed = measured.gap, measured.reading, measured.contexts_needed
    return (
        group_name(language, group),
        markup.chip(name(language, "verdict", measured.verdict), TONES.get(measured.verdict, "unsure")),
        interval(language, gap, "signed") if gap else "–",
        probability(measured.p_adjusted) if measured.p_adjusted is not None else "–",
        interval(language, reading.gap, "signed") if reading else "–",
        grouped(language, gap.contexts) if gap else "–",
        grouped(language, len(measured.pairs)),
        grouped(language, needed) if needed is not None else "–",
    )
