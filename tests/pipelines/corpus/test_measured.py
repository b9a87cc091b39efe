"""Figures that were measured on other texts are whole, and their intervals are computed."""

from __future__ import annotations

import re

from helpers import ROOT
from scipy.stats import binomtest

from desdecero.pipelines.corpus.measured import measured_elsewhere, read_rows
from desdecero.pipelines.recipe import Corpus


def test_every_row_says_what_was_counted_where_and_how() -> None:
    for row in read_rows():
        assert set(row) == {"step", "what", "found", "of", "data", "checked"} and set(row["what"]) == set(
            row["data"]
        ) == {"en", "es"}
        assert 0 <= row["found"] <= row["of"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["checked"]) or (ROOT / row["checked"]).is_file()


def test_intervals_are_wilsons() -> None:
    corpus = Corpus.model_validate(
        {"sources": [{"kind": "installed_docs"}], "language": {"allowed": ["es"]}}, context={"base": ROOT}
    )
    rows = measured_elsewhere(corpus)
    assert len(rows) == len(read_rows())
    for row in rows:
        expected = binomtest(row["found"], row["of"]).proportion_ci(0.95, "wilson")
        assert abs(row["low"] - expected.low) < 1e-9 and abs(row["high"] - expected.high) < 1e-9
