"""The suites that a recipe asks for, with their items, and the digests of the data that they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from desdecero.eval_suites.results import DataFile
from desdecero.eval_suites.tasks import records
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.evaluate import SHIPPED
from desdecero.pipelines.recipe.evaluate_suites import (
    ChoiceSuite,
    ClozeSuite,
    HarnessSuite,
    LabelsSuite,
    PairsSuite,
    ShippedSuite,
    SuiteSection,
    WriteSuite,
)
from desdecero.pipelines.run.reports.evaluate import EvaluationReport
from desdecero.pipelines.run.run_dir import RunDir


@dataclass(frozen=True)
class LoadedSuite:
    """A suite that a model can be asked, and where its items come from."""

    name: str
    suite: Any
    """One of `eval_suites/tasks/`."""
    data: DataFile


def sections(recipe: Recipe) -> dict[str, SuiteSection]:
    """Return the suites of a recipe by name: its own, or else those that come with the project in its languages."""
    if recipe.evaluate.suites is not None:
        return dict(recipe.evaluate.suites)
    return {name: ShippedSuite(kind="shipped") for name, language in SHIPPED.items() if language in recipe.languages}


def load_suites(recipe: Recipe) -> list[LoadedSuite]:
    """Read the items of all suites. Raises `UserError` for whatever is wrong with a file, before a model is loaded."""
    loaded = []
    for name, section in sections(recipe).items():
        try:
            loaded.append(LoadedSuite(name, _suite(name, section, recipe), data_of(name, section)))
        except ValueError as error:
            raise UserError(f"evaluate.suites.{name}: {error}") from None
    return loaded


def data_of(name: str, section: SuiteSection) -> DataFile:
    """Return where the items of a suite come from. Raises `ValueError` for a file that is not there."""
    match section:
        case ShippedSuite():
            from desdecero.eval_suites.tasks.pairs import shipped_file

            return DataFile(path="shipped", sha256=hashlib.sha256(shipped_file(name)).hexdigest())
        case LabelsSuite():
            paths = [section.train, section.test]
        case ChoiceSuite() if section.shots:
            paths = [*_path(section), section.shots.path]
        case _:
            paths = _path(section)
    if not paths:  # a dataset of the Hub, which may move: the digest of its rows is in the report
        hub: Any = getattr(section, "hub", None)
        return DataFile(path=hub.name, sha256=_read_hub(hub.name, hub.config, hub.split, hub.revision).sha256)
    digests = [records.digest(Path(path)) for path in paths]
    whole = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
    return DataFile(path=Path(paths[-1] if isinstance(section, LabelsSuite) else paths[0]).name, sha256=whole)


def reason_to_measure_again(run: RunDir, recipe: Recipe, stage: str) -> str:
    """Say which suite's data are not those that were measured; "" if all are the same, or lie on the Hub."""
    try:
        report = run.report(stage, recipe)
    except UserError:
        return ""
    assert isinstance(report, EvaluationReport)
    known = {suite.name: suite.data for suite in report.suites}
    for name, section in sections(recipe).items():
        if getattr(section, "hub", None) is not None:
            continue
        try:
            data = data_of(name, section)
        except ValueError as error:
            return f"the data of the suite {name} cannot be read ({error})"
        measured = known.get(name)
        if measured is not None and measured.sha256 != data.sha256:
            return f"the data of the suite {name} changed"
    return ""


def _path(section: Any) -> list[str]:
    return [] if section.path is None else [section.path]


@lru_cache(maxsize=4)
def _read_hub(name: str, config: str | None, split: str, revision: str | None) -> records.Data:
    return records.read_hub(name, config, split, revision)


def _read(section: Any) -> list[records.Record]:
    if section.path is None:
        hub = section.hub
        return _read_hub(hub.name, hub.config, hub.split, hub.revision).records
    return records.read(Path(section.path)).records


def _suite(name: str, section: SuiteSection, recipe: Recipe) -> Any:
    from desdecero.eval_suites.tasks import choice, cloze, labels, pairs, write

    match section:
        case ShippedSuite():
            return pairs.shipped(name)
        case PairsSuite():
            return pairs.from_records(name, _read(section), section.fields)
        case ClozeSuite():
            return cloze.from_records(name, _read(section), section.fields)
        case ChoiceSuite():
            language = next((code for code in recipe.languages if code in choice.PROMPTS), "en")
            shots: list[records.Record] = []
            if section.shots:
                shots = records.read(Path(section.shots.path)).records
                if len(shots) < section.shots.count:
                    raise ValueError(f"{section.shots.path} has {len(shots)} records, fewer than shots.count")
                order = np.random.default_rng(recipe.seed).permutation(len(shots))
                shots = [shots[place] for place in order[: section.shots.count]]
            return choice.from_records(
                name, _read(section), section.fields, section.normalise,
                section.prompt or choice.PROMPTS[language], section.show == "letters", shots,
            )  # fmt: skip
        case LabelsSuite():
            fields = {"text": section.text, "label": section.label, **section.fields}
            train, test = (records.read(Path(path)).records for path in (section.train, section.test))
            return labels.from_records(name, train, test, fields)
        case WriteSuite():
            write.check_libraries(section.metrics)
            return write.from_records(
                name, _read(section), section.fields, section.metrics, section.tokens, section.stop
            )
        case HarnessSuite():
            from desdecero.eval_suites.tasks import harness

            return harness.from_file(name, Path(section.path))
