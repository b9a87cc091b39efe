"""Slices of the held-out text: by what, of which documents, and when with an interval."""

from __future__ import annotations

import math

import pytest

from desdecero.eval_suites.language_modeling import MEASURES, LanguageModeling
from desdecero.eval_suites.models.windows import DocumentScore
from desdecero.eval_suites.slices import Facts, one_slice, slices
from desdecero.eval_suites.statistics import effective_documents

SUITE = LanguageModeling(confidence=0.9, seed=0)
BITS = MEASURES["causal"][0]
FACTS = [Facts("laws" if n % 4 else "novels", "es" if n % 2 else "", 100 * (n + 1)) for n in range(40)]
SCORES = [
    DocumentScore(nll=math.log(2) * (n % 7 + 1) * 10, tokens=30, bytes=10 + n % 3, words=2, correct=3)
    for n in range(40)
]


def test_each_kind_of_slice_holds_every_document_once() -> None:
    found = slices(SUITE, BITS, FACTS, SCORES)
    assert [(one.dimension, one.value) for one in found] == [
        ("source", "laws"), ("source", "novels"), ("language", ""), ("language", "es"),
        ("length", "100-1000"), ("length", "1100-2000"), ("length", "2100-3000"), ("length", "3100-4000"),
    ]  # fmt: skip
    for dimension in ("source", "language", "length"):
        ours = [one for one in found if one.dimension == dimension]
        assert sum(one.documents for one in ours) == 40
        assert sum(one.bytes for one in ours) == sum(score.bytes for score in SCORES)
    novels = [score for score, fact in zip(SCORES, FACTS, strict=True) if fact.source == "novels"]
    assert found[1].measured.value == pytest.approx(
        sum(score.nll for score in novels) / math.log(2) / sum(score.bytes for score in novels)
    )
    assert found[1].measured.interval and found[1].measured.better == "lower"


def test_a_slice_of_few_or_very_unequal_documents_has_a_value_and_no_interval() -> None:
    assert effective_documents([score.bytes for score in SCORES[:1] * 8]) == pytest.approx(8)
    assert one_slice(SUITE, BITS, "domain", "health", SCORES[:9]).measured.interval
    few = one_slice(SUITE, BITS, "domain", "health", SCORES[:7])
    assert few.measured.interval is None and few.measured.value > 0 and few.documents == 7
    giant = DocumentScore(nll=9000.0, tokens=9000, bytes=30_000, words=5000, correct=0)
    assert effective_documents([score.bytes for score in (giant, *SCORES)]) < 2
    assert one_slice(SUITE, BITS, "source", "novels", [giant, *SCORES]).measured.interval is None


def test_documents_of_one_length_are_one_slice() -> None:
    found = slices(SUITE, BITS, [Facts("laws", "es", 500)] * 3, SCORES[:3])
    assert [(one.value, one.documents) for one in found] == [("laws", 3), ("es", 3), ("500-500", 3)]
