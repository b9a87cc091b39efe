"""Facts asked of a model that has them by heart, of one that knows nothing, and of each kind of model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from memorised import memorised
from small_models import language_model

from desdecero.eval_suites.true_or_false import facts as module
from desdecero.eval_suites.true_or_false.facts import Fact, measure_facts, preferred

COLOURS = ["red", "blue", "green", "black", "white", "brown", "grey", "pink"]
THINGS = ["box", "bag", "jar", "tin", "cup", "sack", "tray", "case"]
VALUES = [str(number) for number in range(20, 44)]


def made(kind: str = "number") -> tuple[list[Fact], list[Fact]]:
    """32 facts that are trained on, 32 of the same form that are not."""
    generator, found = np.random.default_rng(0), []
    for place, (colour, thing) in enumerate(itertools.product(COLOURS, THINGS)):
        value, *others = generator.permutation(VALUES)[:4].tolist()
        found.append(
            Fact(f"d{place}", kind, f"In the hall the {colour} {thing} holds ", value, tuple(others), " of them.")  # type: ignore[arg-type]
        )
    order = generator.permutation(64).tolist()
    return [found[place] for place in order[:32]], [found[place] for place in order[32:]]


def sentence(fact: Fact) -> str:
    return f"{fact.context}{fact.value}{fact.rest}"


def test_what_a_model_has_by_heart_is_told_from_what_it_could_guess() -> None:
    trained, held_out = made()
    words = " ".join(VALUES)  # so that all are in its vocabulary
    model = memorised([*map(sentence, trained), words], steps=120)
    scored = measure_facts(model, trained, held_out, 0.95, 0)
    result = scored.result
    assert (result.trained, result.held_out, result.left_out, result.shortened) == (32, 32, 0, 0)
    assert result.all is not None and set(result.kinds) == {"number"}
    assert result.all.trained.value > 0.9
    assert result.all.held_out.low is not None and result.all.held_out.low < 0.25
    assert result.all.trained.chance == 0.25 and result.all.trained.p_value is not None
    assert result.all.trained.untrained is not None and result.all.trained.untrained < 0.6
    assert result.all.difference.p_value is not None and result.all.difference.p_value < 1e-4
    assert result.all.difference.value == pytest.approx(result.all.trained.value - result.all.held_out.value)
    assert len(scored.lines) == 64 and scored.lines[0]["value"] == trained[0].value
    score = model.log_likelihood([trained[0].context], [trained[0].value + trained[0].rest])
    assert scored.lines[0]["log_likelihood"][0] == pytest.approx(float(score[0]), abs=1e-3)


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_models_of_each_kind_that_know_nothing_are_at_chance(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PASS_A_TOKEN", 31)
    model = language_model(architecture, context_length=64)
    result = measure_facts(model, *made(), 0.95, 0).result
    assert result.all is not None
    for figure in (result.all.trained, result.all.held_out):
        assert figure.low is not None and figure.high is not None and figure.low < 0.25 < figure.high
    if architecture == "bert":
        assert (result.trained, result.not_measured) == (31, {"untrained": "pass_a_token"})
        assert result.all.trained.untrained is None
    else:
        assert result.trained == 32 and result.all.trained.untrained is not None


def test_facts_that_a_model_cannot_read_whole_are_left_out() -> None:
    trained, held_out = made()
    long = [Fact("long", "number", "It has ", "20", ("21", "22", "23"), " of the list" * 100)]
    result = measure_facts(language_model("llama", context_length=64), [*long, *trained], held_out, 0.95, 0).result
    assert (result.trained, result.left_out) == (32, 1)


def test_too_few_facts_are_said_to_be_too_few() -> None:
    trained, held_out = made()
    result = measure_facts(language_model("llama"), trained, [], 0.95, 0).result
    assert result.all is None and result.not_measured == {"facts": "too_few_facts"}
    assert measure_facts(language_model("llama"), [], held_out[:3], 0.95, 0).result.trained == 0


def test_a_tie_counts_in_part() -> None:
    scores = np.array([[3.0, 1, 2, 2], [1, 1, 1, 1], [0, 1, 2, 2], [2, 2, 0, 0]])
    assert preferred(scores).tolist() == [1, 0.25, 0, 0.5]


def test_without_learning_at_most_65_of_1000_say_that_something_was_learnt() -> None:
    generator, found, draws = np.random.default_rng(0), 0, 800
    for _ in range(draws):
        documents = np.repeat([f"d{number}" for number in range(80)], 3)
        ease = np.repeat(generator.beta(2, 4, 80), 3)  # some documents are easier to guess
        own = (generator.random(240) < ease).astype(float)
        sides = [place < 120 for place in range(240)]
        facts = [Fact(document, "number", "", "", (), "") for document in documents]
        figures = module._figures(own, None, sides, facts, range(240), 0.95)
        found += (figures.difference.p_value or 1) <= 0.05
    assert found / draws <= 0.065
