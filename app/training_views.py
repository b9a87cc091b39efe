"""Loss curve and facts of training, and the evaluation beside its baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd
from markupsafe import Markup

from desdecero.app import markup
from desdecero.app.markup import Column, element, paragraph, section
from desdecero.app.views import (
    estimated,
    interval,
    not_made,
    number,
    of_stage,
    out_of_date,
    unless_altered,
)
from desdecero.eval_suites.results import Measured, SuiteResult
from desdecero.model_cards.evaluation_page import verdict_sentence
from desdecero.model_cards.formats import duration, grouped, percent, size
from desdecero.model_cards.words import Language, name, say
from desdecero.pipelines.evaluation.scores import worst_items
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.reports import EvaluationReport, FinetuneReport, PretrainReport, content_of
from desdecero.pipelines.run.reports.evaluate import SampleText
from desdecero.pipelines.run.reports.finetune import LabelResult
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import AlteredFile, reading
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.training.watch.curve import smoothed
from desdecero.pipelines.verification.seals import check_seal

# --- how good it is ----------------------------------------------------------------------------------------


def quality(run: RunDir, recipe: Recipe, language: Language) -> Markup:
    """Show the evaluation on held-out text."""

    def shown(report: EvaluationReport, language: Language) -> Markup:
        folder = stages(recipe)["evaluate"].folder
        worst = {
            suite.name: worst_items(run.sealed_bytes("evaluate", recipe, f"{folder}/items/{suite.name}.parquet"))
            for suite in report.suites
        }
        return _quality(report, language, worst)

    return of_stage("evaluate", EvaluationReport, run, recipe, language, shown)


def _quality(
    report: EvaluationReport, language: Language, worst: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> Markup:
    result = report.text
    tiles = [_tile(measure, measured, language) for measure, measured in result.measures.items()]
    measured_on = say(
        language,
        "page.measured_on",
        documents=grouped(language, result.items),
        bytes=size(result.sizes["bytes"]),
        confidence=percent(language, report.confidence),
    )
    explained = {"bits_per_byte": "page.bits_explained", "perplexity": "page.perplexity_explained"}
    return section(
        say(language, "page.how_good"),
        markup.tiles(tiles),
        paragraph(say(language, explained.get(result.main, "page.accuracy_explained"))),
        markup.bars(_baselines(result, language)),
        paragraph(measured_on, "dd-aside"),
        *_also_chose(report, language),
        *(paragraph(sentence, "dd-aside") for sentence in _not_measured(result, language)),
        *(_other_suite(suite, language, worst.get(suite.name, ())) for suite in report.suites),
        *_compared(report, language),
    ) + _samples(report.samples, language)


def _also_chose(report: EvaluationReport, language: Language) -> list[Markup]:
    """Say what the text that was measured on also chose, if anything."""
    if not report.chose:
        return []
    choices = ", ".join(name(language, "chosen_by_validation", choice) for choice in report.chose)
    return [paragraph(say(language, "card.text_chose", choices=choices), "dd-aside")]


def _not_measured(result: SuiteResult, language: Language) -> list[str]:
    """Say which measures of a suite this model does not have, and why: a sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for measure, reason in result.not_measured.items():
        reasons.setdefault(reason, []).append(name(language, "measure", measure))
    share = percent(language, result.given_back) if result.given_back is not None else ""
    return [
        say(language, f"not_measured.{reason}", measures=_sentence_case(", ".join(names)), share=share)
        for reason, names in reasons.items()
    ]


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _other_suite(result: SuiteResult, language: Language, worst: Sequence[str]) -> Markup:
    scored = say(
        language, "card.suite_scored", items=grouped(language, result.items), unit=name(language, "unit", result.unit)
    )
    tiles = [_tile(measure, measured, language) for measure, measured in result.measures.items()]
    title = element("h3", name(language, "suite", result.name).capitalize())
    shown = title + markup.tiles(tiles) + markup.bars(_baselines(result, language)) + paragraph(scored, "dd-aside")
    if worst:
        shown += markup.details(say(language, "evaluation.lowest_title"), markup.bullets(worst))
    return shown


def _compared(report: EvaluationReport, language: Language) -> list[Markup]:
    """Show the verdict on each comparison with another model, if there are any."""
    if not report.comparisons:
        return []
    suites = [content_of(suite) for suite in report.results]
    sentences = [
        f"{name(language, 'suite', row.suite)}: {verdict_sentence(language, content_of(row), suites, report.margin)}"
        for row in report.comparisons
    ]
    return [element("h3", say(language, "evaluation.comparison_title")), markup.bullets(sentences)]


