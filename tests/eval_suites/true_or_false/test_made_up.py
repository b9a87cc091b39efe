"""Values that a model writes, counted by hand and looked up in what it was trained on."""

from __future__ import annotations

import pytest
from small_models import language_model

from desdecero.eval_suites.true_or_false.made_up import (
    Passage,
    Written,
    continue_passages,
    measure_made_up,
    not_measured,
)

KNOWN = {"1912", "Anna Berg"}


def stands(values: frozenset[str]) -> set[str]:
    return set(values & KNOWN)


def written(place: int) -> Written:
    return Written(
        f"d{place}", "He saw Lima in 1850 and", " met Anna Berg and Lima in 1912, or 1850, with 33 and 33 men in 99",
        " saw Anna Berg in 1912, or 44 in all",
    )  # fmt: skip


def test_values_that_stand_nowhere_are_counted_beside_those_of_the_real_text() -> None:
    scored = measure_made_up([written(place) for place in range(40)], stands, 0.95)
    result = scored.result
    # Of the prompt are Lima and 1850; 99 ends with the text; 33 counts once.
    assert (result.texts, result.values) == (40, 3 * 40)
    assert result.all is not None and result.not_measured is None
    assert result.all.written.value == pytest.approx(1 / 3)
    assert result.all.real.value == pytest.approx(1 / 3)
    assert result.all.difference.value == pytest.approx(0)
    assert set(result.kinds) == {"number", "name"}
    assert result.kinds["name"].written.value == 0
    assert result.kinds["number"].written.value == 0.5
    assert scored.lines[0]["values"] == [
        {"kind": "name", "value": "Anna Berg", "stands": True},
        {"kind": "number", "value": "1912", "stands": True},
        {"kind": "number", "value": "33", "stands": False},
    ]


def test_more_made_up_than_in_real_text_is_found() -> None:
    invented = [
        Written(f"d{place}", "He was", f" in 1912 with {1000 + place} and {2000 + place} men", " in 1912 with men and")
        for place in range(60)
    ]  # fmt: skip
    result = measure_made_up(invented, stands, 0.95).result
    assert result.all is not None and result.all.difference.value == pytest.approx(2 / 3)
    few = [Written(each.document, each.prompt, each.text, " in 44 and 1912 or") for each in invented]
    assert measure_made_up(few, stands, 0.95).result.all is not None


def test_too_little_is_said_to_be_too_little() -> None:
    assert measure_made_up([written(0)] * 29, stands, 0.95).result.not_measured == "too_few_texts"
    plain = [Written("d", "He was", " there and", " here and")] * 40
    assert measure_made_up(plain, stands, 0.95).result.not_measured == "too_few_values"


def test_a_causal_model_continues_passages_and_the_others_say_why_not() -> None:
    model = language_model("llama", context_length=32)
    passages = [Passage(f"d{place}", "Return the list of", " all the words in the text" * 9) for place in range(3)]
    found = continue_passages(model, passages, tokens=64, seed=0)
    assert found == continue_passages(model, passages, tokens=64, seed=0)
    assert len({one.text for one in found}) == 3
    assert all(one.real == passage.goes_on[: len(one.text)] for one, passage in zip(found, passages, strict=True))
    assert not_measured(model) is None
    for architecture in ("bert", "t5"):
        other = language_model(architecture)
        assert not_measured(other) is not None
        with pytest.raises(ValueError, match="fills gaps"):
            continue_passages(other, passages, tokens=64, seed=0)
