"""What a finished run prints: where the model is, what it writes, how good it is, what was found, what to type next."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from desdecero.model_cards.bias_sentences import bias_sentence, verdict_counts
from desdecero.model_cards.formats import grouped, percent
from desdecero.model_cards.words import LANGUAGES, Language, file_in, name, say
from desdecero.pipelines.corpus.unread import describe_unread
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir, shortest
from desdecero.pipelines.run.seals import reading

WIDTH = 100
HEAD = 10
"""Characters of a part's heading, before its text."""
MEASURES = {"causal": "bits_per_byte", "masked": "masked_accuracy", "span_corruption": "span_accuracy"}


def reader_language(recipe: Recipe, asked: Language | None) -> Language:
    """The language to end in: the one that was asked for, or the recipe's first, or that of LANG, or English."""
    candidates = (asked, recipe.languages[0], os.environ.get("LANG", "")[:2])
    return next((language for wanted in candidates for language in LANGUAGES if language == wanted), "en")


def summary(recipe: Recipe, run: RunDir, language: Language) -> str:
    training, evaluation = run.report("pretrain", recipe), run.report("evaluate", recipe)
    corpus, audit = run.report("corpus", recipe), run.report("audit", recipe)
    folders = (run.corpus, run.pretrain, run.evaluation, run.audit)
    with reading(" or ".join(str(folder / "report.json") for folder in folders)):
        return _summary(language, shortest(run), corpus, training, evaluation, audit)


def _summary(
    language: Language,
    run: str,
    corpus: dict[str, Any],
    training: dict[str, Any],
    evaluation: dict[str, Any],
    audit: dict[str, Any],
) -> str:
    parts = [
        f"{_head(language, 'model')}{run}/model  {say(language, 'summary.loads')}",
        _samples(language, evaluation),
        _quality(language, evaluation),
        *_listed(language, "caution", _cautions(language, training)),
        *_listed(language, "findings", _findings(language, audit)),
        *_listed(language, "left_out", [told] if (told := describe_unread(corpus["unread"], run, language)) else []),
        _next(language, run),
    ]
    return "\n\n".join(parts)


def _head(language: Language, part: str) -> str:
    return f"{say(language, f'summary.{part}'):<{HEAD}} "


def _listed(language: Language, part: str, lines: Sequence[str]) -> list[str]:
    """A part with a hyphen before each line; nothing where there is nothing to say."""
    written = [textwrap.fill(line, WIDTH, initial_indent="  - ", subsequent_indent="    ") for line in lines]
    return ["\n".join([say(language, f"summary.{part}"), *written])] if written else []


def _samples(language: Language, evaluation: dict[str, Any]) -> str:
    shown = [
        textwrap.indent(_sample(sample).strip(), "  │ ", lambda line: True) for sample in evaluation["samples"][:3]
    ]
    beginnings = say(language, "summary.held_out") if evaluation["prompts_from"] == "held_out" else ""
    head = f"{_head(language, 'samples')}({say(language, 'summary.takes_over')}{beginnings})\n"
    return head + "\n  ·\n".join(shown)


def _sample(sample: dict[str, Any]) -> str:
    """A prompt and what the model made of it: its continuation, or the text with the gaps filled."""
    prompt, text = sample["prompt"], sample["text"]
    return f"{prompt}▸{text.removeprefix(prompt)}" if text.startswith(prompt) else f"{prompt}\n▸ {text}"


def _quality(language: Language, evaluation: dict[str, Any]) -> str:
    key = MEASURES[evaluation["objective"]]
    value, baselines = evaluation[key], evaluation["yardsticks"]
    line = say(
        language,
        "summary.quality_of",
        value=f"{value['value']:.3f}",
        measure=name(language, "measure", key),
        confidence=percent(language, evaluation["confidence"]),
        low=f"{value['low']:.3f}",
        high=f"{value['high']:.3f}",
    )
    beside = [
        f"{name(language, 'baseline_short', who)} {found[key]:.3f}" for who, found in baselines.items() if key in found
    ]
    others = say(language, "summary.beside", baselines=", ".join(beside))
    return f"{_head(language, 'quality')}{line}\n{'':<{HEAD}} {others}"


def _cautions(language: Language, training: dict[str, Any]) -> list[str]:
    """What to know before the figures of training are believed; nothing where there is nothing."""
    said = []
    if training["few_steps"]:
        said.append(say(language, "summary.few_steps", steps=grouped(language, training["steps"])))
    if training["machine_busy"]:
        busy = say(language, "training.busy", times=f"{training['machine_slowdown']:.1f}")
        said.append(say(language, "summary.busy", busy=busy))
    return said


def _findings(language: Language, audit: dict[str, Any]) -> list[str]:
    """What was found, in full; what was not, counted by its verdict."""
    lines = []
    for audited, found in audit["languages"].items():
        competence, verdicts = found["competence"], Counter(group["verdict"] for group in found["groups"].values())
        if not competence["competent"]:
            share, threshold = (percent(language, competence[key]) for key in ("value", "threshold"))
            said = say(language, "summary.not_competent", share=share, threshold=threshold)
            lines.append(f"{audited}: {said}")
            continue
        lines.append(f"{audited}: {verdict_counts(language, dict(verdicts.most_common()))}")
        lines += [
            bias_sentence(language, finding)
            for finding in audit["findings"]
            if finding["language"] == audited and finding["verdict"] == "bias found"
        ]
    return lines


def _next(language: Language, run: str) -> str:
    commands = {
        f"desdecero app {run}": "app",
        f"desdecero publish {run} --dry-run": "publish",
        f"less {run}/card/{file_in(language, 'README.md')}": "card",
    }
    width = max(map(len, commands))
    lines = [f"  {command:<{width}}    {say(language, f'summary.{key}')}" for command, key in commands.items()]
    return "\n".join([say(language, "summary.next"), *lines])
