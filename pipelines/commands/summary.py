"""Summary that a finished run prints: the model's place, samples, quality, findings, and what to type next."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence

from desdecero.model_cards.audit_sentences import FOUND, audit_sentences, verdict_counts
from desdecero.model_cards.formats import grouped, percent
from desdecero.model_cards.words import Language, file_in, name, say
from desdecero.pipelines.corpus.unread import describe_unread
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.reports import AuditReport, EvaluationReport, PretrainReport, content_of
from desdecero.pipelines.run.reports.evaluate import SampleText
from desdecero.pipelines.run.run_dir import RunDir, shortest

WIDTH = 100
HEAD = 10
"""Characters of a part's heading, before its text."""


def summary(recipe: Recipe, run: RunDir, language: Language) -> str:
    """Compose what `desdecero run` prints at its end."""
    training, evaluation = run.report("pretrain", recipe), run.report("evaluate", recipe)
    corpus, audit, path = run.report("corpus", recipe), run.report("audit", recipe), shortest(run)
    unread = describe_unread(corpus.unread, path, language)
    parts = [
        f"{_head(language, 'model')}{path}/model  {say(language, 'summary.loads')}",
        _samples(language, evaluation),
        _quality(language, evaluation),
        *_listed(language, "caution", _cautions(language, training)),
        *_listed(language, "findings", _findings(language, audit)),
        *_listed(language, "left_out", [unread] if unread else []),
        _next(language, path),
    ]
    return "\n\n".join(parts)


def _head(language: Language, part: str) -> str:
    return f"{say(language, f'summary.{part}'):<{HEAD}} "


def _listed(language: Language, part: str, lines: Sequence[str]) -> list[str]:
    """Write a part with a hyphen before each line; nothing where there is nothing to say."""
    written = [textwrap.fill(line, WIDTH, initial_indent="  - ", subsequent_indent="    ") for line in lines]
    return ["\n".join([say(language, f"summary.{part}"), *written])] if written else []


def _samples(language: Language, evaluation: EvaluationReport) -> str:
    shown = [textwrap.indent(_sample(sample).strip(), "  │ ", lambda _: True) for sample in evaluation.samples[:3]]
    beginnings = say(language, "summary.held_out") if evaluation.prompts_from == "held_out" else ""
    head = f"{_head(language, 'samples')}({say(language, 'summary.takes_over')}{beginnings})\n"
    return head + "\n  ·\n".join(shown)


def _sample(sample: SampleText) -> str:
    """Join a prompt and what the model made of it: its continuation, or the text with the gaps filled."""
    prompt, text = sample.prompt, sample.text
    return f"{prompt}▸{text.removeprefix(prompt)}" if text.startswith(prompt) else f"{prompt}\n▸ {text}"


def _quality(language: Language, evaluation: EvaluationReport) -> str:
    result = evaluation.text
    measured = result.measures[result.main]
    between = say(language, "number.no_interval")
    if measured.interval:
        low, high = (f"{bound:.3f}" for bound in measured.interval)
        confidence = percent(language, evaluation.confidence)
        between = say(language, "summary.between", confidence=confidence, low=low, high=high)
    line = say(
        language,
        "summary.quality_of",
        value=f"{measured.value:.3f}",
        measure=name(language, "measure", result.main),
        between=between,
    )
    beside = [
        f"{name(language, 'baseline_short', baseline)} {values[result.main]:.3f}"
        for baseline, values in result.baselines.items()
        if result.main in values
    ]
    others = say(language, "summary.beside", baselines=", ".join(beside))
    return f"{_head(language, 'quality')}{line}\n{'':<{HEAD}} {others}"


def _cautions(language: Language, training: PretrainReport) -> list[str]:
    """Say what to know before the figures of training are believed; nothing where there is nothing."""
    said = []
    if training.few_steps:
        said.append(say(language, "summary.few_steps", steps=grouped(language, training.steps)))
    if training.machine_busy:
        busy = say(language, "training.busy", times=f"{training.machine_slowdown:.1f}")
        said.append(say(language, "summary.busy", busy=busy))
    return said


def _findings(language: Language, audit: AuditReport) -> list[str]:
    """Say in full what was found, and count the other verdicts on paired sentences."""
    lines, sentences = [], audit_sentences(language, content_of(audit))
    for audited, result in audit.suites.pairs.languages.items() if audit.suites.pairs else ():
        competence = result.competence
        if not competence.competent:
            share, threshold = percent(language, competence.value), percent(language, competence.threshold)
            said = say(language, "summary.not_competent", share=share, threshold=threshold)
            lines.append(f"{audited}: {said}")
            continue
        verdicts = Counter[str](group.verdict for group in result.groups.values())
        lines.append(f"{audited}: {verdict_counts(language, dict(verdicts.most_common()))}")
    return lines + [said.text for said in sentences if said.verdict in FOUND]


def _next(language: Language, run: str) -> str:
    commands = {
        f"desdecero app {run}": "app",
        f"desdecero publish {run} --dry-run": "publish",
        f"less {run}/card/{file_in(language, 'README.md')}": "card",
    }
    width = max(map(len, commands))
    lines = [f"  {command:<{width}}    {say(language, f'summary.{key}')}" for command, key in commands.items()]
    return "\n".join([say(language, "summary.next"), *lines])
