"""Publishers' machine-readable reservations, and the step that drops reserved documents.

Read from HTTP headers and from a page's `<meta>`, and for all pages of a site by `site_rules.py`:

    tdm-reservation: 1         TDM Reservation Protocol (W3C community group report, 2024), with its tdm-policy:
                               the machine-readable reservation of art. 4(3), directive (EU) 2019/790
    robots: noai, noml         not a standard, but in use since 2022; X-Robots-Tag where it is a header
    content-usage: train-ai=n  AIPREF (IETF draft); `ai-train=no` in Cloudflare's words
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Source

SIGNALS = {
    "tdm-reservation": "tdm", "tdm-policy": "tdm_policy", "x-robots-tag": "robots", "robots": "robots",
    "content-usage": "content_usage",
}  # fmt: skip
"""Name of a header or meta tag → key of a document's metadata."""
_NO_TRAINING = re.compile(
    r"\b(noai|noml|notrain|disallowaitraining)\b|\b(?:train-ai|ai)\s*=\s*n\b|\bai-train\s*=\s*no\b", re.IGNORECASE
)


def signals(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the metadata keys `tdm`, `tdm_policy`, `robots` and `content_usage`, from headers or meta tags, unchanged.

    If one occurs twice, both count: `noindex, noai`.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        key = SIGNALS.get(name.strip().lower())
        if key and (words := " ".join(value.split())[:500]) and words not in found.get(key, ""):
            found[key] = f"{found[key]}, {words}" if key in found else words
    return found


def merge(meta: Mapping[str, Any], page: Mapping[str, str]) -> dict[str, Any]:
    """Join a document's metadata with the signals of the page itself: both count."""
    merged = {**meta, **page}
    for key in set(meta) & set(page):
        merged[key] = page[key] if page[key] == meta[key] else f"{meta[key]}, {page[key]}"
    return merged


def reserved(meta: Mapping[str, Any]) -> bool:
    """Tell whether the publisher reserves the document from text and data mining, or from training."""
    words = f"{meta.get('robots', '')} {meta.get('content_usage', '')}"
    return (
        "robots_txt" in meta or "1" in re.split(r"[,\s]+", str(meta.get("tdm", ""))) or bool(_NO_TRAINING.search(words))
    )


class Reservations:
    """The step that drops reserved documents, of the sources that respect reservations."""

    name = "reservations"

    def __init__(self, sources: Iterable[Source]):
        self._sources = {source.name for source in sources if getattr(source, "respect_reservations", False)}

    def __call__(self, draft: Draft) -> None:
        """Drop the draft if it is reserved."""
        if draft.document.source in self._sources and reserved(draft.document.meta):
            draft.reason = "rights_reserved"
