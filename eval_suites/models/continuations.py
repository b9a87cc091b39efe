"""A context and its continuation as token ids: encoded as one text, and cut where the continuation begins.

A tokenizer may join the last characters of the context and the first of the continuation in one token. Such a token
belongs to the continuation, so that no character is left out of the score. No space is added anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from desdecero.eval_suites.models.batching import TOKENIZED_TOGETHER


class Pair(NamedTuple):
    """Token ids of a context and of its continuation."""

    context: list[int]
    continuation: list[int]
    words: list[int]
    """Number of the word that each token of the continuation belongs to, by the tokenizer's own division."""
    left_out: int = 0
    """Number of tokens at the context's beginning for which the model has no room."""

    def cut(self, room: int) -> Pair:
        """Cut the context from the left to `room` tokens."""
        excess = len(self.context) - room
        return self if excess <= 0 else self._replace(context=self.context[excess:], left_out=excess)


class Likelihoods(NamedTuple):
    """Scores of continuations, one element of each array per continuation."""

    log_likelihood: NDArray[np.float64]
    """Σ ln P(token), in nats."""
    tokens: NDArray[np.int64]
    """Number of tokens in the continuation."""
    greedy: NDArray[np.bool_]
    """True where each token of the continuation was the model's first choice."""
    shortened: NDArray[np.bool_]
    """True where the context lost tokens on the left, because not all fit the model."""


def encode_pairs(
    tokenizer: PreTrainedTokenizerBase, contexts: Sequence[str], continuations: Sequence[str]
) -> list[Pair]:
    """Return the token ids of each context and its continuation, with nothing added.

    Special tokens written in a text are encoded as text. Raises `ValueError` for a continuation without tokens, and for
    a tokenizer that does not say which characters a token stands for.
    """
    if not tokenizer.is_fast:
        raise ValueError(f"{type(tokenizer).__name__} does not say which characters a token stands for: use a fast one")
    # The backend is called directly: transformers makes four lists of each text, of which none is used here.
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    backend.encode_special_tokens = True
    pairs = list[Pair]()
    for start in range(0, len(contexts), TOKENIZED_TOGETHER):
        before = contexts[start : start + TOKENIZED_TOGETHER]
        texts = [f"{one}{two}" for one, two in zip(before, continuations[start:], strict=False)]
        encodings = backend.encode_batch(texts, add_special_tokens=False)
        for context, text, encoding in zip(before, texts, encodings, strict=True):
            ids, cut = encoding.ids, 0
            if context:
                after = (i for i, (_, end) in enumerate(encoding.offsets) if end > len(context))
                cut = next(after, len(ids))
            if cut == len(ids):
                raise ValueError(f"the continuation {text[len(context) :]!r} has no tokens")
            pairs.append(Pair(ids[:cut], ids[cut:], encoding.word_ids[cut:]))
    return pairs
