"""Accuracy of the corpus' steps on labelled texts from elsewhere: rows for the report.

Measurements on the corpus itself (planted personal data, the examples of a filter) stand next to them in the report.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml

from desdecero.eval_suites.statistics import wilson
from desdecero.pipelines.recipe import Corpus

CONFIDENCE = 0.95


def measured_elsewhere(corpus: Corpus) -> list[dict[str, Any]]:
    """Return the rows of measured.yaml on steps that this corpus takes, each with its share and its interval."""
    taken = {
        "licenses": True,
        "language": corpus.language is not None,
        "quality": True,
        "personal_data": bool(corpus.personal_data.kinds),
    }
    return [row | _share(row["found"], row["of"]) for row in read_rows() if taken[row["step"]]]


def read_rows() -> list[dict[str, Any]]:
    """Return all rows, unchanged."""
    text = (resources.files("desdecero.pipelines") / "corpus/measured.yaml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = yaml.safe_load(text)
    return rows


def _share(found: int, of: int) -> dict[str, float]:
    interval = wilson(found, of, CONFIDENCE)
    return {"share": interval.value, "low": interval.low, "high": interval.high}
