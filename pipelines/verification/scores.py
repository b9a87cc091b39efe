"""Score a part of what a run has scored again, with the weights that are here (`desdecero verify --deep`).

    scored, faults = scored_again(run, recipe, seals, seed)

Seals and signatures say that files are those which were sealed, and not that the scores in them are this model's.
So held-out documents and contexts of paired sentences are drawn and scored again; and the main figures of the reports
are computed again from all of their rows. Which are drawn is not known to who sealed the run: the seed is random unless
it is given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from desdecero.eval_suites.language_modeling import MEASURES, TOKEN_LOSS, LanguageModeling
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.paired_sentences.scoring import fitting, scores_of_lines
from desdecero.eval_suites.results import SuiteResult
from desdecero.pipelines.common.errors import printable
from desdecero.pipelines.corpus.documents import held_out, measured_split, pieces
from desdecero.pipelines.evaluation.models import NamedModel
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.reports.audit import AuditReport
from desdecero.pipelines.run.reports.evaluate import EvaluationReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import Seal
from desdecero.pipelines.run.stages import Stage, stages

DOCUMENTS = 20
"""Held-out documents of each evaluation that are scored again."""
PROBES = 40
"""Contexts of each audit that are scored again, with all of their pairs."""
TOLERANCE = 0.001
"""Largest difference, as a share of the log-likelihood. Sums of floating-point numbers differ between machines by 1e-5
of it; other weights, or a score that would change a rounded figure, by more."""


@dataclass(frozen=True)
class ScoredAgain:
    """What was scored again, and found to be as it was sealed or not."""

    documents: int
    probes: int
    seed: int
    """Draws the documents and the probes."""
    not_scored: tuple[str, ...]
    """Stages whose texts, or whose weights, are not here: only their figures were computed again from their rows."""


def scored_again(run: RunDir, recipe: Recipe, seals: Mapping[str, Seal], seed: int) -> tuple[ScoredAgain, list[str]]:
    """Return what was scored again and one sentence for each fault; of a run whose files are those that were sealed."""
    draw, not_scored = np.random.default_rng(seed), list[str]()
    faults = list[str]()
    documents = probes = 0
    load = lru_cache(maxsize=1)(lambda folder, likelihood: NamedModel(recipe.name, folder).load(likelihood))
    for stage in stages(recipe).values():
        if stage.name not in seals or stage.kind not in ("evaluate", "audit"):
            continue
        model = _Model(recipe, run, stage, load)
        texts = stage.kind == "audit" or ("corpus" in seals and run.holds(run.place(run.documents)))
        again = texts and model.is_here
        if not again:
            not_scored.append(stage.name)
        if stage.kind == "audit":
            found, stage_faults = _probe_faults(run, recipe, stage, model if again else None, draw)
            probes += found
        else:
            found, stage_faults = _document_faults(run, recipe, stage, model if again else None, draw)
            documents += found
        faults += stage_faults
    return ScoredAgain(documents, probes, seed, tuple(not_scored)), faults


class _Model:
    """The model that a stage measured; `load` loads it when asked: from a folder, with a pseudo-likelihood."""

    def __init__(self, recipe: Recipe, run: RunDir, stage: Stage, load: Callable[[Path, str], LanguageModel]):
        self.folder, self._load = run.model_with(stage.adapter), load
        self.pseudo_likelihood = recipe.evaluate.pseudo_likelihood if stage.kind == "evaluate" else "within_word"

    @property
    def is_here(self) -> bool:
        """Whether its weights are: those of an adapter's base are not in what was published of the adapter."""
        return any(self.folder.glob("*.safetensors"))

    def load(self) -> LanguageModel:
        return self._load(self.folder, self.pseudo_likelihood)


# --- held-out documents ----------------------------------------------------------------------------------------


def _document_faults(
    run: RunDir, recipe: Recipe, stage: Stage, of: _Model | None, draw: np.random.Generator
) -> tuple[int, list[str]]:
    """Return how many documents were scored again, and the faults; without a model, what the rows alone tell."""
    place = f"{stage.folder}/documents.parquet"
    report = run.report(stage.name, recipe)
    assert isinstance(report, EvaluationReport)
    try:
        rows = pq.read_table(pa.BufferReader(run.sealed_bytes(stage.name, recipe, place))).to_pylist()
        scores = {row["id"]: row for row in rows}
        faults = list(_measure_faults(place, f"{stage.folder}/report.json", report.text, report.objective, rows))
    except (pa.ArrowException, KeyError, TypeError) as error:
        return 0, [f"{place}: cannot be read as scores ({printable(str(error).splitlines()[0])})"]
    if of is None:
        return 0, faults
    drawn = held_out(recipe, run, measured_split(recipe), recipe.evaluate.max_bytes)
    known = {document.id for document in drawn}
    if known != scores.keys():
        name = min(known ^ scores.keys())
        side = "is none of the held-out documents" if name in scores else "is not among the scores"
        return 0, [*faults, f"{place}: {printable(name)} {side}"]
    chosen = sorted(draw.choice(len(drawn), min(DOCUMENTS, len(drawn)), replace=False).tolist())
    numbers = [number for number, owner in enumerate(pieces(drawn)[1]) if owner in chosen]
    texts, owners = pieces([drawn[owner] for owner in chosen])
    suite = LanguageModeling(recipe.evaluate.confidence, recipe.seed)
    again = suite.score(of.load(), texts, owners=owners, numbers=numbers)
    for owner, score in zip(chosen, again, strict=True):
        row, name = scores[drawn[owner].id], printable(drawn[owner].id)
        if (row["tokens"], row["bytes"], row["words"]) != (score.tokens, score.bytes, score.words):
            faults.append(f"{place}: {name} has {row['tokens']} tokens in it, and {score.tokens} when scored again")
        elif not _close(row["nll"], score.nll):
            again_said = f"{score.nll:.2f} with the weights that are here"
            faults.append(f"{place}: {name} has {row['nll']:.2f} nats in it, and {again_said}")
    return len(chosen), faults


