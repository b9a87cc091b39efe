"""Evidence: what is looked up is written down, and what is absent stays absent."""

from __future__ import annotations

from desdecero.model_cards.evidence import Evidence, Missing, Report

CONTENT = {
    "score": {"value": 1.5, "low": None},
    "rows": [{"name": "a/b~c", "n": 0}, {"name": "d", "n": 2}],
    "items": {"a/b": 7},
}


def make_evidence() -> Evidence:
    return Evidence({"evaluate": Report("evaluation/report.json", "f" * 64, CONTENT)})


def test_a_value_is_found_by_its_pointer_and_written_down():
    evidence = make_evidence()
    assert evidence["evaluate:/score/value"] == 1.5
    assert evidence.quotes == [
        {
            "key": "evaluate:/score/value",
            "value": 1.5,
            "report": "evaluation/report.json",
            "pointer": "/score/value",
            "sha256": "f" * 64,
        }
    ]


def test_a_view_reads_as_a_template_does_and_quotes_the_same_keys():
    evidence = make_evidence()
    view = evidence.view("evaluate")
    assert [row["n"] for row in view["rows"]] == [0, 2]
    assert list(view["items"]) == ["a/b"]
    assert view["items"]["a/b"] == 7
    assert [quote["key"] for quote in evidence.quotes] == [
        "evaluate:/items/a~1b",
        "evaluate:/rows/0/n",
        "evaluate:/rows/1/n",
    ]
    assert all(evidence[quote["key"]] == quote["value"] for quote in evidence.quotes)


def test_what_is_absent_or_null_is_missing_all_the_way_down():
    evidence = make_evidence()
    for key in ("evaluate:/score/low", "evaluate:/nothing", "evaluate:/rows/2", "evaluate:/rows/-1", "audit:/margin"):
        assert evidence[key] == Missing(key)
        assert not evidence[key]
        assert list(evidence[key]) == []
    assert evidence.view("audit")["languages"]["en"] == Missing("audit:/languages/en")
    assert evidence.quotes == []


def test_only_what_was_printed_as_missing_counts_as_missing():
    evidence = make_evidence()
    assert not evidence["evaluate:/perplexity"]
    assert evidence.missing == []
    evidence.note_missing(evidence["evaluate:/perplexity"])
    assert evidence.missing == ["evaluate:/perplexity"]
