"""What is said of a model beside its baselines: those that beat it first, and nothing beyond what intervals show."""

from __future__ import annotations

from typing import Any

from sealed_run import estimate, make_reports, of_one_document
from whole_reports import held_out_suite

from desdecero.model_cards.baseline_sentences import beside_baselines


def suite(measure: str, value: float, baselines: dict[str, float]) -> dict[str, Any]:
    return held_out_suite(
        {measure: estimate(value, 0.05)}, {name: {measure: other} for name, other in baselines.items()}, 40, {}
    )


def test_a_baseline_wins_where_the_whole_interval_is_worse():
    losses = suite("bits_per_byte", 2.0, {"unigram": 2.5, "xz": 1.5, "ngram": 2.01})
    assert beside_baselines("en", losses) == (
        "Better than this model, by bits per byte: xz, a general-purpose compressor (1.500). This model cannot be told "
        "apart from: counts of up to five tokens in a row (n-gram) (2.010). This model does better than: frequencies "
        "of single tokens (unigram) (2.500)."
    )
    accuracy = suite("token_accuracy", 0.5, {"unigram": 0.2, "ngram": 0.8})
    assert beside_baselines("es", accuracy) == (
        "Superan a este modelo, por exactitud en el token siguiente: recuento de hasta cinco tokens seguidos (n-grama) "
        "(80\u00a0%). Este modelo supera a: frecuencia de cada token (unigrama) (20\u00a0%)."
    )


def test_without_an_interval_nothing_is_won_or_lost():
    few = of_one_document(make_reports())["evaluate"]["text"]
    sentence = beside_baselines("en", few)
    assert sentence.startswith("This model cannot be told apart from:") and "xz" in sentence and "untrained" in sentence


def test_without_baselines_nothing_is_said():
    assert beside_baselines("en", suite("bits_per_byte", 2.0, {})) == ""
