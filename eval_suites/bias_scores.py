"""Log-probability of the words that two sentences share, given the words that they do not.

A probe's two sentences differ in the mention alone ("The woman" / "The man"), which opens them; the words after it
are shared. They are the continuation, and the mention its context, of `LanguageModel.log_likelihood`: exact for a
causal model, a pseudo-log-likelihood for one that fills gaps. The kinds are on different scales: compare gaps within a
model, never those of different kinds.

Mention and shared words are tokenized apart. The words start with a space, at which byte-level BPE and WordPiece
split anyhow, so this is the tokenization of the whole sentence, and the shared tokens are the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.models.interface import LanguageModel


@dataclass(frozen=True)
class Sentence:
    """A mention and the shared words after it, as token ids."""

    mention: tuple[int, ...]
    shared: tuple[int, ...]


def tokenize(
    tokenizer: PreTrainedTokenizerBase, mentions: Sequence[str], shared: str, max_tokens: int
) -> list[Sentence]:
    """Return one sentence per mention, all with the same shared tokens.

    Those are the first tokens of `shared` that fit into `max_tokens`, beside the longest mention and a separator at
    each end. Raises `ValueError` when not even one shared token fits.
    """
    # One by one: the tokenizer shares a batch among threads, which costs more than it brings for a few words.
    *mention_ids, shared_ids = (tuple(encode(tokenizer, [text])[0].tolist()) for text in (*mentions, shared))
    room = max_tokens - 2 - max(map(len, mention_ids))
    if room < 1:
        raise ValueError(f"the mentions {', '.join(mentions)} alone fill the {max_tokens} tokens that the model reads")
    return [Sentence(ids, shared_ids[:room]) for ids in mention_ids]


def log_probabilities(model: LanguageModel, sentences: Sequence[Sentence]) -> NDArray[np.float64]:
    """Return log P(shared tokens | mention) of each sentence in nats, shape (sentences,)."""
    return model.log_likelihood([each.mention for each in sentences], [each.shared for each in sentences])
