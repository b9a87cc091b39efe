"""What a model writes is drawn from what it finds likely, and is the same for the same seed."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
import torch
from small_models import CONTEXT, byte_level, language_model, random_model, reading, wordpiece

from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.masked import CANDIDATES

DRAWN = Decoding(8, temperature=0.8, top_k=50)


def written(model: LanguageModel, prompts: list[str], seed: int) -> list[list[list[int]]]:
    return [answer.written for answer in model.generate(prompts, DRAWN, seed)]


# --- continued -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "t5"])
def test_a_continuation_repeats_with_its_seed_and_differs_with_its_place(architecture: str) -> None:
    model, prompts = language_model(architecture), ["Return the", "Return the", "for"]
    first = written(model, prompts, seed=3)
    torch.rand(5)  # whatever else was drawn in between
    assert written(model, prompts, seed=3) == first
    assert written(model, prompts, seed=4) != first
    assert first[0] != first[1]
    assert written(model, prompts[1:], seed=4) == first[1:]


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_likeliest_continuation_is_found_token_by_token(architecture: str) -> None:
    model, tokenizer = random_model(architecture), byte_level()
    (answer,) = language_model(architecture).generate(["Return the"], Decoding(6))
    ids = [tokenizer.eos_token_id, *tokenizer("Return the", add_special_tokens=False)["input_ids"]]
    for _ in range(6):
        with torch.no_grad():
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    assert answer.ids == ids[1:]


def test_a_prompt_longer_than_the_context_is_continued_from_its_end() -> None:
    model, prompt = language_model("gpt2"), "one two three four five " * 20
    (answer,) = model.generate([prompt], Decoding(CONTEXT - 4))
    whole = model.prompt_ids(prompt)
    assert answer.prompt.ids == whole[-3:] and answer.prompt.left_out == len(whole) - 3
    (same,) = model.generate([model.decode(whole[-3:])], Decoding(CONTEXT - 4))
    assert answer.written == same.written


def test_no_room_for_a_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="leave no room"):
        language_model("llama").generate(["a"], Decoding(CONTEXT))


@pytest.mark.parametrize(("architecture", "prompt"), [("llama", "a"), ("bert", "a [MASK]"), ("t5", "a [MASK]")])
def test_drawing_leaves_the_generator_as_it_was(architecture: str, prompt: str) -> None:
    model, state = language_model(architecture), torch.get_rng_state()
    model.answer([prompt], Decoding(3, temperature=1.0))
    assert torch.equal(torch.get_rng_state(), state)


# --- streamed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["llama", "t5"])
def test_what_is_streamed_grows_to_what_is_generated_at_once(architecture: str) -> None:
    model = language_model(architecture)
    *growing, last = model.stream("Return the", DRAWN, seed=3)
    (whole,) = model.generate(["Return the"], DRAWN, seed=3)
    assert all(later.text.startswith(earlier.text) for earlier, later in pairwise([*growing, last]))
    assert {part.tokens for part in growing} == {None}
    assert last.tokens == whole.written[0]
    assert last.text == model.decode(last.tokens, skip_special_tokens=True)


def test_closing_a_stream_stops_the_model() -> None:
    threads, model = threading.active_count(), language_model("llama", context_length=4096)
    streamed = model.stream("Return the", Decoding(4000, temperature=5.0, seconds=60))
    next(streamed)
    assert threading.active_count() > threads
    streamed.close()
    assert threading.active_count() == threads


def test_a_fault_of_the_model_reaches_the_reader_of_a_stream() -> None:
    model = language_model("llama")
    with pytest.raises(ValueError, match="temperature"):
        list(model.stream("Return the", Decoding(4, temperature=-1.0)))


def test_time_ends_an_answer() -> None:
    (answer,) = language_model("llama", context_length=4096).generate(["a"], Decoding(4000, seconds=0.2))
    assert 0 < len(answer.written[0]) < 4000


# --- filled ----------------------------------------------------------------------------------------------------


def test_gaps_are_filled_with_what_the_model_finds_likeliest() -> None:
    model, tokenizer = random_model("bert"), wordpiece()
    (sample,) = language_model("bert").samples(["return the [MASK] of [MASK]"], 1, seed=0)
    ids = [tokenizer.eos_token_id]
    for piece in ("return the", None, "of", None):
        ids += [tokenizer.mask_token_id] if piece is None else tokenizer(piece, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*ids, tokenizer.eos_token_id]])).logits[0]
    places = [i for i, token in enumerate(ids) if token == tokenizer.mask_token_id]
    assert len(places) == len(sample["fillings"]) == 2
    for place, fillings in zip(places, sample["fillings"], strict=True):
        assert len(fillings) == CANDIDATES
        assert fillings[0]["token"] == tokenizer.decode([int(logits[place].argmax())])
        assert fillings[0]["probability"] == pytest.approx(float(logits[place].softmax(-1).max()), rel=1e-4)
    assert sample["text"].startswith("return the")
    assert sample["prompt"] == "return the [MASK] of [MASK]"


def test_a_filling_may_be_drawn() -> None:
    model, prompt, hot = language_model("bert"), "return the [MASK] of [MASK]", Decoding(1, temperature=5.0)
    drawn = [model.fill([prompt], hot, seed)[0].written for seed in range(6)]
    assert drawn == [model.fill([prompt], hot, seed)[0].written for seed in range(6)]
    assert len({str(each) for each in drawn}) > 1


@pytest.mark.parametrize("prompt", ["no gap here", "[MASK] " + "word " * CONTEXT])
def test_a_prompt_that_cannot_be_filled_is_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match=r"needs \[MASK\] in it"):
        language_model("bert").fill([prompt], Decoding(1))


@torch.no_grad()
def test_an_encoder_decoder_answers_each_gap_with_its_likeliest_tokens() -> None:
    model, tokenizer = random_model("t5", seed=2), reading("t5")
    asked = language_model("t5", seed=2)
    first, second, *others = asked.sentinels  # type: ignore[attr-defined]  # of encoder–decoders
    (sample,) = asked.samples(["the [MASK] of [MASK]."], 3, seed=0)
    pieces = [tokenizer(piece, add_special_tokens=False)["input_ids"] for piece in ("the", " of", ".")]
    seen = torch.tensor([[tokenizer.eos_token_id, *pieces[0], first, *pieces[1], second, *pieces[2]]])
    written, answers = [model.config.decoder_start_token_id], []
    for sentinel in (first, second):
        written.append(sentinel)
        answer: list[int] = []
        while len(answer) < 3:
            logits = model(input_ids=seen, decoder_input_ids=torch.tensor([[*written, *answer]])).logits[0, -1]
            if not answer:
                logits[[tokenizer.eos_token_id, first, second, *others]] = -torch.inf  # an answer has words
            if (best := int(logits.argmax())) in (tokenizer.eos_token_id, first, second, *others):
                break
            answer.append(best)
        written += answer
        answers.append(answer)
    assert sample["text"] == tokenizer.decode([*pieces[0], *answers[0], *pieces[1], *answers[1], *pieces[2]])


@pytest.mark.parametrize("prompt", ["no gap here", "[MASK] a " * 9, "[MASK] " + "word " * 64])
def test_a_prompt_that_an_encoder_decoder_cannot_fill_is_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match=r"needs \[MASK\] in it, at most 8 times"):
        language_model("t5", context_length=64).fill([prompt], Decoding(2))


def test_what_a_kind_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="use generate"):
        language_model("llama").fill(["a [MASK]"], Decoding(1))
    for ask in (language_model("bert").stream, lambda *how: language_model("bert").generate([how[0]], how[1])):
        with pytest.raises(ValueError, match="use fill"):
            ask("a", Decoding(1))


# --- reports ---------------------------------------------------------------------------------------------------


def test_a_sample_opens_with_its_prompt_and_says_how_it_was_drawn() -> None:
    prompts = ["Return the", "one two three four five " * 20]
    samples = language_model("gpt2").samples(prompts, 5, seed=3)
    assert all(sample["text"].startswith(prompt) for sample, prompt in zip(samples, prompts, strict=True))
    assert {(s["seed"], s["tokens"], s["temperature"], s["top_k"]) for s in samples} == {(3, 5, 0.8, 50)}
