"""The `evaluate` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from desdecero.eval_suites.results import HELD_OUT
from desdecero.pipelines.recipe.base import Confidence, Section, without_resamples
from desdecero.pipelines.recipe.evaluate_suites import Goal, SuiteSection
from desdecero.pipelines.recipe.identifiers import folder_name

SHIPPED = {"pares_es": "es"}
"""Suites that come with the project, and the language of each."""


SuiteName = Annotated[str, AfterValidator(folder_name)]


class Evaluate(Section):
    """Measures the model on held-out text, and on suites of items with a known answer. The text is that of
    `corpus.test`, or if it is 0 that of validation."""

    max_bytes: Annotated[int, Field(gt=0)] = 1_000_000
    """Held-out text that is scored: pieces of at most 8 kB of its documents, in an order drawn with the seed, up to
    this size. Every byte has the same chance."""
    confidence: Confidence = 0.95
    """Confidence of the intervals."""
    prompts: tuple[str, ...] = ()
    """Texts that the model continues (or fills in, if it fills gaps: write `[MASK]`). Default: the first words of three
    held-out documents."""
    sample_tokens: Annotated[int, Field(ge=1, le=10_000)] = 60
    """Maximum number of tokens in a sample; for an encoder–decoder, in each gap."""

    goals: tuple[Goal, ...] = ()
    """What the model is for. The report and the card say which suites measured it for each, and where none did."""
    suites: Mapping[SuiteName, SuiteSection] | None = None
    """Suites by a name of your choice. Default: those that come with the project in the recipe's languages."""
    compare_with: tuple[str, ...] = ()
    """Models that are measured on the same items, each with a verdict: runs, folders that `desdecero score` wrote,
    folders of transformers, names on the Hub."""
    margin: Annotated[float, Field(gt=0)] = 0.01
    """Difference that counts as none, in the unit of each suite's main measure: 0.01 is a point of accuracy."""
    pseudo_likelihood: Literal["within_word", "original"] = "within_word"
    """Of a masked model: which tokens are hidden with the one that is asked for; `within_word` hides the later ones of
    its word too (Kauf & Ivanova 2023)."""

    @model_validator(mode="before")
    @classmethod
    def _name_shipped(cls, data: Any) -> Any:
        """Reject a shipped suite under a name that none has."""
        suites = data.get("suites") if isinstance(data, Mapping) else None
        for name, suite in (suites or {}).items() if isinstance(suites, Mapping) else ():
            if isinstance(suite, Mapping) and suite.get("kind") == "shipped" and name not in SHIPPED:
                raise ValueError(f"suites.{name}: no suite of this name comes with the project: {', '.join(SHIPPED)}")
            if name == HELD_OUT:
                raise ValueError(f"suites.{name}: this is the name of the suite of held-out text: choose another")
        return data

    @model_validator(mode="before")
    @classmethod
    def _drop_resamples(cls, data: Any) -> Any:
        return without_resamples(data)
