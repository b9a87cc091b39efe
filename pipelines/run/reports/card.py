"""`card/report.json`."""

from __future__ import annotations

from desdecero.pipelines.run.reports.base import Count, Part


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
