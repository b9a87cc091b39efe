"""What each suite of the audit depends on, so that one is measured again only where that changed.

This module loads none of the libraries that measure: whether a run is up to date is asked before anything is done.
"""

from __future__ import annotations

from pathlib import Path

from desdecero.eval_suites.tasks.records import digest_of
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import hash_json
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.audit import AuditSuites
from desdecero.pipelines.run.reports.audit import AuditReport
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stage_name

VERSIONS = dict.fromkeys(AuditSuites.model_fields, 1) | {"pairs": 2}
"""Suite, in the order in which they are told → a number that is raised when the same settings give another result, or
lines of another form: what was measured with another number is not used again."""

NOT_ASKED = "not_asked"
"""Why a suite is not in a report: it was not named with --suite."""


def wanted_suites(recipe: Recipe) -> list[str]:
    """Return the names of the suites that a recipe asks for."""
    return [name for name in VERSIONS if getattr(recipe.audit.suites, name) is not None]


def key_of(name: str, recipe: Recipe, run: RunDir, adapter: str | None) -> str:
    """Return a hash of all that a suite's result depends on. Raises `UserError` for data that are not there."""
    content = getattr(recipe.audit.suites, name).model_dump(mode="json")
    data = [content.pop("path")] if "path" in content else list(recipe.audit.probes) if name == "pairs" else []
    trained = "pretrain" if adapter is None else stage_name("finetune", adapter)
    seals = {stage: run.seal(stage, recipe) for stage in (trained, "tokens", "corpus")}
    return hash_json(
        {
            "version": VERSIONS[name],
            "section": content,
            "audit": recipe.audit.model_dump(mode="json", include={"languages", "margin", "confidence"}),
            "seed": recipe.seed,
            "data": [_digest(name, path) for path in data],
            "seals": {stage: seal.digest if seal else None for stage, seal in seals.items()},
        }
    )


def reason_to_audit_again(run: RunDir, recipe: Recipe, stage: str) -> str:
    """Say which suite is missing from the audit, or of other data; "" if none is."""
    try:
        report = run.report(stage, recipe)
    except UserError:
        return ""
    assert isinstance(report, AuditReport)
    if missing := [name for name, reason in report.not_measured.items() if reason == NOT_ASKED]:
        return f"{missing[0]} was not asked for"
    for name, measured_with in report.measured_with.items():  # another choice of suites is another recipe
        try:
            if measured_with != key_of(name, recipe, run, stage.partition(":")[2] or None):
                return f"the data or settings of {name} changed"
        except UserError as error:
            return str(error)
    return ""


def _digest(name: str, path: str) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files in a folder."""
    place = Path(path)
    files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    if not files:
        where = "audit.probes" if name == "pairs" else f"audit.suites.{name}"
        raise UserError(f"{where}: {path} is missing or empty: name the file or folder with the data")
    return digest_of(place, files)
