"""What a model writes is drawn from what it finds likely, and is the same for the same seed."""

from __future__ import annotations

import pytest
import torch
from small_models import CONTEXT, byte_level, random_model, reading, wordpiece

from desdecero.eval_suites.sampling import FILLINGS, continue_prompts, fill_gaps, fill_spans
from desdecero.eval_suites.scoring import sentinel_ids


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_continuation_opens_with_its_prompt_and_repeats_with_its_seed(architecture: str) -> None:
    model, prompts = random_model(architecture), ["Return the", "Return the", "for"]
    first = continue_prompts(model, byte_level(), prompts, 8, seed=3)
    torch.rand(5)  # whatever else was drawn in between
    assert continue_prompts(model, byte_level(), prompts, 8, seed=3) == first
    assert continue_prompts(model, byte_level(), prompts, 8, seed=4) != first
    assert all(sample["text"].startswith(sample["prompt"]) for sample in first)
    assert first[0]["text"] != first[1]["text"]


def test_a_prompt_longer_than_the_context_is_gone_on_from_its_end() -> None:
    prompt = "one two three four five " * 20
    (sample,) = continue_prompts(random_model("gpt2"), byte_level(), [prompt], CONTEXT - 2, seed=0)
    assert sample["text"].startswith(prompt)


def test_no_room_for_a_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="leave no room"):
        continue_prompts(random_model("llama"), byte_level(), ["a"], CONTEXT, seed=0)


def test_sampling_leaves_the_generator_as_it_was() -> None:
    model = random_model("llama")
    state = torch.get_rng_state()
    continue_prompts(model, byte_level(), ["a"], 3, seed=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_gaps_are_filled_with_what_the_model_finds_likeliest() -> None:
    model, tokenizer = random_model("bert"), wordpiece()
    (sample,) = fill_gaps(model, tokenizer, ["return the [MASK] of [MASK]"])
    ids = [tokenizer.eos_token_id]
    for piece in ("return the", None, "of", None):
        ids += [tokenizer.mask_token_id] if piece is None else tokenizer(piece, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*ids, tokenizer.eos_token_id]])).logits[0]
    places = [i for i, token in enumerate(ids) if token == tokenizer.mask_token_id]
    assert len(places) == len(sample["fillings"]) == 2
    for place, fillings in zip(places, sample["fillings"], strict=True):
        assert len(fillings) == FILLINGS
        assert fillings[0]["token"] == tokenizer.decode([int(logits[place].argmax())])
        assert fillings[0]["probability"] == pytest.approx(float(logits[place].softmax(-1).max()), rel=1e-4)
    assert sample["text"].startswith("return the")
    assert sample["prompt"] == "return the [MASK] of [MASK]"


@pytest.mark.parametrize("prompt", ["no gap here", "[MASK] " + "word " * CONTEXT])
def test_a_prompt_that_cannot_be_filled_is_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match=r"needs \[MASK\] in it"):
        fill_gaps(random_model("bert"), wordpiece(), [prompt])


@torch.no_grad()
def test_an_encoder_decoder_answers_each_gap_with_its_likeliest_tokens() -> None:
    model, tokenizer = random_model("t5", seed=2), reading("t5")
    first, second, *others = sentinel_ids(tokenizer)
    (sample,) = fill_spans(model, tokenizer, ["the [MASK] of [MASK]."], tokens=3)
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


@pytest.mark.parametrize("prompt", ["no gap here", "[MASK] a " * 9, "[MASK] " + "word " * CONTEXT])
def test_a_prompt_that_an_encoder_decoder_cannot_fill_is_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match=r"needs \[MASK\] in it, at most 8 times"):
        fill_spans(random_model("t5"), reading("t5"), [prompt], tokens=2)
