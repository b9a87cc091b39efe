"""The `dossier` section."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator

from desdecero.pipelines.recipe.base import Section
from desdecero.pipelines.recipe.texts import Text

Area = Literal[
    "research", "conversation", "public_information", "writing_aid", "search", "internal",
    "biometrics", "critical_infrastructure", "education", "employment", "essential_services", "law_enforcement",
    "migration", "justice",
]  # fmt: skip
Line = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]
"""Text of one line."""


class Dossier(Section):
    """What only the provider knows of the model: for the documents of the EU's AI Act. What is left out is printed as
    missing, and a duty that depends on it as unknown."""

    provider: Line | None = None
    """Who provides the model: name, address and contact."""
    representative: Line | None = None
    """Authorised representative in the Union, of a provider outside it."""
    market_date: datetime.date | None = None
    """Day on which the model is placed on the Union's market."""
    sme: bool | None = None
    """Whether the provider is a small or medium-sized enterprise, start-ups included: it lists fewer domains of crawled
    text."""
    public_demo: bool | None = None
    """Whether people can use the model on a page that is open to the public."""
    uses: tuple[Area, ...] = ()
    """What the model is provided for. The last eight are the areas of Annex III, in which systems are presumed to be of
    high risk."""
    decisions: tuple[Text, ...] = ()
    """Decisions of those who made the model, and their reasons, each a text or `{en: …, es: …}`."""
    removal_contact: Line | None = None
    """Where people ask for a text or for their personal data to be removed."""

    @field_validator("uses")
    @classmethod
    def _check_uses(cls, uses: tuple[Area, ...]) -> tuple[Area, ...]:
        for use in uses:
            if uses.count(use) > 1:
                raise ValueError(f"names {use} twice: each use once, as each has its own duty")
        return uses
