"""Span corruption, the objective of T5: spans of a text are cut out, and are the targets, in their order.

    text      Thank you for inviting me to your party last week
    inputs    Thank you <0> me to your party <1> week
    targets   <0> for inviting <1> last <end>

Raffel et al. 2020, §3.1.4: 15% of the tokens are noise, in spans of 3 on average, each replaced by a sentinel of its
own. As in their code (`t5.data.preprocessors.random_spans_helper`), the text of a sequence is as much longer than the
context as is needed for the inputs to fill it exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.recipe.sequence_lengths import noise_counts, text_length
from desdecero.pipelines.training.data.batches import begins


class SpanCorruption:
    """Turns sequences of `span` tokens into inputs of `length`, and targets of `target_length` at most.

    The end-of-text token and padding are never noise: the inputs between two of them, with the targets of their
    sentinels, are one document (`documents_of`). A span that would hide one is cut there, and needs another sentinel
    or two; as many tokens at the end of the sequence are left out.
    """

    def __init__(
        self, length: int, sentinels: Sequence[int], end: int, padding: int, density: float = 0.15, mean: float = 3.0
    ):
        self.length, self.sentinels = length, np.asarray(sentinels, dtype=np.int64)
        self.end, self.padding = end, padding
        self.span = text_length(length, density, mean)
        self.noise, self.spans = noise_counts(self.span, density, mean)
        self.earlier, self.stride, self.target_length = 0, self.span, self.noise + self.spans + 1

    def __call__(
        self, tokens: NDArray[np.int64], generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Turn (rows, span) token ids into (rows, length) inputs and (rows, target_length) targets.

        Each row of targets is closed by the end token and then filled with `IGNORED`; a row without noise has nothing
        but `IGNORED`.
        """
        noise = self._noise(len(tokens), generator) & (tokens != self.end) & (tokens != self.padding)
        begins = noise & ~np.pad(noise, ((0, 0), (1, 0)))[:, :-1]
        number = begins.cumsum(axis=1) - 1  # of the last span that began; -1 before the first
        surplus = noise & (number >= len(self.sentinels))  # cut at end-of-text tokens once too often: stays text
        noise, begins = noise & ~surplus, begins & ~surplus
        sentinel = self.sentinels[number.clip(0, len(self.sentinels) - 1)]

        kept = ~noise | begins
        place = kept.cumsum(axis=1) - 1
        fits = kept & (place < self.length)
        inputs = np.empty((len(tokens), self.length), dtype=np.int64)
        inputs[fits.nonzero()[0], place[fits]] = np.where(begins, sentinel, tokens)[fits]

        asked = noise & (number <= np.where(begins & fits, number, -1).max(axis=1, keepdims=True))
        # A span's sentinel goes before its first token: so that token's place is one further for each span.
        place = asked.cumsum(axis=1) + number
        rows = np.flatnonzero(asked.any(axis=1))
        targets = np.full((len(tokens), self.target_length), IGNORED, dtype=np.int64)
        targets[asked.nonzero()[0], place[asked]] = tokens[asked]
        first = asked & begins
        targets[first.nonzero()[0], place[first] - 1] = sentinel[first]
        targets[rows, (asked.sum(axis=1) + first.sum(axis=1))[rows]] = self.end
        return inputs, targets

    def _noise(self, rows: int, generator: np.random.Generator) -> NDArray[np.bool_]:
        """Draw (rows, span) bool, true in `self.spans` spans of `self.noise` tokens in all, with text between them.

        Lengths of the spans, and of the text around them, are uniform among all that have these sums. (In T5's code
        a sequence always begins with text and ends with noise: a bias that its later `random_roll` removes.)
        """
        lengths = np.empty((rows, 2 * self.spans + 1), dtype=np.int64)
        lengths[:, 1::2] = _composition(rows, self.noise, self.spans, generator)
        lengths[:, ::2] = _composition(rows, self.span - self.noise + 2, self.spans + 1, generator)
        lengths[:, [0, -1]] -= 1  # there may be no text before the first span or after the last
        kinds = np.tile(np.arange(2 * self.spans + 1) % 2 == 1, rows)
        return np.repeat(kinds, lengths.ravel()).reshape(rows, self.span)


def documents_of(
    inputs: torch.Tensor, targets: torch.Tensor, sentinels: torch.Tensor, end: int, padding: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the number, within its row, of the document that each input and each target belongs to.

    `begins` tells where the documents of the inputs begin. A target belongs to the document that holds its sentinel
    (targets before the first sentinel, to the first sentinel's). A decoder reads targets one place later.
    """
    documents = begins(inputs, end, padding).cumsum(dim=1)
    asked, answered = torch.isin(inputs, sentinels), torch.isin(targets, sentinels)
    # The place in the inputs of each sentinel, in order: a stable sort brings them to the front of the row.
    places = (~asked).to(torch.uint8).argsort(dim=1, stable=True)
    number = (answered.cumsum(dim=1) - 1).clamp(min=0)
    return documents, documents.gather(1, places.gather(1, number))


def _composition(rows: int, total: int, parts: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw (rows, parts) positive numbers that sum to `total`: the gaps between `parts - 1` cuts at random places."""
    if parts == 1:
        return np.full((rows, 1), total, dtype=np.int64)
    cuts = generator.random((rows, total - 1)).argpartition(parts - 2, axis=1)[:, : parts - 1]
    cuts.sort(axis=1)
    return np.diff(cuts + 1, axis=1, prepend=0, append=total)
