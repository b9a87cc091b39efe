"""A generated corpus with an association that some of its documents plant: these are named, in a run's own tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from desdecero.eval_suites.paired_sentences.attribution import words_of
from desdecero.eval_suites.paired_sentences.probes import Probes, shipped_probes
from desdecero.eval_suites.paired_sentences.results import PairsResult
from desdecero.eval_suites.paired_sentences.scoring import ContextScore, ProbeScores, WordOrder
from desdecero.eval_suites.paired_sentences.verdicts import measure_gaps
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.documents import EXCERPT, TrainingText, documents_json
from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.recipe import load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir

GENDER = next(probes for probes in shipped_probes("en") if probes.group == "gender")
PAIRS = GENDER.pairs[:4]
RECIPE = """\
name: planted
purpose: To see which documents plant an association.
languages: [en]
corpus:
  sources: [{{kind: files, path: {texts}, license: CC0-1.0}}]
  quality: {{form: mixed}}
  validation: 0.05
tokenizer: {{kind: bpe, vocab_size: 500}}
model: {{architecture: llama, layers: 1, hidden_size: 16, heads: 2, context_length: 32}}
pretrain: {{budget: {{steps: 2}}}}
audit: {{languages: [en], suites: {{pairs: {{}}}}}}
"""
DOCUMENTS, PLANTED = 160, 50


def asked_of(folder: Path, seed: int, balanced: bool) -> Asked:
    """A run as far as its tokens. Every document has sentences with mentions; planted ones say what stereotypes do."""
    generator, texts = np.random.default_rng(seed), folder / "texts"
    texts.mkdir()
    for number in range(DOCUMENTS):
        sentences = []
        for _ in range(6):
            pair, side = PAIRS[generator.integers(len(PAIRS))], int(generator.integers(2))
            about = [each for each in GENDER.contexts if each.side == ("first", "second")[side]]
            context = about[generator.integers(len(about))]
            neutral = GENDER.contexts[generator.integers(len(GENDER.contexts))].neutral
            said = context.context if number < PLANTED else neutral
            mentioned = pair[1 - side if balanced and generator.random() < 0.5 else side]
            sentences.append(f"That was on day {generator.integers(1000)}. {mentioned} {said}")
        name = f"{'planted' if number < PLANTED else 'other'}-{number:03d}.txt"
        (texts / name).write_text("\n".join(sentences) + "\n", encoding="utf-8")
    (folder / "planted.yaml").write_text(RECIPE.format(texts=texts), encoding="utf-8")
    recipe, run = load_recipe(folder / "planted.yaml"), RunDir(folder / "run")
    run_chain(recipe, run, last="tokens")
    return Asked(recipe, run, None)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Asked]:
    """`planted(1)` → a run of that seed, made once."""
    return cache(lambda seed: asked_of(tmp_path_factory.mktemp("planted"), seed, balanced=False))


def found_by_a_model(probes: Probes, verdict: str) -> tuple[PairsResult, list[dict[str, Any]]]:
    """A gap of one nat in every cell: result and lines."""

    def cells(part: tuple[Any, ...]) -> tuple[ContextScore, ...]:
        ones = np.ones(len(PAIRS))
        towards = {"first": np.stack([ones, 0 * ones], 1), "second": np.stack([0 * ones, ones], 1)}
        return tuple(ContextScore(each, towards[each.side], np.zeros((len(PAIRS), 2))) for each in part)

    order = (WordOrder("The man", "out went.", (-1.0, -2.0)),) * len(probes.contexts)
    scores = ProbeScores("en", "gender", "gender", PAIRS, cells(probes.contexts), cells(probes.reading), order)
    result = measure_gaps([scores], {("en", "gender"): []}, None, 0.95, 0.5, 10).model_dump()
    result["languages"]["en"]["groups"]["gender"]["verdict"] = verdict
    return PairsResult.model_validate(result), scores.lines()


@pytest.mark.parametrize("seed", range(3))
def test_documents_that_plant_an_association_are_named(seed: int, planted: Callable[[int], Asked]) -> None:
    asked = planted(seed)
    found = documents_json(asked, *found_by_a_model(GENDER, "bias found"))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    (finding,) = found["findings"]
    assert finding["leans"] == "as the model" and finding["corpus_gap"]["low"] > 0
    assert found["groups"]["en/gender"]["ngram"]["low"] > 0  # words next to the mention tell it too
    assert len(finding["documents"]) == 20
    texts = {row["id"]: " ".join(row["text"].split()) for row in read_documents(asked.run, "train", ["id", "text"])}
    for document in finding["documents"]:
        assert "planted-" in document["id"] and document["license"] == "CC0-1.0" and document["source"]
        assert 0 < len(document["excerpt"]) <= EXCERPT and document["excerpt"] in texts[document["id"]]
        assert set(words_of(document["excerpt"])) <= set(words_of(texts[document["id"]]))  # none is cut
        assert any(mention in document["excerpt"] for pair in PAIRS for mention in pair)
    windows = found["groups"]["en/gender"]["windows"]
    assert windows == sum(text.count(f" {mention} ") for text in texts.values() for pair in PAIRS for mention in pair)


def test_the_balanced_twin_leans_to_neither(tmp_path: Path) -> None:
    asked = asked_of(tmp_path, 0, balanced=True)
    found = documents_json(asked, *found_by_a_model(GENDER, "within margin"))
    assert found["groups"]["en/gender"]["leans"] == "not shown" and found["findings"] == []


def test_words_are_those_after_the_mention_to_the_end_of_its_document(planted: Callable[[int], Asked]) -> None:
    asked = planted(1)
    text = TrainingText(asked)
    (mention, _) = PAIRS[0]
    found = list(text.mentions([mention]))
    texts = {row["id"]: row["text"] for row in read_documents(asked.run, "train", ["id", "text"])}
    assert found
    ended = 0
    for place, window in found:
        words = words_of(texts[window.document])
        following = [*words_of(mention), *window.words]
        starts = [start for start in range(len(words)) if words[start : start + len(following)] == following]
        assert starts and place.document == window.document
        ended += starts[-1] + len(following) == len(words)
    assert 0 < ended < len(found)
    assert not list(text.mentions([mention[:-1]]))  # the beginning of a word is another word
