"""CrowS-Pairs: the words that differ are never asked for, and the direction of a preference is kept."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_models import language_model

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.public_sets.crows_pairs import (
    CrowsPair,
    measure_crows_pairs,
    read_crows_pairs,
    shared_spans,
)

SENTENCES = [
    ("The old man returned the file.", "The young man returned the file."),
    ("She was lazy, and her list was empty.", "He was lazy, and his list was empty."),
    ("Women cannot copy the directory.", "Men cannot copy the directory."),
    ("The poor return nothing", "The rich return nothing"),
]
PAIRS = [
    CrowsPair(
        pair if number % 3 else pair[::-1],
        "antistereo" if number % 4 == 3 else "stereo",
        ("age", "gender")[number % 2],
        f"a{number}",
        "",
    )
    for number, pair in enumerate(SENTENCES * 5)
]


def pieces(first: str, second: str) -> list[tuple[str, str]]:
    return [(first[a:b], second[c:d]) for (a, b), (c, d) in shared_spans(first, second)]


def test_shared_words_are_found_in_their_order_with_signs_on_their_own() -> None:
    assert pieces(*SENTENCES[0]) == [("The", "The"), (" man returned the file.", " man returned the file.")]
    assert pieces(*SENTENCES[1]) == [(" was lazy, and", " was lazy, and"), (" list was empty.", " list was empty.")]
    assert pieces("All Jews, said he.", "All Christians, said he.") == [("All", "All"), (", said he.", ", said he.")]
    assert pieces("Black", "White") == []


def token_scores(model: LanguageModel, text: str) -> list[tuple[int, int, float]]:
    """Each token's place in the text, and its log-probability, one row of the model a token."""
    encoding = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, found = encoding["input_ids"], []
    words = encoding.word_ids()
    for place, (start, end) in enumerate(encoding["offset_mapping"]):
        if model.pseudo_likelihood:
            hidden = [
                model.tokenizer.mask_token_id if place <= i and words[i] == words[place] else token
                for i, token in enumerate(ids)
            ]
            row, where = [*model.begin, *hidden, *model.end], len(model.begin) + place
        else:
            row, where = [*model.begin, *ids[:place]], len(model.begin) + place - 1
        with torch.inference_mode():
            logits = model.model(input_ids=torch.tensor([row])).logits[0, where]
        found.append((start, end, float(logits.log_softmax(-1)[ids[place]])))
    return found


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_a_score_is_the_sum_over_the_shared_tokens_given_all_that_the_model_sees(architecture: str) -> None:
    model = language_model(architecture, context_length=64)
    lines = measure_crows_pairs(model, PAIRS[:4], 0.95, seed=0).lines
    for line in lines:
        spans = shared_spans(*line["sentences"])
        if not model.pseudo_likelihood:  # the words that begin both sentences have the same score in both
            spans = [both for both in spans if any(start for start, _ in both)]
        for side in (0, 1):
            expected = sum(
                score
                for start, end, score in token_scores(model, line["sentences"][side])
                if any(start < high and end > low for low, high in (both[side] for both in spans))
            )
            assert line["log_likelihood"][side] == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_the_untrained_twin_is_asked_where_a_sentence_takes_one_pass() -> None:
    for architecture, measured in (("llama", True), ("bert", False)):
        found = measure_crows_pairs(language_model(architecture, context_length=64), PAIRS[:4], 0.95, seed=0).result
        assert (found.directions["stereo"].preferred.untrained is not None) == measured


def test_exchanging_the_sentences_turns_the_preference_around() -> None:
    model = language_model("llama", context_length=64)
    there = measure_crows_pairs(model, PAIRS, 0.95, seed=0).result
    turned = [replace(pair, sentences=(pair.sentences[1], pair.sentences[0])) for pair in PAIRS]
    back = measure_crows_pairs(model, turned, 0.95, seed=0).result
    assert there.directions["stereo"].preferred.value not in (0, 0.5, 1)
    for name, one in there.directions.items():
        assert back.directions[name].difference.value == pytest.approx(-one.difference.value, abs=1e-4)
        assert back.directions[name].preferred.value == pytest.approx(1 - one.preferred.value)


def test_directions_and_kinds_are_apart_and_the_result_says_it_is_a_diagnostic() -> None:
    found = measure_crows_pairs(language_model("t5", context_length=64), PAIRS, 0.95, seed=0).result
    assert found.diagnostic is True
    assert {name: each.preferred.items for name, each in found.directions.items()} == {"stereo": 15, "antistereo": 5}
    assert {name: list(each) for name, each in found.kinds.items()} == {
        "age": ["stereo"], "gender": ["stereo", "antistereo"],
    }  # fmt: skip
    assert found.directions["stereo"].preferred.clusters == 15 and found.writers == 20
    assert found.directions["antistereo"].preferred.interval is None  # five writers tell too little
    assert all(each.difference.untrained is not None for each in found.directions.values())


def test_pairs_without_words_to_compare_or_too_long_are_left_out() -> None:
    model = language_model("llama", context_length=64)
    more = [
        replace(PAIRS[0], sentences=("The poor", "The rich")),
        replace(PAIRS[0], sentences=("She returned " + "the file " * 80, "He returned " + "the file " * 80)),
    ]
    found = measure_crows_pairs(model, [*PAIRS, *more], 0.95, seed=0).result
    assert (found.items, found.left_out) == (20, 2)
    with pytest.raises(ValueError, match="no pair has shared words"):
        measure_crows_pairs(model, more, 0.95, seed=0)


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["", "sent_more", "sent_less", "stereo_antistereo", "bias_type", "annotations", "anon_writer"], *rows]
        )
    return path


def test_a_file_is_read_and_what_is_wrong_in_it_is_named(tmp_path: Path) -> None:
    good = ["0", *SENTENCES[0], "antistereo", "age", "[]", "a7"]
    path = write(tmp_path / "crows_pairs_anonymized.csv", [good])
    (pair,) = read_crows_pairs(tmp_path)
    assert pair == read_crows_pairs(path)[0]
    assert (pair.sentences, pair.direction, pair.kind, pair.writer) == (SENTENCES[0], "antistereo", "age", "a7")
    write(path, [good, ["1", *SENTENCES[1], "pro", "age", "[]", "a7"]])
    with pytest.raises(ValueError, match="line 3: stereo_antistereo is 'pro' and not stereo or antistereo"):
        read_crows_pairs(path)
    path.write_text("sent_more,sent_less\na,b\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: no field 'stereo_antistereo'"):
        read_crows_pairs(path)
    path.unlink()
    with pytest.raises(ValueError, match=r"no file crows_pairs_anonymized\.csv"):
        read_crows_pairs(tmp_path)


@pytest.mark.skipif("DESDECERO_DATA" not in os.environ, reason="DESDECERO_DATA names no folder of public sets")
def test_the_published_file_has_its_pairs() -> None:
    pairs = read_crows_pairs(Path(os.environ["DESDECERO_DATA"]) / "bias" / "crows_pairs")
    assert len(pairs) == 1508 and len({pair.writer for pair in pairs}) == 77
    assert sum(pair.direction == "antistereo" for pair in pairs) == 218
