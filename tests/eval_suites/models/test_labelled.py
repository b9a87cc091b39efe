"""Models with labels against plain transformers, and rows, windows and tags against what they stand for."""

from __future__ import annotations

import copy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import ARCHITECTURES, CONTEXT, byte_level, reading, small, texts, tokenizer, wanted
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedTokenizerFast,
)

from desdecero.eval_suites.models.batching import IGNORED, pad
from desdecero.eval_suites.models.label_rows import Rows, Window, tag_targets, tags
from desdecero.eval_suites.models.labelled import Classifier, TaggedSpan, Tagger, decoded, load_labelled
from desdecero.pipelines.training.model.build import build_config

LABELS = ("dose", "drug")
SHORT = ["heap", "Merge two files.", " a b", texts()[0], "The line is wrapped to the width: it may be longer."]


@cache
def labelled(architecture: str, tokens: bool = False, several: bool = False) -> Any:
    """A random model with a head, whose answers depend on the text."""
    reader = reading(architecture)
    spread = {"initializer_factor": 3.0} if architecture == "t5" else {"initializer_range": 0.3}
    shape = {"layers": 2, "hidden_size": 32, "heads": 2, "intermediate_size": 64, "overrides": spread}
    config = build_config(wanted(architecture, CONTEXT, **shape), reader)
    names = tags(LABELS) if tokens else ("card", "loan", "other")
    config.id2label = dict(enumerate(names))
    config.label2id = {name: place for place, name in enumerate(names)}
    config.problem_type = "multi_label_classification" if several else None
    torch.manual_seed(0)
    auto: Any = AutoModelForTokenClassification if tokens else AutoModelForSequenceClassification
    return auto.from_config(config).eval()


def rows_of(architecture: str, context_length: int = CONTEXT) -> Rows:
    return Rows(reading(architecture), labelled(architecture).config, context_length)


# --- predictions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_classifier_says_what_transformers_says_of_each_text_alone(
    architecture: str, several: bool, tmp_path: Path
) -> None:
    labelled(architecture, several=several).save_pretrained(tmp_path)
    reading(architecture).save_pretrained(tmp_path)
    model = load_labelled(tmp_path)
    assert isinstance(model, Classifier) and model.labels == ("card", "loan", "other") and model.several == several
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    found = model.probabilities(SHORT)
    for row, probabilities in zip(model.rows.of_texts(SHORT), found, strict=True):
        with torch.no_grad():
            logits = plain(input_ids=torch.tensor([row])).logits[0].double()
        expected = logits.sigmoid() if several else logits.softmax(-1)
        assert probabilities == pytest.approx(expected.numpy(), abs=1e-5)
    assert np.ptp(found, axis=0).min() > 1e-3  # the texts differ
    pairs = model.probabilities(SHORT, SHORT[::-1])
    assert pairs[1] == pytest.approx(model.probabilities(SHORT[1:2], SHORT[3:4])[0], abs=1e-5)
    assert np.abs(pairs - found).max() > 1e-3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_tagger_says_what_transformers_says_of_each_window_alone(architecture: str, tmp_path: Path) -> None:
    labelled(architecture, tokens=True).save_pretrained(tmp_path)
    reading(architecture).save_pretrained(tmp_path)
    model = load_labelled(tmp_path)
    assert isinstance(model, Tagger) and model.labels == LABELS
    plain = AutoModelForTokenClassification.from_pretrained(tmp_path)
    for number, spans in enumerate(model.spans(SHORT)):
        tokens = []
        for window in model.rows.windows([SHORT[number]]):
            with torch.no_grad():
                probabilities = plain(input_ids=torch.tensor([window.ids])).logits[0].softmax(-1)
            for place in window.own:
                characters = window.offsets[place]
                assert characters is not None
                best = probabilities[place].max(-1)
                tokens.append((model.names[int(best.indices)], float(best.values), characters))
        expected = list(decoded(SHORT[number], tokens))
        assert [(s.start, s.end, s.label) for s in spans] == [(s.start, s.end, s.label) for s in expected]
        assert [s.probability for s in spans] == pytest.approx([s.probability for s in expected], abs=1e-5)
    assert sum(map(len, model.spans(SHORT))) > 10


