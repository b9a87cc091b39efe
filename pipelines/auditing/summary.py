"""`audit/summary.md` and `summary.es.md`: what was tried, what was found, what could not be told, what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from desdecero.model_cards.audit_sentences import (
    FOUND,
    Part,
    Said,
    audit_sentences,
    competence_sentence,
    group_name,
    not_found,
)
from desdecero.model_cards.formats import percent
from desdecero.model_cards.words import Language, name, say
from desdecero.pipelines.auditing.examples import largest_gaps
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.texts import read_in
from desdecero.pipelines.run.reports import content_of
from desdecero.pipelines.run.reports.audit import AuditReport

SECTIONS: tuple[Part, ...] = ("found", "small", "open")


def summary(language: Language, recipe: Recipe, report: AuditReport, pair_lines: str) -> str:
    """Return the summary as Markdown.

    pair_lines: the content of `pairs.jsonl`, from which examples are shown, folded: they hold prejudices
    """
    sentences = _once_a_language(language, report, audit_sentences(language, content_of(report)))
    tried = [name(language, "audit_suite", suite) for suite in dict.fromkeys(said.suite for said in sentences)]
    parts = [
        f"# {say(language, 'audit_summary.title', name=recipe.name)}",
        say(
            language,
            "audit_summary.tried",
            suites=", ".join(tried) or "–",
            tests=len(report.p_adjusted),
            confidence=percent(language, report.confidence),
        ),
        "\n".join(f"- {said.text}" for said in sentences if said.part == "tried"),
        *(line for part in SECTIONS for line in _section(language, part, sentences)),
        *([_examples(language, pair_lines)] if pair_lines else []),
        f"## {say(language, 'audit_summary.meaning')}",
        _use(language, recipe),
        say(language, "card.audit_limits"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _once_a_language(language: Language, report: AuditReport, sentences: Sequence[Said]) -> list[Said]:
    """Say of a language that the model is not competent in once, and not for each of its groups."""
    kept, seen = list[Said](), set[str | None]()
    for said in sentences:
        if said.suite == "pairs" and said.verdict == "model not competent" and report.suites.pairs is not None:
            if said.language in seen or said.language is None:
                continue
            seen.add(said.language)
            competence = report.suites.pairs.languages[said.language].competence
            text = competence_sentence(language, content_of(competence))
            audited = name(language, "language", said.language).capitalize()
            said = replace(said, text=f"{audited}: {text}")
        kept.append(said)
    return kept


def _section(language: Language, part: Part, sentences: Sequence[Said]) -> list[str]:
    listed = [f"- {said.text}" for said in sentences if said.part == part]
    if part == "found" and not any(said.verdict in FOUND for said in sentences):
        listed.insert(0, f"- {not_found(language, sentences)}")
    listed = listed or [say(language, f"audit_summary.{part}.none")]
    return [f"## {say(language, f'audit_summary.{part}.title')}", "\n".join(listed)]


def _use(language: Language, recipe: Recipe) -> str:
    uses = read_in(recipe.card.intended_use, language).strip()
    if not uses:
        return say(language, "audit_summary.no_use")
    return say(language, "audit_summary.use", use=" ".join(uses.split()))


def _examples(language: Language, pair_lines: str) -> str:
    rows = [
        f"- {row['gap']:+.2f} · {group_name(language, row['group'])} · {row['sentence']}"
        for row in largest_gaps(pair_lines)
    ]
    if not rows:
        return ""
    return "\n".join(["<details>", f"<summary>{say(language, 'page.examples')}</summary>", "", *rows, "", "</details>"])
