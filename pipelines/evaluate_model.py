"""Measure the model on held-out text, beside baselines.

    desdecero evaluate quickstart
    desdecero evaluate quickstart --suite pares_es     that suite again, whatever has changed
    python pipelines/evaluate_model.py quickstart

Writes (of a named adapter, with `--adapter NAME`, in adapters/NAME/evaluation/)

    evaluation/report.json          the suites' measures with intervals and baselines; slices; the samples
    evaluation/documents.parquet    one row a document: id, source, language, length of the whole (bytes), and of what
                                    was scored of it pieces, bytes, tokens, nll (nats), correct
    evaluation/items/SUITE.parquet  one row an item of a suite: hash, text, right, answer, log_likelihoods, …
    evaluation/compared/            the same of the models in `evaluate.compare_with`
    evaluation/samples.jsonl        what the model wrote, and how it was asked
    evaluation/evaluation.md        tables and pictures for a newcomer; evaluation.es.md in Spanish
    evaluation/baselines.png        the model beside its baselines
    evaluation/suites.png           the suites beside chance
    evaluation/calibration.png      how often the model is right, by how sure it is

What was measured before, of the same model on the same items, is used again: a changed recipe or data file costs only
what it changes, and an evaluation that was killed goes on after the last finished suite.

Without `evaluate.prompts` the model is asked to go on from the first words of three held-out documents, or to fill a
gap in them.

Pieces of at most 8 kB of held-out documents are scored, in an order drawn by the seed, up to `evaluate.max_bytes`, so
that every byte has the same chance, in a novel as in a note. They are of the `test` documents, by which nothing was
chosen; where the corpus has none, of those of validation, and the report names what these also chose. Scores of a
document's pieces are added before any interval is taken: the unit is the document. In float32, whatever pretraining
used. On one machine the same run gives the same numbers; across machines they differ in the last digits, as
floating-point sums do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from desdecero.eval_suites.beginnings import beginnings
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.prompts import GAP
from desdecero.eval_suites.results import Calibration, SampleMeasures, SuiteResult
from desdecero.eval_suites.sample_measures import measure_samples
from desdecero.model_cards import evaluation_page
from desdecero.model_cards.words import LANGUAGES, Language, file_in, say
from desdecero.model_cards.words import name as named
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.documents import Drawn, measured_split, read_documents
from desdecero.pipelines.evaluation.measure import Subject, measure_suites
from desdecero.pipelines.evaluation.models import NamedModel, find_model
from desdecero.pipelines.evaluation.score import score_model
from desdecero.pipelines.evaluation.scores import ScoredModel, compare_models, read_scored, worst_items
from desdecero.pipelines.evaluation.suites import LoadedSuite, load_suites
from desdecero.pipelines.evaluation.text import TrainingTokens, measure_text
from desdecero.pipelines.finetuning.examples import read_examples
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.evaluate_suites import GOALS
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.layout import Split
from desdecero.pipelines.run.reports.evaluate import EvaluationReport, SampleDecoding, SampleText
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stage_name, stages


def evaluate_model(
    recipe: Recipe, run: RunDir, out: RunDir, adapter: str | None = None, suite: Sequence[str] = ()
) -> str:
    """Measure the model, or an adapter on it; return the main measure and the baselines' in a sentence.

    suite: names of suites that are measured again even if nothing has changed
    """
    name = stage_name("evaluate", adapter)
    folder = out.folder(name, recipe)
    suites = load_suites(recipe)
    check_names(suite, suites)
    subject_model = NamedModel(recipe.name, run.model_with(adapter))
    model = subject_model.load(recipe.evaluate.pseudo_likelihood)
    check_prompts(recipe, model)
    training = TrainingTokens(recipe, run, model)
    earlier = partial(measured_before, run, out, recipe, name)
    text, parts, documents = measure_text(
        recipe,
        run,
        model,
        subject_model.digest,
        training,
        folder,
        earlier("documents.parquet"),
        baselines=run.report("evaluate", recipe).text.baselines if adapter is not None else None,
    )
    subject = Subject(
        model, subject_model.digest, {"ngram": training.score}, training_texts(recipe, run, adapter), training.digest
    )
    results, before = measure_suites(
        recipe, subject, suites, folder, lambda each: earlier(f"items/{each}.parquet"), suite
    )
    samples, decoding, measured = write_samples(recipe, run, model, documents, training, folder)
    split = measured_split(recipe)
    report = EvaluationReport(
        objective=model.objective,
        confidence=recipe.evaluate.confidence,
        margin=recipe.evaluate.margin,
        text=text,
        suites=results,
        slices=parts,
        split=split,
        chose=choices_by_validation(recipe) if split == "validation" else [],
        goals=goals_of(recipe, [text, *results]),
        comparisons=[],
        prompts_from="recipe" if recipe.evaluate.prompts else "held_out",
        samples=samples,
        decoding=decoding,
        sample_measures=measured,
    )
    if recipe.evaluate.compare_with:
        own = ScoredModel(recipe.name, folder, report)
        others = [
            scored_on_the_same(recipe, run, each, suites, folder / "compared" / str(number))
            for number, each in enumerate(recipe.evaluate.compare_with)
        ]
        compared = compare_models([own, *others], recipe.evaluate.margin, recipe.evaluate.confidence)
        report = report.model_copy(update={"comparisons": compared})
    out.write_report(name, recipe, report)
    draw_baselines(text, report.confidence, folder / "baselines.png", recipe.name)
    write_pages(report, recipe.name, folder)
    return _summary(text) + (f"; as measured before: {', '.join(before)}" if before else "")


def check_names(names: Sequence[str], suites: Sequence[LoadedSuite]) -> None:
    """Refuse a suite that the recipe does not have."""
    known = [loaded.name for loaded in suites]
    for name in names:
        if name not in known:
            raise UserError(
                f"--suite {name}: the recipe has no suite of this name: {', '.join(known) or 'it has none'}"
            )


def measured_before(run: RunDir, out: RunDir, recipe: Recipe, stage: str, file: str) -> bytes | None:
    """Return a file of scores that this stage wrote before it was interrupted, or that is sealed; None for neither."""
    unfinished = out.folder(stage, recipe) / file
    if unfinished.is_file():
        return unfinished.read_bytes()
    try:
        return run.sealed_bytes(stage, recipe, f"{stages(recipe)[stage].folder}/{file}")
    except UserError:
        return None


def training_texts(recipe: Recipe, run: RunDir, adapter: str | None) -> Callable[[], Iterator[str]]:
    """Return a function that reads the texts that the model was trained on, and its adapter."""
    section = recipe.adapters[adapter] if adapter is not None else None
    of_corpus = section is not None and section.data is None
    splits: tuple[Split, ...] = ("train", "domain_train") if of_corpus else ("train",)

    def read() -> Iterator[str]:
        for split in splits:
            for document in read_documents(run, split, ["text"]):
                yield document["text"]
        if section is not None and section.data is not None:
            examples = read_examples(section.task, section.data, recipe.seed)
            yield from (example.content for example in (*examples.train, *examples.validation))

    return read


def scored_on_the_same(
    recipe: Recipe, run: RunDir, name: str, suites: Sequence[LoadedSuite], folder: Path
) -> ScoredModel:
    """Return the scores of another model on the same items: as `desdecero score` wrote them, or measured now."""
    if (Path(name) / "report.json").is_file():
        return read_scored(name)
    return score_model(recipe, run, find_model(name), suites, folder)


def goals_of(recipe: Recipe, results: Sequence[SuiteResult]) -> dict[str, list[str]]:
    """Return for each goal of the recipe the suites that say something about it."""
    return {goal: [result.name for result in results if result.kind in GOALS[goal]] for goal in recipe.evaluate.goals}


def choices_by_validation(recipe: Recipe) -> list[Literal["early_stop", "vocabulary_size"]]:
    """Return what this recipe chooses by validation text."""
    chosen: list[Literal["early_stop", "vocabulary_size"]] = []
    if recipe.pretrain.early_stop:
        chosen.append("early_stop")
    if recipe.tokenizer.sweep:
        chosen.append("vocabulary_size")
    return chosen


# --- samples ---------------------------------------------------------------------------------------------------


def write_samples(
    recipe: Recipe,
    run: RunDir,
    model: LanguageModel,
    documents: Sequence[Drawn],
    training: TrainingTokens,
    folder: Path,
) -> tuple[list[SampleText], SampleDecoding | None, SampleMeasures | None]:
    """Let the model write, into `samples.jsonl`.

    Returns the texts, how their tokens were chosen, and what is measured of the texts without a gap.
    """
    prompts = list(recipe.evaluate.prompts)
    if not prompts:  # of the scored documents, or where few of them were scored from their beginning, of the others
        scored = (document.pieces[0] for document in documents if document.numbers[0] == 0)
        others = (document["text"] for document in read_documents(run, measured_split(recipe), ["text"]))
        prompts = held_out_prompts(recipe, model, chain(scored, others))
    samples = model.samples(prompts, sample_tokens(recipe), recipe.seed)
    lines = (json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)
    (folder / "samples.jsonl").write_text("".join(lines), encoding="utf-8")
    measured = None
    if not model.fills_gaps:
        texts = [sample["text"].removeprefix(sample["prompt"]) for sample in samples]
        measured = measure_samples(texts, [model.prompt_ids(text) for text in texts], training.shards)
    shown = [SampleText(prompt=sample["prompt"], text=sample["text"]) for sample in samples]
    return shown, decoding_of(samples[0]) if samples else None, measured


def decoding_of(sample: Mapping[str, Any]) -> SampleDecoding:
    """Return how the tokens of a sample were chosen; a masked model names no settings: the likeliest in each gap."""
    return SampleDecoding(
        temperature=sample.get("temperature", 0.0),
        top_k=sample.get("top_k"),
        tokens=sample.get("tokens", 1),
        seed=sample.get("seed"),
    )


def check_prompts(recipe: Recipe, model: LanguageModel) -> None:
    """Refuse what a model that fills gaps cannot see whole, before anything is measured."""
    if not model.fills_gaps:
        return
    for prompt in recipe.evaluate.prompts:
        if len(model.prompt_ids(prompt)) > model.room():
            raise UserError(
                f"evaluate.prompts: {prompt[:60]!r}… is more than the {model.room()} tokens that fit the model: "
                "shorten it"
            )
        if prompt.count(GAP) > model.max_gaps:
            raise UserError(
                f"evaluate.prompts: {prompt[:60]!r}… has more gaps than tokenizer.sentinels "
                f"{recipe.tokenizer.sentinels}: write fewer"
            )


def held_out_prompts(recipe: Recipe, model: LanguageModel, texts: Iterable[str]) -> list[str]:
    """Return prompts for a model for which the recipe names none: the beginnings of held-out documents."""
    room = model.room(sample_tokens(recipe))
    return beginnings(
        texts,
        model.fills_gaps,
        lambda prompt: len(model.prompt_ids(prompt)) <= room,
    )


def sample_tokens(recipe: Recipe) -> int:
    """Return the number of tokens of an answer: half of the context at most where the recipe names no prompts."""
    tokens = recipe.evaluate.sample_tokens
    return tokens if recipe.evaluate.prompts else min(tokens, max(1, recipe.model.context_length // 2))


# --- what is written -------------------------------------------------------------------------------------------


def draw_baselines(result: SuiteResult, confidence: float, target: Path, title: str) -> None:
    """Draw the model's main measure with its interval, and the baselines', as bars in a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    measured = result.measures[result.main]
    others = {baseline: values[result.main] for baseline, values in result.baselines.items() if result.main in values}
    names, values = [*others, title], [*others.values(), measured.value]
    figure = Figure(figsize=(7, 0.6 * len(names) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.barh(names, values, color=["#b9c4d0"] * len(others) + ["#1f4e8c"], height=0.62)
    ends, labels = list(values), [f"{value:.3f}" for value in values]
    if measured.interval:
        low, high = measured.interval
        reach = [[measured.value - low], [high - measured.value]]
        axes.errorbar([measured.value], [title], xerr=reach, color="#c8553d", capsize=4, linewidth=1.6)
        ends[-1] = high
        labels[-1] += f"  ({low:.3f} to {high:.3f}, {confidence:.0%})"
    for name, end, label in zip(names, ends, labels, strict=True):
        axes.annotate(label, (end, name), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set(xlabel=f"{result.main} on {result.items:,} held-out documents ({measured.better} is better)")
    axes.set_xlim(0, 1.55 * max(ends))
    axes.spines[["top", "right"]].set_visible(False)
    # Without versions in it, the same report gives the same bytes.
    figure.savefig(target, dpi=120, metadata={"Software": None})


def write_pages(report: EvaluationReport, name: str, folder: Path) -> None:
    """Write the page in both languages, with a picture of the suites whose measure is a share."""
    content = report.model_dump(mode="json")
    shares = [suite for suite in report.suites if suite.measures[suite.main].share]
    worst = {suite.name: worst_items((folder / "items" / f"{suite.name}.parquet").read_bytes()) for suite in shares}
    for language in LANGUAGES:
        if shares:
            draw_suites(shares, language, folder / file_in(language, "suites.png"))
        if calibration := report.text.calibration:
            draw_calibration(calibration, language, folder / file_in(language, "calibration.png"))
        page = evaluation_page.render(content, name, language, worst, bool(shares))
        (folder / file_in(language, "evaluation.md")).write_text(page, encoding="utf-8")


def draw_suites(suites: Sequence[SuiteResult], language: Language, target: Path) -> None:
    """Draw the main measure of each suite with its interval, chance and the best baseline, in a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.55 * len(suites) + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    values, chances, baselines = list[float](), list[tuple[float, int]](), list[tuple[float, int]]()
    for place, suite in enumerate(reversed(suites)):
        measured = suite.measures[suite.main]
        values.append(measured.value)
        if measured.interval:
            low, high = measured.interval
            reach = [[measured.value - low], [high - measured.value]]
            axes.errorbar([measured.value], [place], xerr=reach, color="#c8553d", capsize=4, linewidth=1.6)
        if suite.main in suite.chance:
            chances.append((suite.chance[suite.main], place))
        if others := [of[suite.main] for of in suite.baselines.values() if suite.main in of]:
            baselines.append((max(others), place))
    axes.barh(range(len(suites)), values, color="#1f4e8c", height=0.5, label=say(language, "term.this_model"))
    for marks, style, key in ((chances, "dashed", "chance"), (baselines, "solid", "best_baseline")):
        for number, (value, place) in enumerate(marks):
            label = say(language, f"evaluation.{key}") if number == 0 else "_"  # once in the legend
            axes.vlines(value, place - 0.36, place + 0.36, color="#6b7785", linestyle=style, linewidth=2, label=label)
    axes.set_yticks(range(len(suites)), [named(language, "suite", suite.name) for suite in reversed(suites)])
    axes.set(xlim=(0, 1.02), xlabel=say(language, "evaluation.picture"))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    figure.savefig(target, dpi=120, metadata={"Software": None})


def draw_calibration(calibration: Calibration, language: Language, target: Path) -> None:
    """Draw how often the first choice is right, by its probability, beside the line on which both are the same."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color="#6b7785", linewidth=1.4)
    sure, right = ([getattr(each, name) for each in calibration.bins] for name in ("confidence", "accuracy"))
    most = max(each.tokens for each in calibration.bins)
    areas = [12 + 140 * each.tokens / most for each in calibration.bins]  # points: the number of tokens
    axes.plot(sure, right, color="#1f4e8c", linewidth=1.4)
    axes.scatter(sure, right, s=areas, color="#1f4e8c")
    labels = {f"{axis}label": say(language, f"evaluation.{key}") for axis, key in (("x", "sure"), ("y", "right"))}
    axes.set(xlim=(0, 1), ylim=(0, 1), **labels)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=120, metadata={"Software": None})


def _summary(result: SuiteResult) -> str:
    measured = result.measures[result.main]
    interval = " ({:.3f} to {:.3f})".format(*measured.interval) if measured.interval else ""
    baselines = ", ".join(
        f"{name} {values[result.main]:.3f}" for name, values in result.baselines.items() if result.main in values
    )
    return f"{result.main} {measured.value:.3f}{interval} on {result.items:,} documents; {baselines}"


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero evaluate`."""
    again = "a suite that is measured again even if nothing has changed; may be repeated"
    return stage_main("evaluate", argv, names={"suite": again})


if __name__ == "__main__":
    sys.exit(main())
