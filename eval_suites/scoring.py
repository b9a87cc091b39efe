"""How well a model predicts documents: the sums, a document, from which every measure is made.

    scores = score_causal(model, tokenizer, texts, context_length=256)
    sum(s.nll for s in scores) / math.log(2) / sum(s.bytes for s in scores)     # bits per byte

A score belongs to a document, because intervals are drawn over documents; it counts bytes, because models with
different tokenizers can be compared by the byte and not by the token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast

Objective = Literal["causal", "masked", "span_corruption"]
"""What a model was trained to do, and so what it is asked: the next token, hidden tokens, spans that were cut out."""

IGNORED = -100  # a target that counts for nothing: torch's cross-entropy knows it by this number

BATCH_LOGITS = 1 << 24  # logits in memory at a time: 64 MB as float32, and the windows of a batch follow from it

TOKENIZED_TOGETHER = 512  # documents; ids become arrays after each batch, for lists of ints take seven times more

Progress = Callable[[Sequence[Any]], Iterable[Any]]
"""Wraps the batches to show how far the work is; `iter` shows nothing."""


@dataclass(frozen=True)
class DocumentScore:
    """What a model made of one document."""

    nll: float
    """Σ −ln p(token), in nats, over the tokens that were asked for."""
    tokens: int
    """How many were asked for: all of them, or the hidden ones."""
    bytes: int
    """Of the document's text as UTF-8."""
    correct: int
    """How many of them were the model's first choice."""


class Window(NamedTuple):
    """A piece of a document that fits the model: its tokens [start, end), of which those from `fresh` on count."""

    document: int
    start: int
    end: int
    fresh: int


Row = tuple[NDArray[np.int64], ...]
"""What a window is turned into: the ids that the model reads (of an encoder–decoder, what each of its halves reads),
and last the targets."""


def score_causal(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    context_length: int,
    overlap: float = 0.5,
    progress: Progress = iter,
) -> list[DocumentScore]:
    """Score each token of each document exactly once, given what precedes it.

    The first token is predicted from the end-of-text token, as in the training stream. A document longer than
    the context is cut into windows that share `overlap` of a context: so each token but those of the first
    window sees at least that much before it. With one half, the windows cost twice a single reading.
    """
    advance = context_length - round(overlap * context_length)
    sequences = [np.r_[tokenizer.eos_token_id, ids] for ids in encode(tokenizer, texts)]
    windows = [
        window
        for document, sequence in enumerate(sequences)
        for window in _overlapping_windows(document, len(sequence) - 1, context_length, advance)
    ]

    def row(window: Window) -> Row:
        sequence = sequences[window.document]
        targets = sequence[window.start + 1 : window.end + 1].copy()
        targets[: window.fresh - window.start] = IGNORED
        return sequence[window.start : window.end], targets

    # Padding stands to the right, where no scored token can look: a mask would only slow attention down.
    def logits(first: int, inputs: torch.Tensor) -> torch.Tensor:
        return model(input_ids=inputs, use_cache=False, logits_to_keep=inputs.shape[1] - first).logits

    nll, correct = _sum_up(model, windows, row, logits, len(texts), context_length, tokenizer.pad_token_id, progress)
    return [
        DocumentScore(float(nll[i]), len(sequences[i]) - 1, len(text.encode()), int(correct[i]))
        for i, text in enumerate(texts)
    ]


