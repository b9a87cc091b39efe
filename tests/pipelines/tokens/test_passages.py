"""Passages stand in their documents at the places that they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from small_models import random_model
from transformers import AutoTokenizer

from desdecero.eval_suites.by_heart.extraction import measure_extraction
from desdecero.eval_suites.models.causal import Causal
from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.passages import draw_passages
from desdecero.pipelines.tokens.suffix_array import open_index


def encoded(run: RunDir, split: Literal["train", "validation"]) -> dict[str, list[int]]:
    tokenizer: Any = AutoTokenizer.from_pretrained(run.tokenizer)
    return {
        row["id"]: tokenizer(row["text"], add_special_tokens=False, split_special_tokens=True)["input_ids"]
        for row in read_documents(run, split)
    }


@pytest.fixture
def plain(tiny_runs: dict[str, Path]) -> tuple[RunDir, Recipe]:
    return RunDir(tiny_runs["llama"].parent / "run"), load_recipe(tiny_runs["llama"])


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_passage_stands_in_its_document_where_it_says(
    plain: tuple[RunDir, Recipe], split: Literal["train", "validation"]
) -> None:
    texts, passages = encoded(plain[0], split), draw_passages(*plain, split, count=40, tokens=48, seed=0)
    assert len(passages) == 40 and passages == draw_passages(*plain, split, count=40, tokens=48, seed=0)
    for passage in passages:
        assert list(passage.tokens) == texts[passage.document][passage.offset : passage.offset + 48]
        assert len(passage.tokens) == 48
    assert max(Counter(passage.document for passage in passages).values()) == 2
    places = [passage.offset > 0 for passage in passages]
    assert 10 < sum(places) <= 20
    assert passages != draw_passages(*plain, split, count=40, tokens=48, seed=1)


def test_every_document_and_every_later_place_is_as_likely(plain: tuple[RunDir, Recipe]) -> None:
    drawn, shares = Counter[str](), []
    lengths = {name: len(ids) for name, ids in encoded(plain[0], "validation").items()}
    fitting = {name for name, length in lengths.items() if length >= 48}
    for seed in range(150):
        passages = draw_passages(*plain, "validation", count=10, tokens=48, seed=seed)
        drawn.update({passage.document for passage in passages})
        rooms = [(one.offset, lengths[one.document] - 48) for one in passages if one.offset]
        shares += [offset / room for offset, room in rooms if room > 100]
    assert set(drawn) == fitting
    counts = np.array(list(drawn.values()))
    assert 0.5 < counts.var(ddof=1) / counts.mean() < 1.5  # a little below 1, as of draws without replacement
    assert np.mean(shares) == pytest.approx(0.5, abs=4 * 0.29 / len(shares) ** 0.5)


def test_short_documents_are_taken_whole_where_that_is_asked_and_no_place_twice(plain: tuple[RunDir, Recipe]) -> None:
    texts = encoded(plain[0], "validation")
    every = draw_passages(*plain, "validation", count=10_000, tokens=200, seed=0, least=60)
    assert {one.document for one in every} == {name for name, ids in texts.items() if len(ids) >= 60}
    whole = [one for one in every if len(one.tokens) < 200]
    assert whole and all((one.offset, list(one.tokens)) == (0, texts[one.document]) for one in whole)
    assert len({(one.document, one.offset) for one in every}) == len(every)
    begun = draw_passages(*plain, "validation", count=10_000, tokens=200, seed=0, least=60, beginnings=True)
    assert {one.offset for one in begun} == {0} and {one.document for one in begun} == {one.document for one in every}


@pytest.mark.parametrize("way", ["tokens.packing=best_fit", "tokens.mixture={texts: {epochs: 3}}"])
def test_neither_cut_nor_repeated_documents_nor_canaries_mislead_it(tiny: Callable[[str], Path], way: str) -> None:
    home = tiny("llama")
    canaries = "tokens.canaries={repetitions: [64], each: 8, controls: 100}"
    run, recipe = RunDir(home / "run"), load_recipe(home / "tiny.yaml", [way, canaries])
    run_chain(recipe, run, last="tokens")
    texts = encoded(run, "train")
    passages = draw_passages(run, recipe, "train", count=10_000, tokens=20, seed=0)
    assert {one.document for one in passages} <= set(texts) and len(passages) > 200
    assert all(list(one.tokens) == texts[one.document][one.offset : one.offset + 20] for one in passages)
    assert len({(one.document, one.offset) for one in passages}) == len(passages)


def test_a_model_is_measured_on_them_against_the_index(plain: tuple[RunDir, Recipe]) -> None:
    run, recipe = plain
    model = Causal(random_model("llama", context_length=64), AutoTokenizer.from_pretrained(run.tokenizer))
    model.model.resize_token_embeddings(600)
    train, held_out = (draw_passages(run, recipe, split, 40, 48, seed=0) for split in ("train", "validation"))
    index = open_index(run, recipe)
    found, lines = measure_extraction(model, train, held_out, lambda tokens: index.places(tokens, 0)[0], (16,))
    assert found.not_measured is None and len(lines) == 80
    assert all(line["occurrences"] >= 1 for line in lines if line["split"] == "train")
    assert sum(line["occurrences"] for line in lines if line["split"] == "held_out") < 10
