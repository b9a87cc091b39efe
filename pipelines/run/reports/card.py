"""`card/report.json`."""

from __future__ import annotations

from desdecero.pipelines.run.reports.base import Count, Part


class AcceptedRule(Part):
    """A refusal of the gate that the authors override."""

    rule: str
    because: str
    date: str


class CardReport(Part):
    """Values that the card quotes, and those that it lacks."""

    missing: list[str]
    """Keys of values that no sealed report holds; the card prints them as missing."""
    quoted: Count
    """Values; `card/evidence.json` has each with its report."""
    model_license: str | None
    """SPDX expression."""
    repo_id: str | None
    """Repository of the model, or of the adapter: none before it is published."""
    accepted: list[AcceptedRule] | None = None
    """Of an adapter: refusals of the gate that its card prints. Those of the model are in its recipe."""
