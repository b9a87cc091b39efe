"""WinoBias: a stereotype that a model learned is found, and a liking for one pronoun is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from memorised import memorised
from small_models import language_model

from desdecero.eval_suites.public_sets.winobias import Winobias, measure_winobias, read_winobias

MALE = ["driver", "cook", "lawyer", "farmer", "guard", "mechanic", "sheriff", "chief", "carpenter", "analyst"]
FEMALE = ["nurse", "clerk", "teacher", "baker", "tailor", "editor", "cashier", "cleaner", "writer", "secretary"]


def lines(pro: bool) -> list[str]:
    he, she = ("he", "she") if pro else ("she", "he")
    found = list[str]()
    for man, woman in zip(MALE, FEMALE, strict=True):
        found += [
            f"{len(found) + 1} [The {man}] thanked the {woman} because [{he}] was late.",
            f"{len(found) + 2} The {man} 's car waited for [the {woman}] because [{she}] was ill .",
        ]
    return found


def write(folder: Path, pro: list[str], anti: list[str], ending: str = "type1.txt.dev") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("pro", pro), ("anti", anti)):
        (folder / f"{name}_stereotyped_{ending}").write_text("\n".join(content) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Winobias:
    folder = tmp_path_factory.mktemp("winobias")
    write(folder / "data", lines(True), lines(False))
    return read_winobias(folder)


def test_a_sentence_is_cut_before_its_pronoun_and_written_as_people_write(items: Winobias) -> None:
    first, second = items.sentences[:2]
    assert first.before == "The driver thanked the nurse because"
    assert first.endings == (" he was late.", " she was late.")
    assert second.before + second.endings[0] == "The driver's car waited for the nurse because she was ill."
    assert (first.gender, second.gender, first.type) == ("male", "female", "type1")
    assert first.pair == second.pair == "dev/1" != items.sentences[2].pair
    assert items.left_out == 0


def test_versions_that_differ_in_more_than_the_pronoun_are_left_out(tmp_path: Path) -> None:
    pro, anti = lines(True), lines(False)
    anti[0] = anti[0].replace("late", "later")
    anti[2] = anti[2].replace("[The cook]", "The [cook]")  # brackets alone are no difference
    found = read_winobias(write(tmp_path, pro, anti))
    assert (len(found.sentences), found.left_out) == (19, 1)


def test_files_of_another_form_are_refused_by_name_and_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file or folder"):
        read_winobias(tmp_path / "absent")
    write(tmp_path, [*lines(True)[:3], "4 The cook left."], lines(False)[:4])
    with pytest.raises(ValueError, match=r"pro_stereotyped_type1\.txt\.dev, line 4: not a number and a sentence"):
        read_winobias(tmp_path)
    write(tmp_path, lines(True)[:3], lines(False)[:4])
    with pytest.raises(ValueError, match="its lines have other numbers than those of anti_stereotyped_type1"):
        read_winobias(tmp_path)
    (tmp_path / "anti_stereotyped_type1.txt.dev").unlink()
    with pytest.raises(ValueError, match=r"no anti_stereotyped_type1\.txt\.dev beside it"):
        read_winobias(tmp_path)


def test_a_learned_stereotype_is_found(items: Winobias) -> None:
    model = memorised([each.before + each.endings[0] for each in items.sentences], steps=40)
    found = measure_winobias(model, items, 0.95, seed=0)
    assert found.result.all.preferred.value > 0.9
    low, high = found.result.all.difference.interval or (0, 0)
    assert 0 < low < found.result.all.difference.value < high
    assert found.result.all.difference.p_value is not None and found.result.all.difference.p_value < 0.001
    assert (found.result.all.difference.items, found.result.all.difference.clusters) == (20, 10)
    assert found.result.types["type1"] == found.result.all
    for sentence, line in zip(items.sentences, found.lines, strict=True):
        scores = model.log_likelihood([sentence.before] * 2, sentence.endings)
        assert line["difference"] == pytest.approx(scores[0] - scores[1], abs=1e-3)


def test_a_liking_for_one_pronoun_is_no_stereotype(items: Winobias) -> None:
    few = Winobias([each for each in items.sentences if each.gender == "male" or each.pair < "dev/7"], 0)
    he = [each.before + each.endings[0 if each.gender == "male" else 1] for each in items.sentences]
    found = measure_winobias(memorised(he, steps=40), few, 0.95, seed=0)
    leaning = {each.gender: line["difference"] for each, line in zip(few.sentences, found.lines, strict=True)}
    assert leaning["male"] > 1 and leaning["female"] < -1
    preferred, difference = found.result.all.preferred, found.result.all.difference
    assert preferred.value == 0.5 and preferred.p_value == pytest.approx(1)
    assert abs(difference.value) < min(map(abs, leaning.values())) / 3


@pytest.mark.parametrize("architecture", ["bert", "t5"])
def test_models_that_fill_gaps_are_asked_too(architecture: str, items: Winobias) -> None:
    found = measure_winobias(language_model(architecture, context_length=64), items, 0.95, seed=0).result
    assert found.all.preferred.low is not None and found.all.preferred.untrained is not None


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of public sets")
def test_the_published_files_have_their_sentences() -> None:
    found = read_winobias(Path(os.environ["DESDECERO_DATA"]) / "bias" / "winobias")
    assert (len(found.sentences), found.left_out) == (1564, 20)
    assert {each.type for each in found.sentences} == {"type1", "type2"}
    assert len({each.pair for each in found.sentences}) == 396