def test_labels_are_chosen_by_what_the_model_was_made_for() -> None:
    found = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.7], [0.4, 0.4, 0.2]])
    one = Classifier(labelled("gpt2"), reading("gpt2"))
    several = Classifier(labelled("gpt2", several=True), reading("gpt2"))
    assert one.chosen(found) == [("loan",), ("other",), ("card",)]
    assert several.chosen(found) == [("loan",), ("card", "other"), ()]


def test_a_model_without_a_head_for_labels_is_refused(tmp_path: Path) -> None:
    small("gpt2").save_pretrained(tmp_path / "language")
    model = AutoModelForSequenceClassification.from_config(small("gpt2").config)
    model.config.num_labels = 1  # regression
    model.save_pretrained(tmp_path / "number")
    for name in ("language", "number"):
        with pytest.raises(ValueError, match=f"{name}: GPT2.* gives no labels"):
            load_labelled(tmp_path / name)


# --- rows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_are_framed_as_the_kind_of_model_reads_them(architecture: str) -> None:
    rows, reader = rows_of(architecture), reading(architecture)
    end, padding = reader.eos_token_id, reader.pad_token_id
    ids = reader("two files", add_special_tokens=False)["input_ids"]
    (row,), (long,) = rows.of_texts(["two files"]), rows.of_texts([texts()[-1]])
    expected = {"t5": [*ids, end], "bert": [end, *ids, end], "modernbert": [end, *ids, end]}
    assert row == expected.get(architecture, [end, *ids]) and len(long) == CONTEXT
    assert rows.padding == padding and padding not in (*row, *long)
    if architecture == "t5":
        assert row.count(end) == long.count(end) == 1 and long[-1] == end


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_longer_text_of_a_pair_is_cut_first(architecture: str) -> None:
    rows = rows_of(architecture)
    frame, (separator,) = len(rows.begin) + len(rows.end), rows.separator
    long, short = texts()[-1], "two"
    size = len(rows.of_texts([short])[0]) - frame
    room = CONTEXT - frame - 1
    first, second, both, whole = rows.of_texts([long, short, long, short], [short, long, long, short])
    for row, place in ((first, room - size), (second, size), (both, (room + 1) // 2), (whole, size)):
        inner = row[len(rows.begin) : len(row) - len(rows.end)]
        assert inner[place] == separator and inner.count(separator) == 1
    assert len(first) == len(second) == len(both) == CONTEXT and len(whole) == frame + 1 + 2 * size


def test_special_tokens_that_a_text_spells_out_do_not_end_or_pad_its_row() -> None:
    """A vocabulary whose ordinary words include the names of its special tokens, as SentencePiece's has them."""
    words = tokenizer()
    causal = Rows(words, small("gpt2").config, 16)
    assert causal.of_texts(["t7 <|pad|> t8"]) == [[words.eos_token_id, 7, 8]]
    t5 = Rows(words, small("t5").config, 16)
    assert t5.of_texts(["t7 <|endoftext|> t8"]) == [[7, 8, words.eos_token_id]]
    (window,) = t5.windows(["t7 <|endoftext|> t8"])
    assert window.ids == [7, 8, words.eos_token_id] and window.offsets == [(0, 2), (17, 19), None]


def test_a_base_without_padding_is_filled_with_its_end_of_text_and_begins_with_none() -> None:
    """As GPT-2 of the Hub: the mask is still that of the tokens that are not padding."""
    words = PreTrainedTokenizerFast(tokenizer_object=byte_level().backend_tokenizer, eos_token="<|endoftext|>")
    plain = copy.deepcopy(labelled("gpt2"))
    plain.config.pad_token_id = None
    model = Classifier(plain.eval(), words)
    rows = model.rows.of_texts(SHORT)
    assert model.rows.padding == words.eos_token_id and model.model.config.pad_token_id == words.eos_token_id
    ids, mask = pad(rows, model.rows.padding)
    assert torch.equal(mask, (ids != model.rows.padding).long())
    assert model.rows.separator == words("\n")["input_ids"]
    found = model.probabilities(SHORT)
    for row, probabilities in zip(rows, found, strict=True):
        with torch.no_grad():
            expected = plain(input_ids=torch.tensor([row])).logits[0].softmax(-1)
        assert probabilities == pytest.approx(expected.numpy(), abs=1e-5)
    with pytest.raises(ValueError, match="text 1 has no tokens"):
        model.probabilities(["a", ""])


def test_a_context_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="2 tokens has no room for a text"):
        rows_of("bert", 2)
    with pytest.raises(ValueError, match="3 tokens has no room for a pair"):
        rows_of("gpt2", 3).of_texts(["a"], ["b"])


# --- windows and tags ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context_length", [4, CONTEXT, 64])
@pytest.mark.parametrize("architecture", ["gpt2", "bert", "t5"])
def test_windows_own_each_token_once_where_it_is_farthest_from_an_edge(architecture: str, context_length: int) -> None:
    rows = rows_of(architecture, context_length)
    sample = [texts()[3], "", texts()[5], "two"]
    windows = rows.windows(sample)
    frame = len(rows.begin), len(rows.end)
    for number, text in enumerate(sample):
        whole = rows.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        own = [window for window in windows if window.text == number]
        covered = [window.offsets[place] for window in own for place in window.own]
        ids = [window.ids[place] for window in own for place in window.own]
        assert ids == whole["input_ids"] and len(covered) == len(ids)
        for characters in covered:
            assert characters is not None
            piece = text[characters[0] : characters[1]]
            assert piece == piece.strip()
        for window in own:
            assert len(window.ids) == len(window.offsets) <= context_length
            assert window.ids == [*rows.begin, *window.ids[frame[0] : len(window.ids) - frame[1]], *rows.end]
        for before, after in pairwise(own):
            left_of_after = after.own.start - frame[0]
            right_of_before = len(before.ids) - frame[1] - before.own.stop
            if architecture == "gpt2":
                assert right_of_before == 0 and left_of_after > 0
            else:
                assert abs(left_of_after - right_of_before) <= 1 and left_of_after + right_of_before > 0
    assert len([window for window in windows if window.text == 0]) > 1 and 1 not in {w.text for w in windows}


def span(start: int, end: int, label: str) -> TaggedSpan:
    return TaggedSpan(start, end, label, 1.0)


def test_tags_of_gold_spans_decode_to_the_same_spans() -> None:
    """Through every window, with spans that touch, cross windows, and hold characters of several bytes."""
    text = "Take 5 mg 💊💉 of  acetyl salicylic\n\nacid, 5mg/día — " * 5
    drug, found = text.index("acetyl"), list[TaggedSpan]()
    for start in range(0, len(text), len(text) // 5):
        found += [span(start + 5, start + 6, "dose"), span(start + 7, start + 9, "dose")]
        found += [span(start + 10, start + 11, "drug"), span(start + 11, start + 12, "dose")]
        found += [span(start + drug, start + text.index(","), "drug")]
    names = tags(["drug", "dose"])
    assert names == ("O", "B-dose", "I-dose", "B-drug", "I-drug")
    for architecture in ("gpt2", "t5"):
        rows = rows_of(architecture, 24)
        tokens = []
        windows = rows.windows([text])
        assert len(windows) > 5
        for window in windows:
            targets = tag_targets(window, found, names)
            assert all((target != IGNORED) == (place in window.own) for place, target in enumerate(targets))
            tokens += [(names[targets[place]], 1.0, window.offsets[place]) for place in window.own]
        assert list(decoded(text, tokens)) == found  # type: ignore[arg-type]


def test_a_token_belongs_to_the_first_span_that_it_has_a_character_of() -> None:
    window = Window(0, [9, 1, 2, 3, 9], [None, (0, 4), (4, 8), (8, 8), None], range(1, 4))
    names = tags("ab")
    spans = [span(1, 2, "a"), span(2, 6, "b"), span(7, 8, "a")]
    assert tag_targets(window, spans, names) == [IGNORED, 1, 3, 0, IGNORED]
    assert tag_targets(window, [], names) == [IGNORED, 0, 0, 0, IGNORED]
    assert tag_targets(window, [span(2, 12, "a")], names) == [IGNORED, 1, 2, 2, IGNORED]


def test_tags_are_read_leniently_and_spans_do_not_overlap() -> None:
    text = "one two 💊 six"
    tokens = [
        ("I-a", 0.9, (0, 3)),
        ("I-a", 0.6, (4, 7)),
        ("I-b", 0.8, (8, 9)),
        ("B-a", 0.7, (8, 9)),
        ("x", 0.5, (10, 13)),
    ]
    assert list(decoded(text, tokens)) == [
        TaggedSpan(0, 7, "a", 0.6), TaggedSpan(8, 9, "b", 0.8), TaggedSpan(10, 13, "x", 0.5),
    ]  # fmt: skip
    assert list(decoded("a  ", [("B-a", 1.0, (1, 1)), ("O", 1.0, (3, 3))])) == []
