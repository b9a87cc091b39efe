"""Types of the gate: the facts about a publication, and the finding of a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Acceptance:
    """A refusal that the authors override, in the recipe's `publish.accept`; the card prints it."""

    rule: str
    because: str
    date: str


@dataclass(frozen=True)
class Publication:
    """Facts about the model, or the adapter, that is to be uploaded."""

    repo_id: str | None
    states: Mapping[str, str]
    """Stage → `sealed`, `unwanted`, or its fault."""
    faults: Sequence[str]
    """Faults found by verifying every seal, one sentence each."""
    card: Mapping[str, Any] | None
    """The card's report: `missing`, `model_license`, `repo_id`; None if there is none."""
    licensing: Mapping[str, Any] | None
    """Obligations from the licences of the training data, `card/licensing.json`; None if not known."""
    evaluation: Mapping[str, Any] | None
    """The evaluation's report; None if there is none."""
    audit: Mapping[str, Any] | None
    """The audit's report; None if there is none."""
    languages: Sequence[str]
    """Languages that the model is meant to write."""
    described: Mapping[str, Any]
    """The recipe's `card` section."""
    max_unknown: float
    """Highest share of training tokens of unknown licence that the recipe permits."""
    accepted: Sequence[Acceptance] = ()
    adapter: str | None = None
    """The adapter that is published: evaluation, audit and licences are then its own."""
    finetune: Mapping[str, Any] | None = None
    """The adapter's report; None if there is none."""
    base_refused: Sequence[str] = ()
    """Rules about licences that refuse the adapter's base."""

    def place(self, report: str) -> str:
        """Return the path of a report in the run directory."""
        return report if self.adapter is None else f"adapters/{self.adapter}/{report}"


@dataclass(frozen=True)
class Finding:
    """Result of one rule, as a key and values, from which `gate_sentences.sentence` makes a sentence with the fix."""

    rule: str
    passed: bool
    key: str = ""
    """Key of the sentence in the catalogue's section `gate`; by default RULE.passed or RULE.failed."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Values in the sentence: plain data, which `gate_sentences` formats for the reader's language."""
    blocking: bool = True
    value: float | str | None = None
    """Measured value, for rules that measure."""
    threshold: float | str | None = None
    """Limit for the measured value."""
    read: str = ""
    """File or recipe key from which the value was read."""
    accepted: Acceptance | None = None
    """Acceptance by the authors, if the rule failed and they override it."""
