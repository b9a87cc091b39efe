"""Load the models of a run for the page: at the first request, and again after they were trained again."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TypeVar

from desdecero.app.generation import Filler, InvalidRequest, SpanFiller, Writer
from desdecero.app.labelling import SpanLabels, TextLabels
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import AlteredFile, reading
from desdecero.pipelines.run.stages import stage_name
from desdecero.pipelines.verification.files import model_faults
from desdecero.pipelines.verification.seals import check_seal

Model = Writer | Filler | SpanFiller | TextLabels | SpanLabels
AnyModel = TypeVar("AnyModel", bound=Model)


def load_model(run: RunDir, recipe: Recipe, kind: type[AnyModel], adapter: str | None = None) -> AnyModel:
    """Return the run's model, or the one that an adapter was merged into.

    Raises `InvalidRequest` if it is not sealed, or if its files were altered.
    """
    stage = "pretrain" if adapter is None else stage_name("finetune", adapter)
    try:
        sealed = check_seal(run, recipe, stage)
    except AlteredFile as error:
        raise InvalidRequest("refused_altered", file=error.name) from None
    seal = run.seal(stage, recipe)
    if not sealed or seal is None:
        raise (
            InvalidRequest("refused_no_model")
            if adapter is None
            else InvalidRequest("refused_no_adapter", adapter=adapter)
        )
    digest, loaded = _LOADED.get((run.path, adapter), ("", None))
    if digest != seal.digest or type(loaded) is not kind:
        if faults := model_faults(run, recipe, adapter):  # hashes every file, once for each model
            raise InvalidRequest("refused_altered", file=faults[0].partition(": ")[0])
        folder = run.model_with(adapter)
        try:
            with reading(folder):
                loaded = kind(folder)
        except AlteredFile as error:  # sealed, but not a model: print the details for whoever serves the page
            traceback.print_exception(error)
            raise InvalidRequest("refused_altered", file=run.place(folder)) from None
        for other in [other for other in _LOADED if other[0] != run.path or (other[1] is None) == (adapter is None)]:
            del _LOADED[other]  # the base and one adapter are kept in memory
        _LOADED[run.path, adapter] = seal.digest, loaded
    assert isinstance(loaded, kind)
    return loaded


_LOADED: dict[tuple[Path, str | None], tuple[str, Model]] = {}
"""Run and adapter → digest of the seal, and loaded model. Only one function at a time uses it."""
