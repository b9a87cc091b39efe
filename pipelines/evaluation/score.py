"""Score any model on a recipe's suites and held-out text, into a folder that `desdecero compare` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from desdecero.pipelines.common.files import write_json
from desdecero.pipelines.corpus.documents import measured_split
from desdecero.pipelines.evaluation.measure import Subject, measure_suites
from desdecero.pipelines.evaluation.models import NamedModel
from desdecero.pipelines.evaluation.scores import ScoredModel
from desdecero.pipelines.evaluation.suites import LoadedSuite
from desdecero.pipelines.evaluation.text import measure_text
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.reports import content_of
from desdecero.pipelines.run.reports.evaluate import ScoresReport
from desdecero.pipelines.run.run_dir import RunDir


def score_model(
    recipe: Recipe, run: RunDir, named: NamedModel, suites: Sequence[LoadedSuite], folder: Path
) -> ScoredModel:
    """Score a model on the suites, and on the run's held-out text if the run has a corpus.

    What the folder holds of the same model and items is used again. Baselines that know the training text, and items
    that stand in it, are left out: nobody knows here what the model was trained on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model, digest = named.load(recipe.evaluate.pseudo_likelihood), named.digest

    def known(file: str) -> bytes | None:
        return (folder / file).read_bytes() if (folder / file).is_file() else None

    text = None
    if run.seal("corpus", recipe) is not None:
        text, _, _ = measure_text(recipe, run, model, digest, None, folder, known("documents.parquet"))
    subject = Subject(model, digest, {})
    results, _ = measure_suites(recipe, subject, suites, folder, lambda name: known(f"items/{name}.parquet"))
    report = ScoresReport(
        objective=model.objective,
        confidence=recipe.evaluate.confidence,
        text=text,
        suites=results,
        split=measured_split(recipe),
    )
    write_json(folder / "report.json", content_of(report))
    write_json(folder / "model.json", {"name": named.name, "sha256": digest, "objective": model.objective})
    return ScoredModel(named.name, folder, report)
