"""The `policy` section: what the gate asks of a model before it is published, and what a person waives."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from desdecero.model_cards.policy.rules import BY_LICENSE, NEVER_WAIVED, rules
from desdecero.model_cards.policy.types import Level, Preset, Rule
from desdecero.model_cards.policy.types import Policy as Judged
from desdecero.model_cards.policy.types import Waiver as JudgedWaiver
from desdecero.pipelines.recipe.base import Proportion, Section
from desdecero.pipelines.recipe.identifiers import license_expression

UNKNOWN = "LicenseRef-unknown"


def _known(name: str) -> Rule:
    if name not in rules():
        raise ValueError(f"the gate has no such rule: name one of {', '.join(rules())}")
    return rules()[name]


def _said(text: str) -> str:
    """Return the text on one line, without what draws on a terminal."""
    if not any(letter.isalnum() for letter in text):
        raise ValueError("is empty: the card prints it")
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _license(text: str) -> str:
    return text if text == UNKNOWN else license_expression(text)


Said = Annotated[str, AfterValidator(_said)]


class RuleSettings(Section):
    """What is other than in the preset for one rule."""

    level: Level | None = None
    """What becomes of a model that fails it, or of which it is not measured: `off`, `warn` or `refuse`."""
    max_share: Proportion | None = None
    """Highest share: of training tokens under such licences, works, items of a suite, passages or documents."""
    min_share: Proportion | None = None
    """Lowest share of the kept text in the declared languages."""
    min_recall: Proportion | None = None
    """Lowest recall of planted personal data, by the lower end of the interval, in every form, labelled and alone."""

    @field_validator("level", mode="before")
    @classmethod
    def _read_off(cls, level: object) -> object:
        """Read `off` without quotes, which is `false` to YAML."""
        return "off" if level is False else level

    @property
    def limits(self) -> dict[str, float]:
        """Return the limits that are given, by name."""
        given = {"max_share": self.max_share, "min_share": self.min_share, "min_recall": self.min_recall}
        return {name: value for name, value in given.items() if value is not None}


class Waiver(Section):
    """A rule that a person sets aside until a day. The card prints who, why and until when."""

    rule: str
    """Rule that is waived (docs/gate.md lists them); `seals` cannot be."""
    licenses: tuple[Annotated[str, AfterValidator(_license)], ...] = ()
    """Of a rule about licences: SPDX expressions, and it then covers texts under these alone."""
    adapter: str | None = None
    """The adapter that it is for; by default the model."""
    by: Said
    """Name of the person who answers for it."""
    reason: Said
    """The reason."""
    until: datetime.date
    """The last day on which it counts."""

    @field_validator("rule")
    @classmethod
    def _check_rule(cls, rule: str) -> str:
        if _known(rule).name in NEVER_WAIVED:
            raise ValueError(f"{rule} is about the evidence itself, which nobody can waive: fix what it names")
        return rule

    @model_validator(mode="after")
    def _check_subject(self) -> Waiver:
        if self.licenses and self.rule not in BY_LICENSE:
            raise ValueError(f"{self.rule} is not about licences: leave licenses out ({', '.join(BY_LICENSE)} are)")
        asked_of = rules()[self.rule].of
        if self.adapter is None and "model" not in asked_of:
            raise ValueError(f"{self.rule} is asked of adapters alone: name one, as in adapter: legal")
        if self.adapter is not None and set(asked_of) == {"model"}:
            raise ValueError(f"{self.rule} is not asked of adapters: leave adapter out, or name another rule")
        return self


class Policy(Section):
    """What the gate asks of the model, and what the authors waive."""

    preset: Preset = "research"
    """How much is asked: `internal`, `research` or `open_release`."""
    rules: dict[str, RuleSettings] = Field(default={})
    """Rules that are other than in the preset, by name: their level and their limits."""
    waivers: tuple[Waiver, ...] = ()
    """Rules that a person sets aside until a day, with the reason that the card prints."""

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, settings: dict[str, RuleSettings]) -> dict[str, RuleSettings]:
        for name, given in settings.items():
            rule = _known(name)
            if name in NEVER_WAIVED and given.level not in (None, "refuse"):
                raise ValueError(f"{name} is about the evidence itself, and always refuses: leave it out")
            if wrong := sorted(given.limits.keys() - rule.limits.keys()):
                known = ", ".join(["level", *rule.limits])
                raise ValueError(f"{name} has no {wrong[0]}: it takes {known}")
        return settings

    def judged(self, adapter: str | None = None, preset: Preset | None = None) -> Judged:
        """Return the policy for the model, or for an adapter, as the gate takes it.

        preset: in place of the recipe's
        """
        return Judged(
            preset=preset or self.preset,
            levels={name: given.level for name, given in self.rules.items() if given.level is not None},
            limits={name: given.limits for name, given in self.rules.items() if given.limits},
            waivers=tuple(
                JudgedWaiver(one.rule, one.by, one.reason, one.until, one.licenses)
                for one in self.waivers
                if one.adapter == adapter
            ),
        )
