"""Measure the model on held-out text, beside baselines.

    desdecero evaluate quickstart
    python pipelines/evaluate_model.py quickstart

Writes (of a named adapter, with `--adapter NAME`, in adapters/NAME/evaluation/)

    evaluation/report.json          the suites' measures with intervals and baselines; the samples
    evaluation/documents.parquet    one row a scored document: id, bytes, tokens, nll (nats), correct
    evaluation/samples.jsonl        what the model wrote, and how it was asked
    evaluation/baselines.png        the model beside its baselines

Without `evaluate.prompts` the model is asked to go on from the first words of three held-out documents, or to fill a
gap in them.

Whole validation documents are scored, in an order drawn by the seed, up to `evaluate.max_bytes`. In float32,
whatever pretraining used. On one machine the same run gives the same numbers; across machines they differ in the
last digits, as floating-point sums do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from desdecero.eval_suites.beginnings import beginnings
from desdecero.eval_suites.language_modeling import LanguageModeling
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.models.prompts import GAP
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.eval_suites.results import SuiteResult
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.corpus.documents import held_out, read_documents
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.reports.evaluate import EvaluationReport, SampleText
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stage_name

CHUNK_TOKENS = 10_000_000  # counted at a time: 80 MB, however long the shard


def evaluate_model(recipe: Recipe, run: RunDir, out: RunDir, adapter: str | None = None) -> str:
    """Measure the model, or an adapter on it; return the main measure and the baselines' in a sentence."""
    name = stage_name(recipe, "evaluate", adapter)
    folder = out.folder(name, recipe)
    model = load(run.model_with(adapter))
    check_prompts(recipe, model)
    documents = held_out(recipe, run, "validation", recipe.evaluate.max_bytes)
    suite = LanguageModeling(recipe.evaluate.resamples, recipe.evaluate.confidence, recipe.seed)
    tokens = run.report("tokens", recipe)
    train_counts = count_tokens(run.token_files("train"), tokens.dtype, len(model.tokenizer))
    # Blocks that documents were packed into hold padding, and open with an end of text that closes none of them.
    outside = [model.tokenizer.pad_token_id, model.tokenizer.eos_token_id]
    train_counts[outside] = 0, tokens.splits["train"].documents
    bar = partial(progress, title="evaluate", unit="batch")
    result, scores = suite.run(model, [document["text"] for document in documents], train_counts, bar)
    prompts = list(recipe.evaluate.prompts)
    if not prompts:  # of the scored documents, or where these are few, of the others
        prompts = held_out_prompts(recipe, model, chain(documents, read_documents(run, "validation", ["text"])))
    samples = model.samples(prompts, sample_tokens(recipe), recipe.seed)
    lines = (json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)
    (folder / "samples.jsonl").write_text("".join(lines), encoding="utf-8")
    report = EvaluationReport(
        objective=model.objective,
        confidence=recipe.evaluate.confidence,
        resamples=recipe.evaluate.resamples,
        suites=[result],
        prompts_from="recipe" if recipe.evaluate.prompts else "held_out",
        samples=[SampleText(prompt=sample["prompt"], text=sample["text"]) for sample in samples],
    )
    out.write_report(name, recipe, report)
    pq.write_table(_score_table(documents, scores), folder / "documents.parquet")
    draw_baselines(result, report.confidence, folder / "baselines.png", recipe.name)
    return _summary(result)


# --- what is measured ------------------------------------------------------------------------------------------


def count_tokens(files: Sequence[Path], dtype: str, vocab_size: int) -> NDArray[np.int64]:
    """Count how often each token of the vocabulary occurs in the shards."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for file in files:
        tokens = np.memmap(file, np.dtype(dtype), "r")
        for start in range(0, len(tokens), CHUNK_TOKENS):
            counts += np.bincount(tokens[start : start + CHUNK_TOKENS], minlength=vocab_size)
    return counts


# --- samples ---------------------------------------------------------------------------------------------------


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


def held_out_prompts(recipe: Recipe, model: LanguageModel, documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return prompts for a model for which the recipe names none: the beginnings of held-out documents."""
    room = model.room(sample_tokens(recipe))
    return beginnings(
        (document["text"] for document in documents),
        model.fills_gaps,
        lambda prompt: len(model.prompt_ids(prompt)) <= room,
    )


def sample_tokens(recipe: Recipe) -> int:
    """Return the number of tokens of an answer: half of the context at most where the recipe names no prompts."""
    tokens = recipe.evaluate.sample_tokens
    return tokens if recipe.evaluate.prompts else min(tokens, max(1, recipe.model.context_length // 2))


# --- what is written -------------------------------------------------------------------------------------------


def _score_table(documents: Iterable[Mapping[str, Any]], scores: Sequence[DocumentScore]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([document["id"] for document in documents], pa.string()),
            "bytes": pa.array([score.bytes for score in scores], pa.int64()),
            "tokens": pa.array([score.tokens for score in scores], pa.int64()),
            "nll": pa.array([score.nll for score in scores], pa.float64()),
            "correct": pa.array([score.correct for score in scores], pa.int64()),
        }
    )


def draw_baselines(result: SuiteResult, confidence: float, target: Path, title: str) -> None:
    """Draw the model's main measure with its interval, and the baselines', as bars in a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    measured = result.measures[result.main]
    others = {baseline: values[result.main] for baseline, values in result.baselines.items()}
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


def _summary(result: SuiteResult) -> str:
    measured = result.measures[result.main]
    interval = " ({:.3f} to {:.3f})".format(*measured.interval) if measured.interval else ""
    baselines = ", ".join(f"{name} {values[result.main]:.3f}" for name, values in result.baselines.items())
    return f"{result.main} {measured.value:.3f}{interval} on {result.items:,} documents; {baselines}"


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero evaluate`."""
    return stage_main("evaluate", argv)


if __name__ == "__main__":
    sys.exit(main())
