"""Recall on planted items: counted, reproducible, honest about what is weak, and able to fail."""

from __future__ import annotations

import random

import pytest

from desdecero.pipelines.corpus.privacy import detection
from desdecero.pipelines.corpus.privacy.planted import TextSample, measure_recall
from desdecero.pipelines.recipe import PersonalData

WORDS = "El consejo acordó que la obra del puerto siga en abril según consta en acta firmada por ambas partes"


def text(seed: int, words: int = 600) -> str:
    chance = random.Random(seed)
    return " ".join(chance.choice(WORDS.split()) for _ in range(words))


TEXTS = [text(seed) for seed in range(20)]


def test_every_kind_is_planted_and_most_are_found() -> None:
    section = PersonalData()
    report = measure_recall(TEXTS, section, seed=0)
    assert report.keys() == set(section.kinds)
    for kind, entry in report.items():
        assert entry["planted"] >= section.planted, kind
        assert entry["low"] <= entry["recall"] <= entry["high"]
        assert entry["found"] == sum(part["found"] for part in entry["forms"].values())
        assert entry["planted"] == entry["named"]["planted"] + entry["alone"]["planted"]
        assert entry["named"]["recall"] > 0.95, (kind, entry["named"])
        if kind not in {"national_id", "phone"}:  # where numbers alone may be anything
            assert entry["alone"]["recall"] > 0.95, (kind, entry["alone"])


def test_numbers_without_check_digits_are_weak_without_a_word_and_the_report_says_so() -> None:
    forms = measure_recall(TEXTS, PersonalData(kinds=("national_id",)), seed=0)["national_id"]["forms"]
    assert forms["ar_dni"]["named"]["recall"] > 0.9 and forms["ar_dni"]["alone"]["recall"] < 0.2
    assert all(form[part]["planted"] == 30 for form in forms.values() for part in ("named", "alone"))
    assert forms["es_dni"]["recall"] > 0.95 and forms["br_cpf"]["recall"] > 0.95


def test_the_same_seed_gives_the_same_report_and_another_one_another() -> None:
    section = PersonalData(kinds=("national_id",), planted=50)
    assert measure_recall(TEXTS, section, seed=1) == measure_recall(TEXTS, section, seed=1)
    assert measure_recall(TEXTS, section, seed=1) != measure_recall(TEXTS, section, seed=2)


def test_only_what_the_recipe_asks_for_is_planted() -> None:
    report = measure_recall(TEXTS, PersonalData(kinds=("national_id", "email"), countries=("es",)), seed=0)
    assert set(report) == {"national_id", "email"}
    assert set(report["national_id"]["forms"]) == {"es_cif", "es_dni", "es_nie", "es_nuss", "es_vat", "passport"}
    assert measure_recall(TEXTS, PersonalData(planted=0), seed=0) == {}
    assert measure_recall(["", " \n"], PersonalData(), seed=0) == {}


def test_a_detector_that_misses_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its search for e-mail addresses, it finds none of those planted."""
    monkeypatch.setitem(detection._FINDERS, "email", lambda text: iter(()))
    report = measure_recall(TEXTS, PersonalData(kinds=("email",), planted=100), seed=0)
    assert report["email"]["found"] == 0 and report["email"]["high"] < 0.04


def test_short_texts_take_items_too() -> None:
    report = measure_recall(["Dos palabras.", "Una"], PersonalData(kinds=("email",), planted=20), seed=0)
    assert report["email"]["planted"] >= 20 and report["email"]["recall"] > 0.9


def test_a_sample_depends_on_ids_and_seed_and_not_on_order() -> None:
    ids = [f"document {number}" for number in range(500)]

    def sample(seed: int, order: list[str]) -> list[str]:
        chosen = TextSample(seed, size=20)
        for identity in order:
            chosen.add(identity, f"text of {identity}")
        return chosen.texts()

    assert sample(0, ids) == sample(0, ids[::-1])
    assert len(sample(0, ids)) == 20
    assert sample(0, ids) != sample(1, ids)
