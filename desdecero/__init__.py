"""desdecero: from your own text to your own language model, and the evidence to stand behind it.

These names are for programs that use parts of it as a library; docs/library.md has examples. A name is imported when it
is first used, so that `import desdecero` loads none of the libraries behind it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from desdecero.eval_suites.models.load import load as load_model
    from desdecero.eval_suites.statistics import Interval, jackknife_ratio
    from desdecero.pipelines.common.errors import UserError
    from desdecero.pipelines.corpus.cleaning.language import identify as identify_language
    from desdecero.pipelines.corpus.cleaning.unicode import clean as clean_text
    from desdecero.pipelines.corpus.document import Document
    from desdecero.pipelines.corpus.draft import Draft
    from desdecero.pipelines.corpus.duplicates import Deduplicator, sketch
    from desdecero.pipelines.corpus.privacy.detection import Detector as PersonalDataDetector
    from desdecero.pipelines.corpus.sources import read_source
    from desdecero.pipelines.corpus.steps import build_steps
    from desdecero.pipelines.recipe import Recipe, load_recipe
    from desdecero.pipelines.run.chain import run_chain
    from desdecero.pipelines.run.run_dir import RunDir
    from desdecero.pipelines.tokenizer.training import train as train_tokenizer
    from desdecero.pipelines.tokens.best_fit import lay_out as pack
    from desdecero.pipelines.training.model.build import build_model
    from desdecero.pipelines.training.model.optimizers import Muon, build_optimizers

PUBLIC = {
    # a recipe, and the run that it makes
    "Recipe": "desdecero.pipelines.recipe:Recipe",
    "load_recipe": "desdecero.pipelines.recipe:load_recipe",
    "RunDir": "desdecero.pipelines.run.run_dir:RunDir",
    "run_chain": "desdecero.pipelines.run.chain:run_chain",
    "UserError": "desdecero.pipelines.common.errors:UserError",
    # text
    "Document": "desdecero.pipelines.corpus.document:Document",
    "Draft": "desdecero.pipelines.corpus.draft:Draft",
    "read_source": "desdecero.pipelines.corpus.sources:read_source",
    "build_steps": "desdecero.pipelines.corpus.steps:build_steps",
    "clean_text": "desdecero.pipelines.corpus.cleaning.unicode:clean",
    "identify_language": "desdecero.pipelines.corpus.cleaning.language:identify",
    "PersonalDataDetector": "desdecero.pipelines.corpus.privacy.detection:Detector",
    "sketch": "desdecero.pipelines.corpus.duplicates:sketch",
    "Deduplicator": "desdecero.pipelines.corpus.duplicates:Deduplicator",
    # tokens and training
    "train_tokenizer": "desdecero.pipelines.tokenizer.training:train",
    "pack": "desdecero.pipelines.tokens.best_fit:lay_out",
    "build_model": "desdecero.pipelines.training.model.build:build_model",
    "build_optimizers": "desdecero.pipelines.training.model.optimizers:build_optimizers",
    "Muon": "desdecero.pipelines.training.model.optimizers:Muon",
    # a trained model, of any kind
    "load_model": "desdecero.eval_suites.models.load:load",
    # figures
    "Interval": "desdecero.eval_suites.statistics:Interval",
    "jackknife_ratio": "desdecero.eval_suites.statistics:jackknife_ratio",
}
"""Public name → module and name there. The imports above say the same to type checkers."""

__all__ = [
    "Deduplicator",
    "Document",
    "Draft",
    "Interval",
    "Muon",
    "PersonalDataDetector",
    "Recipe",
    "RunDir",
    "UserError",
    "build_model",
    "build_optimizers",
    "build_steps",
    "clean_text",
    "identify_language",
    "jackknife_ratio",
    "load_model",
    "load_recipe",
    "pack",
    "read_source",
    "run_chain",
    "sketch",
    "train_tokenizer",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = PUBLIC[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