def score_masked(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    context_length: int,
    mask_probability: float,
    seed: int,
    progress: Progress = iter,
) -> list[DocumentScore]:
    """Hide a fixed set of tokens in each document, and score what the model puts in their place.

    A document stands between two separators, as in the training stream, and is cut into windows without overlap.
    All hidden tokens of a window are hidden together (`masked_positions`). This is not a likelihood of the text:
    masked scores compare masked models that share a tokenizer and masks, and nothing else.
    """
    separator = tokenizer.eos_token_id
    sequences = [np.r_[separator, ids, separator] for ids in encode(tokenizer, texts)]
    hidden = [
        masked_positions(len(sequence) - 2, mask_probability, seed, document) + 1
        for document, sequence in enumerate(sequences)
    ]
    windows = [
        Window(document, start, min(start + context_length, len(sequence)), start)
        for document, sequence in enumerate(sequences)
        for start in range(0, len(sequence), context_length)
    ]

    def row(window: Window) -> Row:
        inputs, places = sequences[window.document][window.start : window.end].copy(), hidden[window.document]
        places = places[(places >= window.start) & (places < window.end)] - window.start
        targets = np.full_like(inputs, IGNORED)
        targets[places], inputs[places] = inputs[places], tokenizer.mask_token_id
        return inputs, targets

    def logits(first: int, inputs: torch.Tensor) -> torch.Tensor:
        mask = (inputs != tokenizer.pad_token_id).long()
        return model(input_ids=inputs, attention_mask=mask).logits[:, first:]

    nll, correct = _sum_up(model, windows, row, logits, len(texts), context_length, tokenizer.pad_token_id, progress)
    return [
        DocumentScore(float(nll[i]), len(hidden[i]), len(text.encode()), int(correct[i]))
        for i, text in enumerate(texts)
    ]


