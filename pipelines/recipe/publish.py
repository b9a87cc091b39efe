"""The `publish` section."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator

from desdecero.pipelines.recipe.base import Section
from desdecero.pipelines.recipe.identifiers import RepositoryId


class Acceptance(Section):
    """A refusal of the gate that the authors override, with the reason that the card prints."""

    rule: str
    """Rule that is overridden (docs/publishing.md lists them)."""
    because: str
    """The reason."""
    date: datetime.date
    """Date of the acceptance: `desdecero publish --accept RULE --because "…"` writes today's date."""

    @field_validator("rule")
    @classmethod
    def _check_rule(cls, rule: str) -> str:
        from desdecero.model_cards.gate import ACCEPTABLE

        return _overridden(rule, ACCEPTABLE)

    @field_validator("because")
    @classmethod
    def _check_reason(cls, because: str) -> str:
        if not any(letter.isalnum() for letter in because):
            raise ValueError("an acceptance needs its reason: the card prints it")
        return "".join(letter for letter in " ".join(because.split()) if letter.isprintable())


class AcceptanceOfAdapter(Acceptance):
    """The same of an adapter, for which there are other rules. It is no part of a recipe: its card's report has it."""

    @field_validator("rule")
    @classmethod
    def _check_rule(cls, rule: str) -> str:
        from desdecero.model_cards.gate import ACCEPTABLE_OF_ADAPTER

        return _overridden(rule, ACCEPTABLE_OF_ADAPTER)


def _overridden(rule: str, acceptable: Sequence[str]) -> str:
    """Return the rule; raise `ValueError` unless it is one that may be overridden."""
    from desdecero.model_cards.gate import EVIDENCE_RULES
    from desdecero.model_cards.gate_substance import WARNINGS

    if rule in EVIDENCE_RULES:
        raise ValueError(f"{rule} is about the evidence, which nobody can override: fix what it names")
    if rule in WARNINGS:
        raise ValueError(f"{rule} only warns, so there is nothing to accept: remove it")
    if rule not in acceptable:
        raise ValueError(f"the gate has no such rule: name one of {', '.join(acceptable)}")
    return rule


class Publish(Section):
    """Destination of the model, and limits of the gate."""

    repo_id: RepositoryId | None = None
    """Repository on the Hub, `owner/name`."""
    private: bool = True
    """Create the repository as private."""
    max_unknown: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Highest share of training tokens of unknown licence; the gate refuses more."""
    accept: tuple[Acceptance, ...] = ()
    """Refusals of the gate that the authors override."""

    @field_validator("accept")
    @classmethod
    def _check_distinct(cls, accept: tuple[Acceptance, ...]) -> tuple[Acceptance, ...]:
        if len({acceptance.rule for acceptance in accept}) < len(accept):
            raise ValueError("a rule is accepted twice: give it one reason")
        return accept
