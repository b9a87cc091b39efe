"""The model at work, without a page."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from desdecero.app import generation
from desdecero.app.generation import Filler, GenerationRequest, InvalidRequest, SpanFiller, Writer
from desdecero.pipelines.run.run_dir import RunDir

REQUEST = GenerationRequest("Return the number of", length=12, seed=3)


@pytest.fixture(scope="module")
def writer(causal_run: RunDir) -> Writer:
    return Writer(causal_run.model)


@pytest.fixture(scope="module")
def filler(masked_run: RunDir) -> Filler:
    return Filler(masked_run.model)


@pytest.fixture(scope="module")
def span_filler(span_run: RunDir) -> SpanFiller:
    return SpanFiller(span_run.model)


def text(writer: Writer, request: GenerationRequest) -> str:
    return list(writer.write(request))[-1].text


def test_the_text_grows_and_its_length_is_told_at_the_end(writer: Writer) -> None:
    *growing, last = writer.write(REQUEST)
    assert len(growing) > 2 and all(later.text.startswith(earlier.text) for earlier, later in pairwise(growing))
    assert [written.tokens for written in growing] == [None] * len(growing)
    assert last.tokens is not None and len(last.tokens) == 12 and last.left_out == 0


def test_the_same_seed_writes_the_same_text_and_another_one_another(writer: Writer) -> None:
    assert text(writer, REQUEST) == text(writer, REQUEST)
    assert text(writer, REQUEST) != text(writer, replace(REQUEST, seed=4))


def test_temperature_zero_takes_the_most_probable_token_each_time(writer: Writer, causal_run: RunDir) -> None:
    tokenizer = AutoTokenizer.from_pretrained(causal_run.model)
    model = AutoModelForCausalLM.from_pretrained(causal_run.model).eval()
    ids = [tokenizer.eos_token_id, *tokenizer.encode(REQUEST.prompt)]
    start = len(ids)
    for _ in range(REQUEST.length):
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    assert text(writer, replace(REQUEST, temperature=0)) == tokenizer.decode(ids[start:], skip_special_tokens=True)


def test_a_prompt_beyond_the_context_is_cut_from_the_left(writer: Writer) -> None:
    tokens = writer.model.tokenizer.encode(REQUEST.prompt * 1600)
    room = writer.context_length - 1 - REQUEST.length
    last = list(writer.write(replace(REQUEST, prompt=REQUEST.prompt * 1600)))[-1]
    assert last.left_out == len(tokens) - room
    assert last.text == text(writer, replace(REQUEST, prompt=writer.model.tokenizer.decode(tokens[-room:])))


def test_a_special_token_that_a_person_writes_is_text(writer: Writer) -> None:
    last = list(writer.write(replace(REQUEST, prompt="<|endoftext|>" * 600)))[-1]
    assert last.left_out > 600


def test_closing_the_iterator_stops_the_model(writer: Writer) -> None:
    threads = threading.active_count()
    writing = writer.write(replace(REQUEST, length=writer.context_length - 2))
    next(writing)
    assert threading.active_count() > threads
    writing.close()
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"length": 0}, "refused_range"),
        ({"length": 4095}, "refused_range"),
        ({"temperature": -0.1}, "refused_range"),
        ({"temperature": float("nan")}, "refused_range"),
        ({"top_p": 0.0}, "refused_range"),
        ({"seed": None}, "refused_range"),
        ({"prompt": "half a pair: \ud83d"}, "refused_text"),
    ],
)
def test_what_no_model_can_do_is_refused(writer: Writer, change: dict[str, object], key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        list(writer.write(replace(REQUEST, **change)))
    assert caught.value.key == key


def test_fillings_are_those_of_the_fill_mask_pipeline(filler: Filler, masked_run: RunDir) -> None:
    expected = pipeline("fill-mask", model=str(masked_run.model))("[SEP] The default [MASK] is None. [SEP]")
    (found,) = filler.fill("The default [MASK] is None.").masks
    assert [filling.probability for filling in found] == pytest.approx([each["score"] for each in expected], rel=1e-4)
    ids = [filler.model.tokenizer.convert_tokens_to_ids(filling.token) for filling in found]
    assert ids == [each["token"] for each in expected]


def test_every_mask_is_filled(filler: Filler) -> None:
    filled = filler.fill("The [MASK] value is [MASK].")
    assert [len(mask) for mask in filled.masks] == [5, 5]


@pytest.mark.parametrize(
    ("text", "key"),
    [("No gap at all.", "refused_no_mask"), ("[MASK] " + "the default value " * 40, "refused_mask_cut")],
)
def test_a_text_without_a_mask_that_can_be_read_is_refused(filler: Filler, text: str, key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        filler.fill(text)
    assert caught.value.key == key


GAPS = GenerationRequest("The [MASK] value is [MASK].", length=4, seed=3)


def test_an_encoder_decoder_writes_the_answers_that_the_evaluation_would(span_filler: SpanFiller) -> None:
    completed = span_filler.fill(replace(GAPS, temperature=0))
    (sample,) = span_filler.model.samples([GAPS.prompt], GAPS.length, seed=0)
    assert completed.pieces == ["The", " value is", "."]
    assert len(completed.answers) == 2
    whole = "".join(part for pair in zip(completed.pieces, [*completed.answers, ""], strict=True) for part in pair)
    assert whole == sample["text"]


def test_the_same_seed_fills_a_gap_alike(span_filler: SpanFiller) -> None:
    assert span_filler.fill(GAPS) == span_filler.fill(GAPS)
    assert span_filler.fill(GAPS).answers != span_filler.fill(replace(GAPS, seed=4)).answers


def test_a_text_without_a_gap_is_gone_on_with(span_filler: SpanFiller) -> None:
    completed = span_filler.fill(replace(GAPS, prompt="Return the number of"))
    assert completed.pieces == ["Return the number of", ""]
    tokens = span_filler.model.tokenizer.encode(completed.answers[0])
    assert len(tokens) <= 8  # 4, that may be cut otherwise when read again


def test_gaps_that_were_cut_off_are_shown_as_they_were_written(span_filler: SpanFiller) -> None:
    long = "The [MASK] one. " + "the default value " * 40 + "is [MASK]."
    completed = span_filler.fill(replace(GAPS, prompt=long))
    assert completed.left_out > 0
    assert [piece[:10] for piece in completed.pieces] == ["The [MASK]", "."]
    assert len(completed.answers) == 1


@pytest.mark.parametrize(
    ("prompt", "key"),
    [("[MASK] " + "the default value " * 40, "refused_mask_cut"), ("[MASK]" * 20, "refused_gaps")],
)
def test_gaps_that_cannot_be_filled_are_refused(span_filler: SpanFiller, prompt: str, key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        span_filler.fill(replace(GAPS, prompt=prompt))
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"prompt": None}, "refused_no_text"),
        ({"prompt": ["The"]}, "refused_no_text"),
        ({"prompt": "x" * (generation.PROMPT_CHARACTERS + 1)}, "refused_long"),
        ({"length": "4"}, "refused_range"),
        ({"length": True}, "refused_range"),
        ({"length": 4.5}, "refused_range"),
        ({"temperature": float("nan")}, "refused_range"),
        ({"temperature": float("inf")}, "refused_range"),
        ({"top_p": []}, "refused_range"),
        ({"seed": 0.5}, "refused_range"),
        ({"seed": 10**400}, "refused_range"),
    ],
)
def test_values_of_another_type_are_refused(writer: Writer, change: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        list(writer.write(replace(REQUEST, **change)))
    assert caught.value.key == key


def test_an_answer_takes_no_longer_than_it_may(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "ANSWER_SECONDS", 0.3)
    *_, last = writer.write(replace(REQUEST, length=4000))
    assert last.out_of_time and last.tokens is not None and len(last.tokens) < 4000
