"""What the gate is told of a publication, and what a rule of it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Acceptance:
    """A refusal that the authors take upon themselves, in the recipe's `publish.accept`; the card prints it."""

    rule: str
    because: str
    date: str


@dataclass(frozen=True)
class Publication:
    """What is about to be uploaded, and what is known of it."""

    repo_id: str | None
    states: Mapping[str, str]
    """Stage → `sealed`, `unwanted`, or what is wrong with it."""
    faults: Sequence[str]
    """What verifying every seal found, one sentence each."""
    card: Mapping[str, Any] | None
    """The card's report: `missing`, `model_license`, `repo_id`; None where there is none."""
    licensing: Mapping[str, Any] | None
    """What the licences of the training data ask of this model, `card/licensing.json`; None where it is not known."""
    evaluation: Mapping[str, Any] | None
    """The evaluation's report; None where there was none."""
    audit: Mapping[str, Any] | None
    """The audit's report; None where there was none."""
    languages: Sequence[str]
    """That the model is meant to write."""
    described: Mapping[str, Any]
    """The recipe's `card` section."""
    max_unknown: float
    """Share of training tokens of unknown licence that the recipe lets pass."""
    accepted: Sequence[Acceptance] = ()


@dataclass(frozen=True)
class Finding:
    """What one rule found, as a key and values: `gate_sentences.sentence` says it, where it was read, and the fix."""

    rule: str
    passed: bool
    key: str = ""
    """Of the sentence, in the catalogue's section `gate`; by default RULE.passed or RULE.failed."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the sentence names; plain data, which `gate_sentences` formats for its reader's language."""
    blocking: bool = True
    value: float | str | None = None
    """What was measured, where the rule measures."""
    threshold: float | str | None = None
    """What it had to be."""
    read: str = ""
    """The file, or the recipe's key, that it was read from."""
    accepted: Acceptance | None = None
    """By the authors, although it failed."""
