"""What a model writes: prompts continued by a causal model, gaps filled by a masked one or an encoder–decoder."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.scoring import encode, sentinel_ids

GAP = "[MASK]"
"""How a person writes a gap in a prompt, whatever the tokenizer's own mask token is."""

TEMPERATURE, TOP_K = 0.8, 50
"""Below 1 the model keeps closer to what it finds likely; the tail beyond the 50 likeliest tokens is noise in a
small model (Fan et al. 2018 sample so)."""

FILLINGS = 5


def continue_prompts(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompts: list[str], tokens: int, seed: int
) -> list[dict[str, Any]]:
    """{"prompt", "text"} of each prompt; the text opens with the prompt and goes on for up to `tokens` tokens.

    A prompt opens a document: it stands behind the end-of-text token, as in training. Of one too long to leave
    room for `tokens`, the model sees the end. Drawn with `TEMPERATURE` and `TOP_K`, from a generator that `seed`
    and the prompt's place start.
    """
    room = model.config.max_position_embeddings - tokens
    if room < 1:
        raise ValueError(
            f"{tokens} new tokens leave no room for a prompt in a context of {model.config.max_position_embeddings}"
        )
    model.eval()
    samples = []
    for place, (prompt, ids) in enumerate(zip(prompts, encode(tokenizer, prompts), strict=True)):
        inputs = torch.tensor([[tokenizer.eos_token_id, *ids][-room:]], device=model.device)
        with torch.random.fork_rng():
            torch.manual_seed(seed + place)
            output = model.generate(  # type: ignore[operator]
                inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=tokens, do_sample=True,
                temperature=TEMPERATURE, top_k=TOP_K, pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
        new = tokenizer.decode(output[0, inputs.shape[1] :], skip_special_tokens=True)
        samples.append({"prompt": prompt, "text": f"{prompt}{new}"})
    return samples


@torch.inference_mode()
def fill_gaps(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompts: list[str]) -> list[dict[str, Any]]:
    """{"prompt", "text", "fillings"} of each prompt: its gaps filled with the likeliest tokens, and for each gap
    the `FILLINGS` likeliest with their probabilities.

    Raises `ValueError` for a prompt without `[MASK]`, or one longer than the model's context.
    """
    model.eval()
    return [_fill(model, tokenizer, prompt) for prompt in prompts]


def _fill(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompt: str) -> dict[str, Any]:
    ids = [*with_gaps(tokenizer, prompt, repeat(tokenizer.mask_token_id)), tokenizer.eos_token_id]
    longest = model.config.max_position_embeddings
    if tokenizer.mask_token_id not in ids or len(ids) > longest:
        raise ValueError(f"a prompt to fill needs {GAP} in it and at most {longest - 2} tokens: {prompt[:80]!r}")
    logits = model(input_ids=torch.tensor([ids], device=model.device)).logits[0]
    fillings, filled = [], list(ids)
    for place in [i for i, token in enumerate(ids) if token == tokenizer.mask_token_id]:
        best = logits[place].float().softmax(dim=-1).topk(FILLINGS)
        filled[place] = int(best.indices[0])
        fillings.append(
            [
                {"token": tokenizer.decode([int(token)]), "probability": float(probability)}
                for token, probability in zip(best.indices, best.values, strict=True)
            ]
        )
    return {"prompt": prompt, "text": tokenizer.decode(filled[1:-1]), "fillings": fillings}


def fill_spans(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompts: list[str], tokens: int
) -> list[dict[str, Any]]:
    """{"prompt", "text"} of each prompt: an encoder–decoder's likeliest words, up to `tokens` tokens, for each gap.

    Raises `ValueError` for a prompt without `[MASK]`, with more than there are sentinels, or longer than the context.
    """
    model.eval()
    return [_fill_spans(model, tokenizer, prompt, tokens) for prompt in prompts]


def _fill_spans(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompt: str, tokens: int) -> dict[str, Any]:
    ids, sentinels = with_gaps(tokenizer, prompt, sentinel_ids(tokenizer)), sentinel_ids(tokenizer)
    gaps, longest = prompt.count(GAP), model.config.max_position_embeddings
    if not 0 < gaps <= len(sentinels) or len(ids) > longest:
        raise ValueError(
            f"a prompt to fill needs {GAP} in it, at most {len(sentinels)} times, and at most {longest - 1} tokens: "
            f"{prompt[:80]!r}"
        )
    answers = dict(zip(sentinels, answer_spans(model, tokenizer, ids, gaps, tokens), strict=False))
    filled = [token for place in ids[1:] for token in answers.get(place, [place])]
    return {"prompt": prompt, "text": tokenizer.decode(filled)}


@torch.inference_mode()
def answer_spans(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, ids: list[int], gaps: int, tokens: int, **how: Any
) -> list[list[int]]:
    """What an encoder–decoder puts in the place of each sentinel of `ids`: 1 to `tokens` tokens.

    The sentinels of the answer are given, not drawn, so that each gap is answered, in order, whatever the model would
    rather do: an answer ends where the model writes any sentinel or the end of the text. `how`: of `generate`, by
    default the likeliest token each time.
    """
    sentinels = sentinel_ids(tokenizer)
    inputs = torch.tensor([ids], device=model.device)
    written, answers = [model.config.decoder_start_token_id], list[list[int]]()
    for sentinel in sentinels[:gaps]:
        written.append(sentinel)
        output = model.generate(  # type: ignore[operator]
            inputs, attention_mask=torch.ones_like(inputs), decoder_input_ids=inputs.new_tensor([written]),
            min_new_tokens=1, max_new_tokens=tokens, eos_token_id=[tokenizer.eos_token_id, *sentinels],
            pad_token_id=tokenizer.pad_token_id, **{"do_sample": False, **how},
        )  # fmt: skip
        new = output[0, len(written) :].tolist()
        answers.append(new[:-1] if new[-1] in (tokenizer.eos_token_id, *sentinels) else new)
        written += answers[-1]
    return answers


def with_gaps(tokenizer: PreTrainedTokenizerFast, prompt: str, gaps: Iterable[int]) -> list[int]:
    """The prompt's ids behind the separator, with the next token of `gaps` for each gap.

    A byte-level token holds the space before its word, so the space before a gap belongs to what fills it.
    """
    *before, last = prompt.split(GAP)
    ids = [tokenizer.eos_token_id]
    for piece, gap in zip(encode(tokenizer, [piece.removesuffix(" ") for piece in before]), gaps, strict=False):
        ids += [*piece, gap]
    return [*ids, *encode(tokenizer, [last])[0]]
