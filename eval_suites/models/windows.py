"""Windows of documents that fit a model, the tokens that are asked for, and the sums of scores over documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.eval_suites.models.batching import IGNORED, Progress, batches, pad
from desdecero.eval_suites.models.logits import largest_and_total

BINS = 15
"""Ranges of probability by which calibration is measured, as in Guo et al. 2017, §4."""


@dataclass(frozen=True)
class DocumentScore:
    """Sums over one document, from which every measure of prediction is made.

    A score belongs to a document because intervals are drawn over documents; it counts bytes because models with
    different tokenizers can be compared by the byte and not by the token.
    """

    nll: float
    """Σ −ln p(token), in nats, over the tokens that were asked for."""
    tokens: int
    """Number of tokens that were asked for: all of them, or the hidden ones."""
    bytes: int
    """Length of the document's text in UTF-8."""
    words: int
    """Number of its words, as spaces and line ends part them."""
    correct: int
    """Number of tokens asked for that were the model's first choice."""
    bins: tuple[tuple[float, ...], ...] = field(default=(), compare=False)
    """Of each of `BINS` equal ranges of the first choice's probability: tokens, Σ of that probability, correct. Empty
    for baselines."""

    @classmethod
    def of(
        cls, text: str, nll: float, tokens: int, correct: int, bins: tuple[tuple[float, ...], ...] = ()
    ) -> DocumentScore:
        """Return the score of a text, whose bytes and words are counted."""
        return cls(float(nll), int(tokens), len(text.encode()), len(text.split()), int(correct), bins)


def summed(scores: Sequence[DocumentScore], owners: Sequence[int]) -> list[DocumentScore]:
    """Add up the scores of the pieces of each document; `owners` has the document's number of each piece, from 0."""
    totals = np.zeros((max(owners, default=-1) + 1, 5))
    rows = [(score.nll, score.tokens, score.bytes, score.words, score.correct) for score in scores]
    np.add.at(totals, list(owners), rows)
    bins = np.zeros((len(totals), BINS, 3))
    for owner, score in zip(owners, scores, strict=True):
        if score.bins:
            bins[owner] += score.bins
    return [
        DocumentScore(float(nll), int(tokens), int(size), int(words), int(correct), _as_tuples(bins[owner]))
        for owner, (nll, tokens, size, words, correct) in enumerate(totals)
    ]


def _as_tuples(bins: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in bins.tolist()) if bins.any() else ()


class Window(NamedTuple):
    """A piece of a document that fits the model: its tokens [start, end), of which those from `fresh` on count."""

    document: int
    start: int
    end: int
    fresh: int


Row = tuple[NDArray[np.int64], ...]
"""Arrays made from a window: the ids that the model reads (of an encoder–decoder, those of each half), and last the
targets, `IGNORED` where nothing is asked."""

Padded = tuple[torch.Tensor, torch.Tensor]
"""Ids and attention mask, each of shape (rows, longest)."""


@dataclass(frozen=True)
class Questions:
    """The windows of some documents, and the function that makes each into a row for the model."""

    windows: list[Window]
    row: Callable[[Window], Row]


def score_windows(
    questions: Questions,
    logits: Callable[[int, list[Padded]], torch.Tensor],
    texts: Sequence[str],
    batch_size: int,
    padding: int,
    device: torch.device,
    progress: Progress,
) -> list[DocumentScore]:
    """Return one score per text. Windows of similar length share a batch, to limit padding.

    `logits` takes the first place that any row asks for and the model's inputs, and returns the logits from that place
    on, shape (rows, places, vocabulary).
    """
    nll = np.zeros(len(texts))
    correct, asked = np.zeros((2, len(texts)), dtype=np.int64)
    bins = np.zeros((len(texts), BINS, 3))
    windows = questions.windows
    keys = [(window.end - window.start, window.end - window.fresh) for window in windows]
    for batch in progress(batches(keys, lambda _: batch_size)):
        *read, target_rows = zip(*(questions.row(windows[i]) for i in batch), strict=True)
        first = min(windows[i].fresh - windows[i].start for i in batch)
        targets = pad(target_rows, IGNORED)[0][:, first:].to(device)
        padded = [(ids.to(device), mask.to(device)) for ids, mask in (pad(rows, padding) for rows in read)]
        scores, counted = logits(first, padded), targets != IGNORED
        chosen = scores.gather(-1, targets.where(counted, 0)[..., None])[..., 0].float()
        best, total = (each.view_as(chosen) for each in largest_and_total(scores.flatten(0, 1)))
        owners = [windows[i].document for i in batch]
        np.add.at(nll, owners, (total - chosen).where(counted, 0).double().sum(dim=1).cpu().numpy())
        hits = (chosen >= best) & counted
        np.add.at(correct, owners, hits.sum(dim=1).cpu().numpy())
        confidence = (best - total).exp()
        rows, columns = counted.nonzero(as_tuple=True)
        sure, hit = confidence[rows, columns].double().cpu().numpy(), hits[rows, columns].cpu().numpy()
        which = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
        np.add.at(bins, (np.asarray(owners)[rows.cpu().numpy()], which), np.c_[np.ones(len(sure)), sure, hit])
        np.add.at(asked, owners, counted.sum(dim=1).cpu().numpy())
    return [DocumentScore.of(text, nll[i], asked[i], correct[i], _as_tuples(bins[i])) for i, text in enumerate(texts)]


# --- windows ---------------------------------------------------------------------------------------------------


def overlapping_windows(document: int, predictions: int, context_length: int, advance: int) -> Iterator[Window]:
    """Yield windows of at most `context_length` inputs that together ask for each prediction once."""
    scored = 0
    while scored < predictions:
        end = min(predictions, scored + (advance if scored else context_length))
        yield Window(document, max(0, end - context_length), end, scored)
        scored = end


def even_windows(length: int, longest: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the fewest windows of at most `longest` tokens; lengths differ by one token at most."""
    number = -(-length // longest)
    ends = [length * (window + 1) // number for window in range(number)]
    return zip([0, *ends], ends, strict=False)


# --- hidden tokens ---------------------------------------------------------------------------------------------


def masked_positions(length: int, probability: float, seed: int, document: int) -> NDArray[np.int64]:
    """Draw the places of the hidden tokens among `length`: the given share, at least one, the same for each model."""
    count = min(length, max(1, round(probability * length)))
    return np.sort(np.random.default_rng((seed, document)).choice(length, count, replace=False)).astype(np.int64)


def hidden_spans(
    length: int, longest: int, density: float, mean_length: float, most: int, seed: int, document: int
) -> NDArray[np.bool_]:
    """Draw a mask of a document's tokens, true in hidden spans; the same for each model with such windows.

    `longest` is the maximum number of tokens in a window; a span ends where its window does. `most` is the maximum
    number of spans in a window. The mask has shape (length,).
    """
    windows = [
        _window_spans(end - start, density, mean_length, most, np.random.default_rng((seed, document, start)))
        for start, end in even_windows(length, longest)
    ]
    return np.concatenate(windows) if windows else np.zeros(0, dtype=np.bool_)


def _window_spans(
    length: int, density: float, mean_length: float, most: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw a mask of shape (length,), true in spans with at least one token of text between each two.

    The spans hide the given share of the tokens, at least one.

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
    """Draw `parts` positive numbers that sum to `total`: the distances between cuts at random places."""
    cuts = np.sort(generator.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff(cuts, prepend=0, append=total)