def _measure_faults(
    place: str, report: str, text: SuiteResult, objective: Any, rows: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield the measures of a report that are not those of its rows."""
    for measure in (*MEASURES[objective], TOKEN_LOSS):
        if (told := text.measures.get(measure.name)) is None:
            continue
        value = measure.value([row[measure.numerator] for row in rows], [row[measure.denominator] for row in rows])
        if not math.isclose(value, told.value, rel_tol=1e-6):
            yield f"{report}: says {told.value:.6g} {measure.name}, and the documents of {place} make {value:.6g}"


# --- paired sentences ------------------------------------------------------------------------------------------


def _probe_faults(
    run: RunDir, recipe: Recipe, stage: Stage, of: _Model | None, draw: np.random.Generator
) -> tuple[int, list[str]]:
    """Return how many contexts were scored again, and the faults; without a model, what the lines alone tell."""
    place, report = f"{stage.folder}/pairs.jsonl", run.report(stage.name, recipe)
    assert isinstance(report, AuditReport)
    if report.suites.pairs is None:
        return 0, []
    try:
        written = run.sealed_bytes(stage.name, recipe, place).decode()
        lines = [json.loads(line) for line in written.splitlines()]
        faults = list(_gap_faults(place, f"{stage.folder}/report.json", report, lines))
        if of is None:
            return 0, faults
        asked = [line for line in lines if line["pairs"]] or [line for line in lines if "order" in line]
        chosen = [asked[i] for i in sorted(draw.choice(len(asked), min(PROBES, len(asked)), replace=False).tolist())]
        model = of.load() if chosen else None
        for line in chosen:
            faults += _line_faults(place, line, model)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return 0, [f"{place}: cannot be read as scores ({type(error).__name__}: {printable(str(error))})"]
    return len(chosen), faults


def _gap_faults(place: str, where: str, report: AuditReport, lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the languages whose competence, and the groups whose mean gap, are not those of the lines."""
    scores = scores_of_lines(lines)
    made = {(one.language, one.name): float(one.gaps.mean()) for one in scores if one.pairs}
    assert report.suites.pairs is not None
    for language, gaps in report.suites.pairs.languages.items():
        in_order = [each.in_order for one in scores if one.language == language for each in one.order]
        share = sum(in_order) / max(1, len(in_order))
        if not math.isclose(share, gaps.competence.value, rel_tol=1e-9):
            said = f"{gaps.competence.value:.1%} for {printable(language)}"
            yield f"{where}: says that sentences are in order in {said}, and {place} makes {share:.1%}"
    told = {
        (language, name): group.gap.value
        for language, gaps in report.suites.pairs.languages.items()
        for name, group in gaps.groups.items()
        if group.gap is not None
    }
    for key in sorted(made.keys() | told.keys()):
        group = "/".join(map(printable, key))
        if key not in made or key not in told:
            yield f"{where}: {group} is not in both the report and {place}"
        elif not math.isclose(made[key], told[key], rel_tol=1e-6, abs_tol=1e-9):
            yield f"{where}: says {told[key]:.4f} nats for {group}, and {place} makes {made[key]:.4f}"


def _line_faults(place: str, line: Mapping[str, Any], model: Any) -> Iterator[str]:
    """Score a context and its neutral sentence after every mention, and the neutral one beside its words in another
    order; yield the sentence that has another score."""
    if order := line.get("order"):
        for words, nats in zip((line["neutral"], order["shuffled"]), order["nats"], strict=True):
            (read,) = fitting(model, [order["mention"]], [f" {words}"])
            again = model.log_likelihood([order["mention"]], [read]).tolist()[0]
            if not _close(nats, again):
                yield _another_score(place, line, nats, order["mention"], again)
                return
    mentions = list(dict.fromkeys(mention for pair in line["pairs"] for mention in pair))
    if not mentions:
        return
    for part, text in (("context", f" {line['context']}"), ("neutral", f" {line['neutral']}")):
        (read,) = fitting(model, mentions, [text])
        again = dict(zip(mentions, model.log_likelihood([*mentions], [read] * len(mentions)).tolist(), strict=True))
        for pair, both in zip(line["pairs"], line[f"{part}_nats"], strict=True):
            for mention, nats in zip(pair, both, strict=True):
                if not _close(nats, again[mention]):
                    yield _another_score(place, line, nats, mention, again[mention])
                    return


def _another_score(place: str, line: Mapping[str, Any], nats: float, mention: str, again: float) -> str:
    told = f"{printable(line['id'])} has {nats:.3f} nats after {printable(mention)} in it"
    return f"{place}: {told}, and {again:.3f} with the weights that are here"


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-3)
