"""Scores of items on the disk, and the comparison of models by them.

evaluation/                          of a run; or the folder that `desdecero score` wrote
  report.json                        the results of all suites
  documents.parquet                  the scores of held-out documents
  items/<suite>.parquet              the scores of a suite's items
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from desdecero.eval_suites.comparison import ItemScores, SuiteScores, compare_all
from desdecero.eval_suites.results import HELD_OUT, ModelComparison
from desdecero.eval_suites.statistics import units
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.reports.evaluate import EvaluationReport, ScoresReport
from desdecero.pipelines.run.run_dir import RunDir

ANY_KIND = ("labels", "write", "lm_eval")
"""Kinds of suites on which causal, masked and encoder–decoder models are compared with each other: the others are of
log-likelihoods, which are on different scales."""

WORST = 5
"""Items of a suite that the pages show."""


@dataclass(frozen=True)
class ScoredModel:
    """A model, and where its scores lie."""

    name: str
    folder: Path
    report: ScoresReport


def read_scored(name: str) -> ScoredModel:
    """Return the scores of a run, of an adapter's `evaluation/`, or of a folder that `desdecero score` wrote.

    Raises `UserError` for anything else.
    """
    for path in (Path(name).expanduser(), Path("runs") / name):
        if (path / "recipe.yaml").is_file():
            run = RunDir(path)
            recipe = run.recipe()
            return ScoredModel(name, run.folder("evaluate", recipe), run.report("evaluate", recipe))
        if (path / "report.json").is_file():
            try:
                content = json.loads((path / "report.json").read_text(encoding="utf-8"))
                kind = EvaluationReport if "samples" in content else ScoresReport
                return ScoredModel(name, path, kind.model_validate(content))
            except (ValueError, ValidationError):
                raise UserError(f"{path / 'report.json'} is no report of `desdecero score`: make it again") from None
    raise UserError(
        f"{name}: no scores there: name a run whose model was evaluated, or a folder that `desdecero score` wrote"
    )


def compare_models(models: Sequence[ScoredModel], margin: float, confidence: float) -> list[ModelComparison]:
    """Compare all pairs of models on all suites that they share, by paired differences of the same items.

    Raises `UserError` where two models were not scored on the same items, or share no suite.
    """
    scores = {model.name: _suites(model) for model in models}
    if len(scores) < len(models):
        raise UserError("two of the models have the same name: name each once")
    for key in [key for key in next(iter(scores.values())) if key.startswith(f"{HELD_OUT}\0")]:
        if not _same_sizes([suites[key] for suites in scores.values() if key in suites]):
            for suites in scores.values():  # scores by token of different tokenizers say nothing of each other
                suites.pop(key, None)
    try:
        found = compare_all(scores, margin, confidence)
    except ValueError as error:
        raise UserError(f"{str(error).replace(chr(0), ' of kind ')}: score both on the same recipe") from None
    if not found:
        raise UserError(
            f"{', '.join(scores)}: no two of them share a suite that can be compared: score them on one recipe"
        )
    return [each.model_copy(update={"suite": each.suite.partition("\0")[0]}) for each in found]


def worst_items(file: bytes) -> list[str]:
    """Return the items that a model got wrong by most: by the difference of their log-likelihoods, or their loss."""
    table = pq.read_table(pa.BufferReader(file), columns=["text", "right", "log_likelihoods"])
    wrong = []
    for row in table.to_pylist():
        scores = row["log_likelihoods"]
        if row["right"] < 0.5 and scores:
            wrong.append((max(scores) - min(scores) if len(scores) > 1 else -scores[0], row["text"]))
    return [text[:200] for _, text in sorted(wrong, reverse=True)[:WORST]]


def _suites(model: ScoredModel) -> dict[str, SuiteScores]:
    """Return the scores by suite; where kinds of models cannot be compared, the kind is part of the suite's name."""
    found = {}
    for suite in model.report.results:
        key = suite.name if suite.kind in ANY_KIND else f"{suite.name}\0{model.report.objective}"
        if suite is model.report.text:
            table = _table(model.folder / "documents.parquet")
            nll, correct, tokens = (table[name].to_pylist() for name in ("nll", "correct", "tokens"))
            by_byte = suite.main == "bits_per_byte"
            items = ItemScores(
                hashes=table["id"].to_pylist(),
                numerators=[value / math.log(2) for value in nll] if by_byte else correct,
                denominators=table["bytes"].to_pylist() if by_byte else tokens,
            )
        else:
            table = _table(model.folder / "items" / f"{suite.name}.parquet")
            clusters, strata = table["cluster"].to_pylist(), table["paradigm"].to_pylist()
            items = ItemScores(
                hashes=_unique(table["hash"].to_pylist()),
                numerators=table["right"].to_pylist(),
                denominators=[1.0] * table.num_rows,
                clusters=units(clusters),
                strata=strata if suite.groups else None,
            )
        found[key] = SuiteScores(items, suite.main, suite.measures[suite.main].better)
    return found


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read ({str(error).splitlines()[0]}): measure the model again") from None


def _unique(hashes: Sequence[str]) -> list[str]:
    """Return the hashes with a number after those that occurred before: a suite may ask the same twice."""
    seen, found = dict[str, int](), []
    for each in hashes:
        seen[each] = seen.get(each, 0) + 1
        found.append(each if seen[each] == 1 else f"{each} {seen[each]}")
    return found


def _same_sizes(scores: Sequence[SuiteScores]) -> bool:
    sizes = [dict(zip(each.items.hashes, each.items.denominators, strict=True)) for each in scores]
    return all(each == sizes[0] for each in sizes) or any(each.keys() != sizes[0].keys() for each in sizes)
