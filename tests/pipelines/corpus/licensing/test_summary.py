"""Licence shares, and what they ask of a model, from the counts of the reports."""

from __future__ import annotations

import json

import pytest

from desdecero.pipelines.corpus.licensing.summary import Holding, holdings, report
from desdecero.pipelines.recipe import Licenses

CORPUS = {
    "licenses": [
        {"license": "MIT", "documents": 6, "bytes": 600, "evidence": {"declared": 4, "free_text": 2}},
        {"license": "CC-BY-SA-4.0", "documents": 2, "bytes": 300, "evidence": {"declared": 2}},
        {"license": "CC-BY-NC-4.0 OR CC-BY-NC-SA-4.0", "documents": 1, "bytes": 60, "evidence": {"declared": 1}},
        {"license": "LicenseRef-unknown", "documents": 1, "bytes": 40, "evidence": {"unknown": 1}},
    ]
}
TOKENS = {"licenses": [{"license": "MIT", "tokens": 150}, {"license": "CC-BY-SA-4.0", "tokens": 50}]}


def test_shares_by_documents_bytes_and_tokens() -> None:
    found = report(holdings(CORPUS, TOKENS), Licenses(), "Apache-2.0")
    rows = {row["license"]: row for row in found["licenses"]}
    assert list(rows) == [row["license"] for row in CORPUS["licenses"]]  # the largest first
    assert (rows["MIT"]["documents"], rows["MIT"]["share_bytes"], rows["MIT"]["share_tokens"]) == (6, 0.6, 0.75)
    assert (rows["CC-BY-SA-4.0"]["tokens"], rows["CC-BY-SA-4.0"]["share_tokens"]) == (50, 0.25)
    assert rows["LicenseRef-unknown"]["tokens"] == 0  # held out of training
    assert sum(row["share_bytes"] for row in rows.values()) == pytest.approx(1)
    assert found["evidence"] == {"declared": 7, "free_text": 2, "unknown": 1}


def test_before_the_tokens_there_are_none() -> None:
    found = report(holdings(CORPUS), Licenses())
    assert "tokens" not in found["licenses"][0] and "share_tokens" not in found["licenses"][0]
    assert found["intended"] is None


def test_conflicts_are_summed_by_kind_with_what_they_cover() -> None:
    found = report(holdings(CORPUS, TOKENS), Licenses(use="commercial"), "Apache-2.0")
    conflicts = {(row["kind"], row["certainty"]): row for row in found["conflicts"]}
    assert set(conflicts) == {
        ("share_alike", "unsettled"), ("non_commercial", "stated"), ("unknown", "unknown"),
    }  # fmt: skip
    assert conflicts["share_alike", "unsettled"]["against"] == "Apache-2.0"
    assert conflicts["share_alike", "unsettled"]["share_tokens"] == 0.25
    assert conflicts["share_alike", "unsettled"]["licenses"] == ["CC-BY-SA-4.0"]
    assert conflicts["non_commercial", "stated"]["against"] == "use: commercial"
    chosen = {row["license"]: row["chosen"] for row in found["licenses"]}
    assert chosen["CC-BY-NC-4.0 OR CC-BY-NC-SA-4.0"] == "CC-BY-NC-4.0"  # the branch that asks less


def test_the_intended_licence_and_use_decide() -> None:
    research = report(holdings(CORPUS, TOKENS), Licenses(use="research"), "CC-BY-SA-4.0")
    assert [(row["kind"], row["certainty"]) for row in research["conflicts"]] == [
        ("non_commercial", "unsettled"), ("unknown", "unknown"),
    ]  # fmt: skip


def test_verdicts_and_bases_cover_everything_once() -> None:
    found = report(holdings(CORPUS), Licenses(review=("CC-BY-SA-*",)))
    assert [(row["verdict"], row["documents"]) for row in found["verdicts"]] == [
        ("allowed", 7), ("review", 2), ("unknown", 1),
    ]  # fmt: skip
    for part in ("verdicts", "basis"):
        assert sum(row["bytes"] for row in found[part]) == 1000
    assert {row["kind"] for row in found["asks"]} >= {"notice", "share_alike", "attribution", "unknown"}


def test_it_is_json_and_never_speaks_of_compliance() -> None:
    text = json.dumps(report(holdings(CORPUS, TOKENS), Licenses(), "Apache-2.0"), allow_nan=False)
    assert "complian" not in text and "legal" not in text


def test_tokens_of_another_run_are_refused() -> None:
    with pytest.raises(ValueError, match=r"GPL-3\.0-only"):
        holdings(CORPUS, {"licenses": [{"license": "GPL-3.0-only", "tokens": 1}]})


def test_an_empty_corpus_has_no_shares() -> None:
    assert report({}, Licenses())["licenses"] == []
    assert report({"MIT": Holding(1, 0, {"declared": 1})}, Licenses())["licenses"][0]["share_bytes"] == 0.0