def _tile(measure: str, measured: Measured, language: Language) -> tuple[str, str, str]:
    value, between = estimated(language, measured, "percent" if measured.share else "plain")
    return value, name(language, "measure", measure), between


def _baselines(result: SuiteResult, language: Language) -> list[tuple[str, str, float, bool]]:
    """List the model first, then the baselines on the same text, with the longest bar for the largest value."""
    measure, measured = result.main, result.measures[result.main]
    values = {say(language, "term.this_model"): measured.value}
    if measure in result.chance:
        values[say(language, "evaluation.chance")] = result.chance[measure]
    for baseline, of_baseline in result.baselines.items():
        if measure in of_baseline:
            values[name(language, "baseline", baseline)] = of_baseline[measure]
    longest = max(values.values())

    def written(value: float) -> str:
        return percent(language, value) if measured.share else number(language, value, "plain", 2)

    return [
        (who, written(value), value / longest, position == 0) for position, (who, value) in enumerate(values.items())
    ]


def _samples(samples: list[SampleText], language: Language) -> Markup:
    if not samples:
        return markup.NOTHING
    shown = [element("p", *_sample(sample.prompt, sample.text), css="dd-written") for sample in samples]
    return section(say(language, "page.samples"), *shown)


def _sample(prompt: str, text: str) -> tuple[Markup, Markup]:
    """Part a person's words from the machine's: it continues the prompt, or repeats it with the gaps filled."""
    machine = text.removeprefix(prompt) if text.startswith(prompt) else f" → {text}"
    return element("span", prompt, css="dd-human"), element("span", machine)


# --- how it learned ----------------------------------------------------------------------------------------


def curve(run: RunDir, recipe: Recipe, language: Language) -> dict[str, Any]:
    """Return the properties of the plot, which is not shown before the training, nor once its points were altered."""
    try:
        points = curve_points(run, language) if check_seal(run, recipe, "pretrain") else None
    except AlteredFile:
        points = None  # which `before_curve` says
    if points is None:
        return {"visible": False}
    colors = {name(language, "curve", key): color for key, color in CURVES.items()}
    return {
        "visible": True,
        "value": points,
        "x": "tokens",
        "y": "loss",
        "color": "curve",
        "color_map": colors,
        "colors_in_legend": list(colors),
        "x_title": say(language, "term.tokens_axis"),
        "y_title": say(language, "term.loss_axis"),
        "color_title": " ",
    }


CURVES = {"training": "#b6c3d1", "smoothed": "#3f7fc0", "validation": "#c8663c"}


def curve_points(run: RunDir, language: Language) -> pd.DataFrame:
    """One row a point: tokens, loss, curve. Raises `AlteredFile` where the points are not those that were sealed."""
    name = run.place(run.metrics)
    content = run.sealed_bytes("pretrain", run.recipe(), name)
    with reading(name):
        return _points(pd.DataFrame([json.loads(line) for line in content.decode("utf-8").splitlines()]), language)


def _points(lines: pd.DataFrame, language: Language) -> pd.DataFrame:
    training = lines.dropna(subset="loss")
    held_out = lines.dropna(subset="validation_loss")
    curves = {
        "training": (training["tokens"], training["loss"]),
        "smoothed": (training["tokens"], smoothed(training["loss"].tolist())),
        "validation": (held_out["tokens"], held_out["validation_loss"]),
    }
    frames = [
        pd.DataFrame({"tokens": tokens, "loss": loss, "curve": name(language, "curve", key)})
        for key, (tokens, loss) in curves.items()
    ]
    return pd.concat(frames, ignore_index=True)


def before_curve(run: RunDir, recipe: Recipe, language: Language) -> Markup:
    """Show what stands above the plot: its explanation, or why there is none."""

    def shown() -> Markup:
        if not check_seal(run, recipe, "pretrain"):
            return not_made("pretrain", run, recipe, language)
        curve_points(run, language)
        explained = paragraph(say(language, "page.curve_explained"), "dd-aside")
        return out_of_date("pretrain", run, recipe, language) + explained

    return section(say(language, "page.curve"), unless_altered(run, language, shown))


