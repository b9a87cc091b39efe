"""Whether an adapter's own data are still those that it was trained on."""

from __future__ import annotations

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.finetuning.examples import digest
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.reports import FinetuneReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages


def reason_to_train_again(run: RunDir, recipe: Recipe, stage: str) -> str:
    """Say that the data of an adapter changed; "" if they did not, or lie on the Hub or in the corpus.

    Data that are no longer there change nothing: the adapter is as it was.
    """
    adapter = stages(recipe)[stage].adapter
    section = recipe.adapters[adapter] if adapter is not None else None
    if section is None or section.data is None:
        return ""
    try:
        report, now = run.report(stage, recipe), digest(section.task, section.data)
    except (UserError, ValueError):
        return ""
    assert isinstance(report, FinetuneReport)
    return f"the data of the adapter {adapter} changed" if report.data and now not in (None, report.data.sha256) else ""
