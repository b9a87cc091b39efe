"""`dossier/report.json`."""

from __future__ import annotations

from typing import Literal

from desdecero.pipelines.run.reports.base import Count, Part, Share


class DutyRow(Part):
    """A duty, and whether it is owed."""

    name: str
    status: Literal["obligatory", "voluntary", "unknown"]
    reason: str
    """Key of the sentence that says why."""


class Domain(Part):
    """A site that crawled text came from."""

    domain: str
    documents: Count
    bytes: Count
    """UTF-8 bytes of the text kept."""


class Crawled(Part):
    """Sites of crawled text, the largest first: those that the template of the public summary asks for."""

    domains: Count
    """Sites in all."""
    listed: Literal["10%", "5%, at most 1,000"]
    """Which part of them is listed."""
    share_bytes: Share
    """Share of the crawled text that comes from the listed ones."""
    largest: list[Domain]


class DossierReport(Part):
    """What the dossier says, and what it lacks."""

    missing: list[str]
    """Keys of values that neither a sealed report nor the recipe holds; the documents print them as missing."""
    quoted: Count
    """Values; `dossier/evidence.json` has each with its report."""
    facts: Count
    """Facts that the machine formats share."""
    duties: list[DutyRow]
    crawled: Crawled | None
    """None without crawled text."""