def after_curve(run: RunDir, recipe: Recipe, language: Language) -> Markup:
    """Show the facts of training, and the adapters of the recipe."""

    def shown() -> Markup:
        if not check_seal(run, recipe, "pretrain"):
            return markup.NOTHING
        return _facts(run.report("pretrain", recipe), language)

    facts = unless_altered(run, language, shown)
    if not facts:  # adapters of nothing
        return facts
    adapters = (name for name, stage in stages(recipe).items() if stage.kind == "finetune")
    return facts + Markup("").join(of_stage(one, FinetuneReport, run, recipe, language, _adapter) for one in adapters)


def _facts(report: PretrainReport, language: Language) -> Markup:
    def count(value: int) -> str:
        return grouped(language, value)

    def decimal(value: float, places: int = 3) -> str:
        return number(language, value, "plain", places)

    def row(key: str, values_key: str, **values: str) -> tuple[str, str]:
        return say(language, f"training.{key}"), say(language, values_key, **values)

    shape = {"name": report.architecture, "layers": count(report.layers), "width": count(report.hidden_size)}
    pairs = [
        row("architecture", "page.architecture_of", **shape, heads=count(report.heads)),
        row(
            "parameters",
            "training.parameters_of",
            all=count(report.parameters),
            inner=count(report.parameters_without_embeddings),
        ),
        row("context", "training.tokens_of", number=count(report.context_length)),
        row("vocabulary", "training.tokens_of", number=count(report.vocab_size)),
        row(
            "tokens_seen",
            "page.tokens_seen_of",
            tokens=count(report.tokens),
            steps=count(report.steps),
            epochs=decimal(report.epochs, 2),
        ),
        (say(language, "training.optimizer"), f"{report.optimizer}, {report.schedule}".replace("_", " ")),
        row("time", "training.time_of", time=duration(report.seconds), speed=count(report.tokens_per_second)),
        row(
            "device",
            "page.device_of",
            device=report.device,
            processes=count(report.processes),
            precision=report.precision,
        ),
        row(
            "last_losses",
            "page.last_losses_of",
            train=decimal(report.train_loss),
            validation=decimal(report.validation_loss),
            untrained=decimal(report.untrained_validation_loss),
        ),
    ]
    return section(say(language, "page.facts"), markup.facts(pairs))


def _adapter(report: FinetuneReport, language: Language) -> Markup:
    explained = say(
        language,
        "page.adapter_explained",
        method=name(language, "method", report.method),
        share=percent(language, report.trainable_share),
        documents=grouped(language, report.documents),
    )
    title = say(language, "page.adapter", name=report.name)
    parts = [paragraph(explained, "dd-aside")]
    parts.append(verdict(report, language))
    parts.append(_labels(report, report.labels, language) if report.labels else _losses(report, language))
    return section(title, *parts)


def verdict(report: FinetuneReport, language: Language) -> Markup:
    """Say whether an adapter is better than what it is compared with; nothing of older versions."""
    if not report.verdict or not report.seeds:
        return markup.NOTHING
    opponent, measure = name(language, "opponent", report.seeds[0].against), name(language, "measure", report.measure)
    told = name(language, "adapter_verdict", report.verdict)
    return paragraph(say(language, "page.adapter_verdict", verdict=told, against=opponent, measure=measure))


def _losses(report: FinetuneReport, language: Language) -> Markup:
    """Show the losses of an adapter that writes text, before and after."""
    columns = [
        Column(f"{say(language, 'term.held_out_text')}, {name(language, 'measure', report.measure)}"),
        *(Column(say(language, f"term.{key}"), numeric=True) for key in ("before", "after", "change")),
    ]
    rows = [
        (
            name(language, "held_out", text),
            interval(language, compared.before),
            interval(language, compared.after),
            interval(language, compared.change, "signed"),
        )
        for text, compared in (("domain", report.domain), ("general", report.general))
        if compared is not None
    ]
    return markup.table(columns, rows)


def _labels(report: FinetuneReport, labels: LabelResult, language: Language) -> Markup:
    """Show the score of an adapter that gives labels, and those of what it is compared with."""
    measure = report.measure
    columns = [Column(""), Column(name(language, "measure", measure), numeric=True)]
    others = [
        (name(language, "opponent", yardstick), percent(language, differences[measure].second))
        for yardstick, differences in labels.yardsticks.items()
    ]
    own = say(language, "term.this_model"), interval(language, labels.scores.measures[measure], "percent")
    return markup.table(columns, [own, *others])
