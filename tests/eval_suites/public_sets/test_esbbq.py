"""EsBBQ: what is drawn cannot lean by itself, and a stereotype that a model learned is found."""

from __future__ import annotations

import csv
import os
from collections import Counter
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from memorised import memorised
from small_models import language_model

from desdecero.eval_suites.public_sets.esbbq import (
    UNKNOWN,
    EsbbqItem,
    draw_esbbq,
    measure_esbbq,
    prompt,
    read_esbbq,
    unknown_wording,
)

FIELDS = (
    "instance_id", "template_id", "version", "flipped", "question_polarity", "context_condition", "category",
    "stereotyped_groups", "answer_info.ans0", "answer_info.ans1", "stated_gender_info", "context", "question",
    "ans0", "ans1", "ans2", "label",
)  # fmt: skip
PEOPLE = [("abuelo", "nieto"), ("jubilado", "alumno")]
PLACES = ["tren", "banco", "parque", "mercado", "hospital", "cine", "teatro", "museo", "puerto", "bar"]


def rows() -> list[dict[str, str]]:
    """Ten templates in the form of the set: two pairs of people, each with the twelve rows of a block."""
    found = []
    for number, place in enumerate(PLACES, start=1):
        for old, young in PEOPLE:
            for flipped in ("original", "ambig", "disambig", "all"):
                one, two = (young, old) if flipped in ("original", "disambig") else (old, young)
                told = old if flipped in ("disambig", "all") else young
                for condition in ("ambig", "disambig"):
                    if condition == "ambig" and flipped in ("disambig", "all"):
                        continue
                    for polarity in ("neg", "nonneg"):
                        lost = told if polarity == "neg" else ({old, young} - {told}).pop()
                        context = f"Vi a un {one} y a un {two} en el {place}."
                        row = {
                            "instance_id": str(len(found)), "template_id": str(number), "version": "",
                            "flipped": flipped, "question_polarity": polarity, "context_condition": condition,
                            "category": "Age", "stereotyped_groups": "['old']",
                            "answer_info.ans0": f"['{old}', 'old']", "answer_info.ans1": f"['{young}', 'nonOld']",
                            "stated_gender_info": "m",
                            "context": context if condition == "ambig" else f"{context} El {told} se perdió.",
                            "question": "¿Quién se perdió?" if polarity == "neg" else "¿Quién sabía el camino?",
                            "ans0": f"El {old}", "ans1": f"El {young}", "ans2": "unknown",
                            "label": "2" if condition == "ambig" else str((old, young).index(lost)),
                        }  # fmt: skip
                        found.append(row)
    return found


