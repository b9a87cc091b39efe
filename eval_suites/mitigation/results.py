"""Types of a mitigation's receipt: keys and values, never sentences."""

from __future__ import annotations

from typing import Any, Literal

from desdecero.eval_suites.results import Count, Estimate, Part, Share

Method = Literal["counterfactual", "reweight", "goldfish", "threshold", "reduction"]
Measure = Literal["gap", "extraction", "loss", "task", "equalized_odds", "demographic_parity", "accuracy"]
Verdict = Literal["mitigated", "refused", "cost unknown", "no change shown", "not measured"]


class Change(Part):
    """A measure of the treated models minus that of their bases, paired by seed."""

    measure: Measure
    of: str
    """What was measured: `en/gender` of a gap, a suite's name of a task; empty for all together."""
    better: Literal["higher", "lower"]
    share: bool
    """True for a value between 0 and 1."""
    base: list[float]
    """By seed."""
    treated: list[float]
    """By seed."""
    change: Estimate
    """Mean of treated minus base, with its t interval over seeds; without one where the seeds do not differ."""
    p_value: Share
    """p-value of a change of 0."""
    p_adjusted: Share | None
    """The same, adjusted over the groups (Holm 1979); None for other measures than a gap by group."""
    verdict: Verdict | None
    """None for what the method is not meant to change."""


class MitigationReceipt(Part):
    """What a mitigation changed, and what it cost."""

    method: Method
    settings: dict[str, Any]
    """The method's settings in the treated recipe."""
    seeds: list[Count]
    confidence: Share
    tolerance: float
    """What it may cost: nats per token, and of a classifier a share of the texts."""
    target: Measure
    """What the method is meant to change."""
    cost: Measure
    """By which its cost is told."""
    verdict: Verdict
    """Of the target over all groups."""
    changes: list[Change]
    not_measured: dict[str, str]
    """Measure, with a group where it has some, → key of the reason."""
