"""Types of the policy: the rules, the settings and waivers of a recipe, what is judged, and the verdicts.

Reports and verdicts are plain data. What people read of a verdict is made of its key and values by `gate_sentences`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Preset = Literal["internal", "research", "open_release"]
Level = Literal["off", "warn", "refuse"]
Subject = Literal["model", "adapter", "labels"]
"""What is published: a model, an adapter that writes text, an adapter that gives labels."""
Outcome = Literal["pass", "fail", "not_measured"]
VerdictWord = Literal["pass", "fail", "not_measured", "waived"]
Unit = Literal["share", "figure", "text"]
Bound = Literal["at_most", "at_least", "below", "is"]


@dataclass(frozen=True)
class Rule:
    """A rule of `rules.yaml`, which explains each field."""

    name: str
    check: str
    report: str
    pointers: tuple[str, ...]
    unit: Unit
    bound: Bound
    of: tuple[Subject, ...]
    limits: Mapping[str, Mapping[Preset, float]]
    level: Mapping[Preset, Level]
    adapter: Mapping[str, Any]
    """Fields that are others for adapters."""


@dataclass(frozen=True)
class Waiver:
    """A rule that a person sets aside until a day, and why. The card prints it."""

    rule: str
    by: str
    reason: str
    until: datetime.date
    """The last day on which it counts."""
    licenses: tuple[str, ...] = ()
    """SPDX expressions: then it covers texts under these alone."""


@dataclass(frozen=True)
class Policy:
    """A preset, what the recipe changes in it, and the waivers for what is published."""

    preset: Preset = "research"
    levels: Mapping[str, Level] = field(default_factory=dict)
    """Rule → its level, where that is not the preset's."""
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Rule → name of a limit → its value, where that is not the preset's."""
    waivers: Sequence[Waiver] = ()


@dataclass(frozen=True)
class Facts:
    """What is judged: the reports of a run, as plain data."""

    reports: Mapping[str, Any]
    """File in the run directory → its content; of an adapter, its own files without `adapters/<name>/`. A report that
    is not there is left out, or None."""
    adapter: str | None = None
    labels: bool = False
    """The adapter gives labels, and writes no text."""
    excused: frozenset[str] = frozenset()
    """Licences that waivers cover."""

    @property
    def subject(self) -> Subject:
        """Tell what is published."""
        if self.adapter is None:
            return "model"
        return "labels" if self.labels else "adapter"

    def __getitem__(self, report: str) -> Any:
        """Return a report, or None."""
        return self.reports.get(report)


@dataclass(frozen=True)
class Found:
    """What a check found: whether it holds, the value and limit that decide, and values for the sentence."""

    outcome: Outcome
    value: float | str | None = None
    threshold: float | str | None = None
    key: str = ""
    """Key of the sentence below `gate.RULE`; by default the outcome."""
    values: Mapping[str, Any] = field(default_factory=dict)
    pointer: str = ""
    """Where exactly the value stands, if the rule reads several places."""
    report: str = ""
    """The report it stands in, if that is not the rule's."""


@dataclass(frozen=True)
class Verdict:
    """What the gate says by one rule."""

    rule: str
    verdict: VerdictWord
    level: Level
    unit: Unit
    bound: Bound
    value: float | str | None
    """What was measured; a share between 0 and 1, a figure, or a word."""
    threshold: float | str | None
    report: str
    """File in the run directory that it was read from."""
    pointer: str
    """JSON pointers into that file, separated by blanks."""
    outcome: Outcome
    """What it would be without waivers."""
    key: str
    """Key of its sentence in the catalogue: `gate.<key>`."""
    values: Mapping[str, Any]
    waivers: Sequence[Waiver] = ()
    """Those by which it is waived."""
    expired: Sequence[Waiver] = ()
    """Waivers of the rule that count no longer."""

    @property
    def refuses(self) -> bool:
        """Tell whether nothing may be published for it."""
        return self.level == "refuse" and self.verdict in ("fail", "not_measured")
