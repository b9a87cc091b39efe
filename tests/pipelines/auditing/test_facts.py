"""Facts drawn from a corpus of docstrings, each looked up in all of its documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_models import language_model

from desdecero.eval_suites.true_or_false.facts import OTHERS, measure_facts
from desdecero.eval_suites.true_or_false.made_up import continue_passages, measure_made_up
from desdecero.pipelines.auditing import facts as module
from desdecero.pipelines.auditing.facts import DrawnFacts, draw_facts, draw_passages, standing
from desdecero.pipelines.corpus.documents import measured_split, read_documents
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.run_dir import RunDir

Corpus = tuple[Recipe, RunDir, DrawnFacts]


@pytest.fixture(scope="module")
def corpus(tiny_runs: dict[str, Path]) -> Corpus:
    recipe, run = load_recipe(tiny_runs["llama"]), RunDir(tiny_runs["llama"].parent / "run")
    return recipe, run, draw_facts(recipe, run, 60)


def texts(corpus: Corpus) -> dict[str, dict[str, str]]:
    recipe, run, _ = corpus
    return {
        split: {row["id"]: row["text"] for row in read_documents(run, split, ["id", "text"])}
        for split in ("train", measured_split(recipe))
    }


def documents_with(value: str, documents: dict[str, str]) -> list[str]:
    return [name for name, text in documents.items() if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)]


def test_one_document_alone_states_a_fact_and_each_of_the_others(corpus: Corpus) -> None:
    known = texts(corpus)
    everything = {**known["train"], **known[measured_split(corpus[0])]}
    assert len(corpus[2].trained) >= 30 and len(corpus[2].held_out) >= 3
    for split, drawn in (("train", corpus[2].trained), (measured_split(corpus[0]), corpus[2].held_out)):
        for fact in drawn:
            assert documents_with(fact.value, everything) == [fact.document]
            text = known[split][fact.document]
            assert f"{fact.context}{fact.value}{fact.rest}" in text
            assert (
                text.index(fact.context + fact.value) + len(fact.context)
                == re.search(rf"(?<!\w){re.escape(fact.value)}(?!\w)", text).start()
            )  # type: ignore[union-attr]  # it stands there first
            assert "\n" not in fact.rest
            assert len(set(fact.others)) == OTHERS
            for other in fact.others:
                (owner,) = documents_with(other, everything)
                assert owner in known[split] and owner != fact.document


def test_a_document_gives_a_few_facts_at_most_and_the_seed_decides(corpus: Corpus) -> None:
    recipe, run, drawn = corpus
    owners = [fact.document for fact in drawn.trained]
    assert max(map(owners.count, owners)) <= module.MOST_OF_DOCUMENT
    assert draw_facts(recipe, run, 60) == drawn
    assert draw_facts(recipe.model_copy(update={"seed": 7}), run, 60) != drawn


def test_values_are_found_where_they_stand(corpus: Corpus) -> None:
    _, run, drawn = corpus
    stated, unknown = drawn.trained[0].value, drawn.held_out[0].value
    assert standing(run, frozenset({stated, unknown, "19,283,746"})) == {stated}


def test_passages_are_cut_where_a_word_begins(corpus: Corpus) -> None:
    recipe, run, _ = corpus
    passages = draw_passages(recipe, run, 12)
    held_out = texts(corpus)[measured_split(recipe)]
    assert 4 <= len(passages) <= 12
    for passage in passages:
        assert passage.prompt + passage.goes_on in held_out[passage.document]
        assert passage.goes_on.startswith(" ")


def test_a_model_is_asked_for_what_was_drawn(corpus: Corpus) -> None:
    recipe, run, drawn = corpus
    model = language_model("llama", context_length=256)
    result = measure_facts(model, drawn.trained[:31], drawn.trained[-30:], 0.95, 0).result
    assert result.all is not None and result.left_out == 0
    written = continue_passages(model, draw_passages(recipe, run, 4), 16, recipe.seed)
    assert measure_made_up(written, lambda values: standing(run, values), 0.95).result.not_measured == "too_few_texts"