def score_spans(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    context_length: int,
    density: float,
    mean_length: float,
    seed: int,
    progress: Progress = iter,
) -> list[DocumentScore]:
    """Cut a fixed set of spans out of each document, and score the tokens that an encoder–decoder puts in their place.

    A document is cut into windows of like length, each behind the end-of-text token, as a document stands in training;
    each of its spans (`hidden_spans`) leaves a sentinel. Only the tokens of the text are scored, each given its
    span's sentinel, what was asked for before it, and that the span goes on: sentinels and the end are the form of an
    answer, so their probability is shared out among the words. Otherwise a sentinel would be the first choice nearly
    everywhere, spans being short. As with `score_masked`, this is no likelihood of the text.
    """
    sentinels, start = np.asarray(sentinel_ids(tokenizer)), model.config.decoder_start_token_id
    form = [*sentinels.tolist(), tokenizer.eos_token_id, tokenizer.pad_token_id]
    sequences = encode(tokenizer, texts)
    hidden = [
        hidden_spans(len(sequence), context_length, density, mean_length, len(sentinels), seed, document)
        for document, sequence in enumerate(sequences)
    ]
    windows = [
        Window(document, begin, end, begin)
        for document, sequence in enumerate(sequences)
        for begin, end in _even_windows(len(sequence), context_length - 1)
    ]

    def row(window: Window) -> Row:
        tokens = sequences[window.document][window.start : window.end]
        noise = hidden[window.document][window.start : window.end]
        begins = noise & ~np.r_[False, noise[:-1]]
        sentinel = sentinels[begins.cumsum() - 1]  # of the span that a hidden token is in
        inputs = np.where(begins, sentinel, tokens)[~noise | begins]
        # Before the tokens of each span stands its sentinel; the decoder reads all of it one place later.
        answer = np.insert(tokens[noise], np.flatnonzero(begins[noise]), sentinel[begins])
        asked = np.insert(tokens[noise], np.flatnonzero(begins[noise]), IGNORED)
        return np.r_[tokenizer.eos_token_id, inputs], np.r_[start, answer[:-1]], asked

    def logits(first: int, inputs: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
        mask = (inputs != tokenizer.pad_token_id).long()
        scores = model(input_ids=inputs, attention_mask=mask, decoder_input_ids=answers, use_cache=False).logits
        scores[..., form] = -torch.inf
        return scores

    nll, correct = _sum_up(model, windows, row, logits, len(texts), context_length, tokenizer.pad_token_id, progress)
    return [
        DocumentScore(float(nll[i]), int(hidden[i].sum()), len(text.encode()), int(correct[i]))
        for i, text in enumerate(texts)
    ]


def sentinel_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The tokens that stand for spans, in the order in which they are used, by the names that T5 gives them."""
    vocabulary = tokenizer.get_vocab()
    names = takewhile(vocabulary.__contains__, (f"<extra_id_{number}>" for number in count()))
    return [vocabulary[name] for name in names]


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Token ids of each text, with nothing added; special tokens that a person wrote in a text stay text."""
    encoded = []
    for start in range(0, len(texts), TOKENIZED_TOGETHER):
        batch = list(texts[start : start + TOKENIZED_TOGETHER])
        ids = tokenizer(batch, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        encoded += [np.asarray(one, dtype=np.int64) for one in ids]
    return encoded


def masked_positions(length: int, probability: float, seed: int, document: int) -> NDArray[np.int64]:
    """Which of a document's `length` tokens are hidden: the given share, at least one, the same for each model."""
    count = min(length, max(1, round(probability * length)))
    return np.sort(np.random.default_rng((seed, document)).choice(length, count, replace=False)).astype(np.int64)


def hidden_spans(
    length: int, context_length: int, density: float, mean_length: float, most: int, seed: int, document: int
) -> NDArray[np.bool_]:
    """Which of a document's `length` tokens are hidden, in spans; the same for each model of that context.

    `most`: spans in a window that fits the context. A span ends where its window does.
    """
    windows = [
        _window_spans(end - start, density, mean_length, most, np.random.default_rng((seed, document, start)))
        for start, end in _even_windows(length, context_length - 1)
    ]
    return np.concatenate(windows) if windows else np.zeros(0, dtype=np.bool_)


# --- windows and batches ---------------------------------------------------------------------------------------


def _overlapping_windows(document: int, predictions: int, context_length: int, advance: int) -> Iterator[Window]:
    """Windows of at most `context_length` inputs that together ask for each prediction once."""
    scored = 0
    while scored < predictions:
        end = min(predictions, scored + (advance if scored else context_length))
        yield Window(document, max(0, end - context_length), end, scored)
        scored = end


def _even_windows(length: int, longest: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the fewest windows of at most `longest` tokens, none more than one token longer than another."""
    number = -(-length // longest)
    ends = [length * (window + 1) // number for window in range(number)]
    return zip([0, *ends], ends, strict=False)


def _window_spans(
    length: int, density: float, mean_length: float, most: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """(length,), true in spans that hide the given share of the tokens, at least one, with text between each two.

    Lengths of the spans, and of the text around them, are uniform among all that have these sums, as in training.
    """
    noise = min(length, max(1, round(density * length)))
    spans = min(max(1, round(noise / mean_length)), noise, length - noise + 1, most)
    lengths = np.empty(2 * spans + 1, dtype=np.int64)
    lengths[1::2] = _composition(noise, spans, generator)
    lengths[::2] = _composition(length - noise + 2, spans + 1, generator)
    lengths[[0, -1]] -= 1  # there may be no text before the first span or after the last
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


def _composition(total: int, parts: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """(parts,) positive numbers that sum to `total`: the gaps between cuts at random places."""
    cuts = np.sort(generator.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff(cuts, prepend=0, append=total)


@torch.inference_mode()
def _sum_up(
    model: PreTrainedModel,
    windows: list[Window],
    row: Callable[[Window], Row],
    logits: Callable[..., torch.Tensor],
    documents: int,
    context_length: int,
    pad: int,
    progress: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(Σ nll, Σ hits) a document, over its windows; windows of like length share a batch, so little is padding.

    `logits` is given the first place of the targets that any row asks for, and what the model reads, padded.
    """
    nll, correct = np.zeros(documents), np.zeros(documents, dtype=np.int64)
    windows = sorted(windows, key=lambda window: (window.end - window.start, window.end - window.fresh))
    size = max(1, BATCH_LOGITS // (context_length * model.config.vocab_size))
    model.eval()
    for start in progress(range(0, len(windows), size)):
        batch = windows[start : start + size]
        rows = [row(window) for window in batch]
        first = min(window.fresh - window.start for window in batch)
        *read, asked = zip(*rows, strict=True)
        targets = _pad(asked, IGNORED)[:, first:].to(model.device)
        scores = logits(first, *(_pad(ids, pad).to(model.device) for ids in read)).float()
        losses = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none")
        owners = [window.document for window in batch]
        np.add.at(nll, owners, losses.view_as(targets).double().sum(dim=1).cpu().numpy())
        np.add.at(correct, owners, (scores.argmax(dim=-1) == targets).sum(dim=1).cpu().numpy())
    return nll, correct


def _pad(rows: Sequence[NDArray[np.int64]], value: int) -> torch.Tensor:
    """(rows, longest) int64, filled with `value` on the right."""
    padded = np.full((len(rows), max(map(len, rows))), value)
    for i, ids in enumerate(rows):
        padded[i, : len(ids)] = ids
    return torch.from_numpy(padded)
