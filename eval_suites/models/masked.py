"""Masked models, which predict hidden tokens from the tokens on both sides (BERT, ModernBERT, RoBERTa)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForMaskedLM

from desdecero.eval_suites.models.batching import IGNORED, Progress
from desdecero.eval_suites.models.continuations import Pair
from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.hiding import hide_in_turn
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.logits import Asked, Sums
from desdecero.eval_suites.models.prompts import GAP_ID, Answer, Candidate, PartialText, Prompt
from desdecero.eval_suites.models.windows import Padded, Questions, Row, Window, masked_positions

CANDIDATES = 5
"""Number of likeliest tokens that are reported for each gap."""

NO_CONTINUATION = "a masked model fills gaps and continues no text: use fill"


class Masked(LanguageModel):
    """A masked model and its tokenizer."""

    objective = "masked"
    auto = AutoModelForMaskedLM
    fills_gaps = True
    text_probability = False
    pseudo_likelihood = True
    closes_text = True
    hidden_share = 0.15
    """BERT's share of hidden tokens (Devlin et al. 2019, §3.1), used for scoring even if training hides another. All
    hidden tokens become the mask token, so that the question is the same for every token."""

    def _context_room(self, continuation: int) -> int:
        return self.context_length - len(self.begin) - len(self.end) - continuation

    def _score(self, pairs: Sequence[Pair], sums: Sums, progress: Progress) -> None:
        """Add the pseudo-log-probability of each token of the continuations: each is hidden in turn.

        All other tokens are seen (Salazar et al. 2020), but with `within_words` the later ones of the same word, which
        would betray it (Kauf & Ivanova 2023, §3). Tokens of the context are never asked for (Nangia et al. 2020, §3).
        """
        hidden = hide_in_turn(pairs, self.begin, self.tokenizer.mask_token_id, self.end, self.within_words)
        for batch in progress(self._batches([each.row for each in hidden], [1] * len(hidden))):
            ids, mask = self._pad([hidden[i].row for i in batch])
            asked = Asked()
            for row, each in enumerate(hidden[i] for i in batch):
                asked.add(each.pair, row, [each.place], [each.token])
            sums.add(self.model, asked, input_ids=ids, attention_mask=mask)

    def asked(self, length: int, document: int, seed: int) -> NDArray[np.int64]:
        """Return the places of the hidden tokens, in order."""
        return masked_positions(length, self.hidden_share, seed, document)

    def _questions(
        self, documents: Sequence[NDArray[np.int64]], numbers: Sequence[int], seed: int, overlap: float
    ) -> Questions:
        """Return questions that ask for a fixed set of tokens of each document.

        A document stands in its frame, and is cut into windows without overlap. All hidden tokens of a window are
        hidden together. This is not a likelihood of the text: masked scores compare masked models that share a
        tokenizer and masks, and nothing else.
        """
        sequences = [self._framed(ids) for ids in documents]
        hidden = [
            self.asked(len(ids), number, seed) + len(self.begin) for number, ids in zip(numbers, documents, strict=True)
        ]
        windows = [
            Window(document, start, min(start + self.context_length, len(sequence)), start)
            for document, sequence in enumerate(sequences)
            for start in range(0, len(sequence), self.context_length)
        ]

        def row(window: Window) -> Row:
            inputs, places = sequences[window.document][window.start : window.end].copy(), hidden[window.document]
            places = places[(places >= window.start) & (places < window.end)] - window.start
            targets = np.full_like(inputs, IGNORED)
            targets[places], inputs[places] = inputs[places], self.tokenizer.mask_token_id
            return inputs, targets

        return Questions(windows, row)

    def _logits(self, first: int, read: list[Padded]) -> torch.Tensor:
        ((inputs, mask),) = read
        logits: torch.Tensor = self.model(input_ids=inputs, attention_mask=mask).logits[:, first:]
        return logits

    @property
    def max_gaps(self) -> float:
        """Infinity: a prompt may have any number of gaps."""
        return np.inf

    def stream(self, prompt: str, decoding: Decoding, seed: int = 0) -> Iterator[PartialText]:
        """Raise `ValueError`: a masked model continues no text."""
        raise ValueError(NO_CONTINUATION)

    def _open_end(self, prompt: str, tokens: int) -> Prompt:
        raise ValueError(NO_CONTINUATION)

    def _answer(self, prompt: Prompt, decoding: Decoding) -> Answer:
        """Fill each gap with one token, while the other gaps stay hidden."""
        mask = self.tokenizer.mask_token_id
        ids = [*self.begin, *(mask if token == GAP_ID else token for token in prompt.ids), *self.end]
        logits = self.model(input_ids=self._tensor(ids)).logits[0]
        written, candidates = [], []
        for place in [place for place, token in enumerate(prompt.ids, start=len(self.begin)) if token == GAP_ID]:
            scores = logits[place].float()
            best = scores.softmax(dim=-1).topk(CANDIDATES)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            candidates.append([Candidate(token, probability) for token, probability in pairs])
            token = best.indices[0]
            if decoding.temperature:
                token = torch.multinomial((scores / decoding.temperature).softmax(-1), 1)
            written.append([int(token)])
        return Answer(prompt, written, candidates)

    def samples(self, prompts: Sequence[str], tokens: int, seed: int) -> list[dict[str, Any]]:
        """Return each prompt with the likeliest tokens in its gaps; "fillings" has the candidates of each gap."""
        return [
            {
                "prompt": prompt,
                "text": self.decode(answer.ids),
                "fillings": [
                    [{"token": self.decode([each.token]), "probability": each.probability} for each in gap]
                    for gap in answer.candidates
                ],
            }
            for prompt, answer in zip(prompts, self.fill(prompts, Decoding(1), seed), strict=True)
        ]
