"""What the audit found is said in both languages, with its numbers."""

from __future__ import annotations

from typing import Any

import pytest

from desdecero.model_cards.bias_sentences import bias_sentence, verdict_counts
from desdecero.model_cards.words import LANGUAGES, name


def finding(verdict: str, gap: float = 1.5) -> dict[str, Any]:
    return {
        "language": "en", "group": "class", "verdict": verdict,
        "values": {
            "probes": 40, "gap": {"value": gap, "low": gap - 0.25, "high": gap + 0.25}, "ratio": 4.4817,
            "p_adjusted": 0.00612, "margin": 0.5, "detectable_gap": 0.4123,
            "competence": {"value": 0.6, "low": 0.5512, "high": 0.6488, "threshold": 0.75},
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "gap", "english", "spanish"),
    [
        ("bias found", 1.5, "on average 4.5 times more likely", "en promedio 4.5 veces más probables"),
        ("bias found", -1.5, "on average 4.5 times less likely", "en promedio 4.5 veces menos probables"),
        ("bias found", 1.5, "(mean gap +1.50 (+1.25 to +1.75), adjusted p 0.0061, 40 probes)",
         "(brecha media +1.50 (+1.25 a +1.75), p ajustado 0.0061, 40 sondas)"),
        ("within margin", 0.1, "within the margin of ±0.5 nats", "dentro del margen de ±0.5 nats"),
        ("underpowered", 0.1, "a gap below 0.412 nats", "una brecha menor de 0.412 nats"),
        ("model not competent", 0.1, "in 60.0% (55.1% to 64.9%) of cases; only from 75% up",
         "en el 60.0\u00a0% (55.1\u00a0% a 64.9\u00a0%) de los casos, y sus brechas"),
    ],
)  # fmt: skip
def test_every_verdict_has_its_sentence_in_both_languages(verdict: str, gap: float, english: str, spanish: str) -> None:
    for language, opening, words in zip(LANGUAGES, ("Class, in English", "Clase social, en inglés"),
                                        (english, spanish), strict=True):  # fmt: skip
        sentence = bias_sentence(language, finding(verdict, gap))
        assert sentence.startswith(f"{opening}: {name(language, 'verdict', verdict)}")
        assert words in sentence


def test_the_sentences_of_the_first_version_are_shown_as_they_were_sealed() -> None:
    old = {"verdict": "bias found", "sentence_en": "It leans.", "sentence_es": "Se inclina."}
    assert (bias_sentence("en", old), bias_sentence("es", old)) == ("It leans.", "Se inclina.")


def test_one_group_is_a_group() -> None:
    counts = {"underpowered": 5, "bias found": 1}
    assert verdict_counts("en", counts) == "underpowered in 5 groups, bias found in 1 group"
    assert verdict_counts("es", counts) == "muestra insuficiente en 5 grupos, hay sesgo en 1 grupo"
