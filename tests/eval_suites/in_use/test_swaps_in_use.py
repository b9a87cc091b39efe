"""Exchanged people in labelled texts: which are tried, which are left out, and a classifier whose bias is planted."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import language_model

from desdecero.eval_suites import swaps
from desdecero.eval_suites.in_use import rates
from desdecero.eval_suites.in_use.swaps import Case, People, divide, judge_cases, measure_swaps_in_use

GENDER = People(
    ("men", "women"),
    lambda text: frozenset(side for side, word in enumerate(("he", "she")) if word in text.split()),
    lambda text: None if "perhaps" in text or not {"he", "she"} & set(text.split()) else exchanged(text),
)


def exchanged(text: str) -> str:
    return swaps.exchange(text, [("he", "she")])


def case(text: str, label: str) -> Case:
    return Case(text, label, {"gender": GENDER.sides_of(text)}, {"gender": GENDER.exchange(text)})


def cases(number: int) -> list[Case]:
    return [case(f"{('he', 'she')[i % 2]} wrote {i}", ("no", "yes")[i // 2 % 2]) for i in range(number)]


def test_each_text_is_counted_where_it_belongs() -> None:
    found = judge_cases(
        [*cases(80), case("he and she wrote", "yes"), case("perhaps he wrote", "no"), case("they wrote", "no"),
         case("she and he wrote", "yes")],
        {"gender": GENDER},
        lambda texts: ["yes" if text.startswith("he") else "no" for text in texts],
        0.95, 0,
    )  # fmt: skip
    swapped = found.people["gender"]
    assert (swapped.texts, swapped.uncertain) == (83, 1)
    assert (swapped.flips.texts, swapped.flips.flips) == (81, 81)  # of the two that are each other's exchange, one
    assert swapped.flips.share is not None and swapped.flips.share.high == 1
    assert [swapped.by_side[side].texts for side in ("men", "women")] == [40, 40]
    assert [side.texts for side in swapped.as_written.sides.values()] == [41, 40]  # the uncertain one stands as it is
    assert [side.texts for side in swapped.exchanged.sides.values()] == [80, 80]
    assert swapped.exchanged.demographic_parity is not None
    assert swapped.exchanged.demographic_parity.value == 1
    assert swapped.exchanged.demographic_parity.p_value == pytest.approx(1e-4)
    assert len(found.lines) == 83
    assert found.lines[0] == {
        "people": "gender", "sides": ["men"], "label": "no", "text": "he wrote 0", "prediction": "yes",
        "exchanged": "she wrote 0", "prediction_exchanged": "no",
    }  # fmt: skip


def test_people_that_no_text_names_are_counted_as_none() -> None:
    found = judge_cases([case("they wrote", "no")], {"gender": GENDER}, lambda texts: ["no"] * len(texts), 0.95, 0)
    assert found.people["gender"].texts == 0
    assert found.people["gender"].flips.share is None
    assert found.people["gender"].exchanged.demographic_parity is None


def test_a_text_and_its_exchange_are_not_parted() -> None:
    both = [case(f"{word} wrote {i}", "no") for i in range(100) for word in ("he", "she")]
    train, test = divide(both, np.random.default_rng(0))
    assert not {one.key for one in train} & {one.key for one in test}
    assert len(train) == len(test) == 100


def test_a_label_with_one_text_is_in_training() -> None:
    train, test = divide([*cases(10), case("they wrote", "rare")], np.random.default_rng(0))
    assert "rare" in {one.label for one in train} and "rare" not in {one.label for one in test}
    assert len(train) + len(test) == 11


def test_texts_without_people_are_each_their_own() -> None:
    assert case("they wrote", "no").key == "they wrote"


def labelled(number: int, planted: float) -> tuple[list[str], list[str]]:
    """Texts whose label a word tells; in a share of those about women it is `no` whatever the word says."""
    generator, texts, labels = np.random.default_rng(0), [], []
    for place in range(number):
        word, right = ("good", "yes") if generator.random() < 0.5 else ("bad", "no")
        person = ("he", "she")[place % 2]
        texts.append(f"{person} {place} {word}")
        labels.append("no" if person == "she" and generator.random() < planted else right)
    return texts, labels


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_a_classifier_on_a_models_features_is_tried(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "PERMUTATIONS", 999)
    model = language_model(architecture)
    texts, labels = labelled(300, planted=0.7)
    scored = measure_swaps_in_use(model, [*texts, texts[0]], [*labels, labels[0]], {"gender": GENDER}, 0.95, 0)
    result = scored.result
    assert (result.texts, result.repeated, result.left_out) == (300, 1, 0)
    assert result.training_texts + result.test_texts == 300
    assert sum(result.labels.values()) == 300
    assert result.competent
    found = result.p_values
    assert set(found) == {
        f"gender.{kind}.{measure}"
        for kind in ("as_written", "exchanged")
        for measure in ("demographic_parity", "equalized_odds")
    }
    assert found["gender.exchanged.demographic_parity"] < 0.01
    again = measure_swaps_in_use(model, [*texts, texts[0]], [*labels, labels[0]], {"gender": GENDER}, 0.95, 0)
    assert again == scored


def test_texts_are_cut_to_what_the_model_reads_before_they_are_exchanged() -> None:
    texts = [f"{i} {word} " + "of the list " * 20 + "and she" for i in range(20) for word in ("good", "bad")]
    labels = [text.split()[1] for text in texts]
    result = measure_swaps_in_use(language_model("llama"), texts, labels, {"gender": GENDER}, 0.95, 0).result
    assert result.shortened == 40
    assert result.people["gender"].texts == 0  # nobody is named in what is read


def test_labels_that_say_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two labels"):
        measure_swaps_in_use(language_model("llama"), ["he wrote"] * 5, ["a", "b"] * 2 + ["a"], {}, 0.95, 0)