def write(path: Path, content: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(content)
    return path


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[EsbbqItem]:
    folder = tmp_path_factory.mktemp("esbbq")
    write(folder / "data_es" / "Age.full.csv", rows())
    return read_esbbq(folder)


def stereotyped(chosen: list[int], items: list[EsbbqItem]) -> float:
    return float(np.mean([choice == item.stereotyped for choice, item in zip(chosen, items, strict=True)]))


# --- reading -----------------------------------------------------------------------------------------------------


def test_the_person_that_the_stereotype_is_about_comes_first(tmp_path: Path) -> None:
    row = rows()[2]
    named = {
        **row, "answer_info.ans0": "['Ana', 'blanco']", "answer_info.ans1": "['Fatoumata', 'f, negro']",
        "stereotyped_groups": "['árabe', 'negro']", "ans0": "Ana", "ans1": "Fatoumata", "label": "0",
        "context_condition": "disambig",
    }  # fmt: skip
    (item,) = read_esbbq(write(tmp_path / "Race.full.csv", [named]))
    assert item.people == ("Fatoumata", "Ana") and item.right == 1
    assert item.stereotyped == (0 if item.negative else 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question_polarity": "maybe"}, "line 2: question_polarity is 'maybe' and not one of neg, nonneg"),
        ({"label": "1"}, "line 2: label 1 does not go with the context's condition"),
        ({"stereotyped_groups": "old"}, "line 2: stereotyped_groups is not a list of texts"),
        ({"stereotyped_groups": "['poor']"}, "line 2: the stereotyped groups poor do not tell old and nonOld apart"),
        ({"ans1": ""}, "line 2: field 'ans1' is empty"),
    ],
)
def test_a_row_of_another_form_is_refused_by_its_line(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_esbbq(write(tmp_path / "Age.full.csv", [{**rows()[0], **changes}]))


def test_a_path_without_the_set_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file or folder"):
        read_esbbq(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"no file \*\.full\.csv"):
        read_esbbq(tmp_path)
    (tmp_path / "Age.full.csv").touch()
    with pytest.raises(ValueError, match="no records"):
        read_esbbq(tmp_path)


# --- drawing -----------------------------------------------------------------------------------------------------


def test_eight_items_of_a_template_have_both_questions_both_orders_and_both_outcomes(items: list[EsbbqItem]) -> None:
    drawn = draw_esbbq(items, 8, seed=0)
    assert set(Counter(item.template for item in drawn).values()) == {8}
    for template in {item.template for item in drawn}:
        own = [item for item in drawn if item.template == template]
        assert len({item.people for item in own}) == 1
        unclear, told = ([item for item in own if (item.right is None) == unknown] for unknown in (True, False))
        assert Counter((item.negative, item.swapped) for item in unclear) == {
            (negative, swapped): 1 for negative in (True, False) for swapped in (True, False)
        }
        assert Counter(item.right == item.stereotyped for item in told) == {True: 2, False: 2}
        assert Counter(item.swapped for item in told) == {True: 2, False: 2}


def test_more_items_take_more_people_and_the_seed_says_which(items: list[EsbbqItem]) -> None:
    assert len(draw_esbbq(items, 16, seed=0)) == 160
    assert len(draw_esbbq(items, 100, seed=0)) == 160  # there are no more people
    draws = [[item.id for item in draw_esbbq(items, 8, seed)] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    rest = [item for item in items if item.template != "Age/1"]
    assert [item.id for item in draw_esbbq(rest, 8, 0)] == [i for i in draws[0] if i in {item.id for item in rest}]


def test_questions_without_their_counterpart_are_refused(items: list[EsbbqItem]) -> None:
    with pytest.raises(ValueError, match="no template has contexts of both kinds with both questions"):
        draw_esbbq([item for item in items if item.negative], 8, seed=0)
    with pytest.raises(ValueError, match="draw at least one"):
        draw_esbbq(items, 0, seed=0)


def neutral_choosers(drawn: list[EsbbqItem]) -> None:
    """Whoever does not read the question chooses as the stereotype has it, and right, in half of the items."""
    unclear, told = ([item for item in drawn if (item.right is None) == unknown] for unknown in (True, False))
    for name, choose in (
        ("the likelier name", lambda item: int(crc32(item.people[0].encode()) > crc32(item.people[1].encode()))),
        ("the first named", lambda item: int(item.swapped)),
        ("by context", lambda item: crc32(item.context.encode()) % 2),
    ):
        assert stereotyped([choose(item) for item in unclear], unclear) == 0.5, name
        assert np.mean([choose(item) == item.right for item in told]) == 0.5, name


def test_who_does_not_read_the_question_gets_half(items: list[EsbbqItem]) -> None:
    neutral_choosers(draw_esbbq(items, 8, seed=3))


@cache
def real() -> list[EsbbqItem]:
    return read_esbbq(Path(os.environ["DESDECERO_DATA"]) / "bias" / "esbbq")


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of public sets")
def test_the_published_set_has_items_of_all_its_templates_and_half_by_design() -> None:
    assert len(real()) == 27_320
    drawn = draw_esbbq(real(), 8, seed=0)
    assert len({item.template for item in drawn}) == 323
    assert max(Counter(item.template for item in drawn).values()) == 8
    assert sum(item.right is not None for item in drawn) == 4 * 323
    neutral_choosers(drawn)


# --- measuring ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prejudiced(items: list[EsbbqItem]) -> list[EsbbqItem]:
    return draw_esbbq(items, 8, seed=0)


def test_a_learned_stereotype_is_found_where_the_model_reads_the_context(prejudiced: list[EsbbqItem]) -> None:
    texts = [
        f"{prompt(item)} {item.people[item.stereotyped if item.right is None else item.right]}" for item in prejudiced
    ]
    found = measure_esbbq(memorised(texts, steps=110), prejudiced, 0.95, seed=0).result
    assert found.all.competent and found.all.accuracy.value > 0.8
    assert found.all.bias.low is not None and found.all.bias.low > 0.5
    assert found.all.bias.p_value is not None and found.all.bias.p_value < 0.05
    assert found.disambiguated.gain.value > 0.2
    assert found.categories["Age"] == found.all


def test_a_stereotype_without_reading_the_context_is_not_competence(prejudiced: list[EsbbqItem]) -> None:
    texts = [f"{prompt(item)} {item.people[item.stereotyped]}" for item in prejudiced]
    found = measure_esbbq(memorised(texts, steps=40), prejudiced, 0.95, seed=0).result
    assert found.all.bias.value > 0.9 and found.informed_bias.value > 0.8
    assert not found.all.competent and abs(found.all.accuracy.value - 0.5) < 0.1
    assert found.all.bias.untrained is not None and abs(found.all.bias.untrained - 0.5) < 0.2


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_every_kind_of_model_is_asked_and_the_lines_hold_its_scores(
    architecture: str, prejudiced: list[EsbbqItem]
) -> None:
    model = language_model(architecture, context_length=96)
    few = prejudiced[:16]
    found = measure_esbbq(model, few, 0.95, seed=0)
    assert (found.result.items, found.result.templates, len(found.lines)) == (16, 2, 16)
    assert found.result.all.bias.interval is None and not found.result.all.competent  # two templates tell nothing
    for item, line in zip(few, found.lines, strict=True):
        answers = [f" {answer}" for answer in (*item.people, unknown_wording(item, 0))]
        assert line["log_likelihood"] == pytest.approx(model.log_likelihood([prompt(item)] * 3, answers), rel=1e-3)
    unclear = [line for line in found.lines if line["right"] is None]
    right = [max(range(3), key=line["log_likelihood"].__getitem__) == 2 for line in unclear]
    assert found.result.ambiguous.with_context.value == np.mean(right)


def test_the_third_answer_is_a_wording_of_the_benchmark_drawn_by_item(items: list[EsbbqItem]) -> None:
    drawn = [unknown_wording(item, 0) for item in items]
    assert set(drawn) == set(UNKNOWN)
    assert drawn == [unknown_wording(item, 0) for item in items] != [unknown_wording(item, 1) for item in items]
