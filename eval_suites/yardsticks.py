"""What a model must beat to have learned something, measured on the same text.

untrained   the same network with random weights: what the architecture gives before any training
unigram     the training tokens' frequencies: what knowing which tokens are common gives, without context
xz          a general compressor: what repeated strings give, without any training
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from desdecero.eval_suites.scoring import DocumentScore, encode

Hide = Callable[[int, int], NDArray[Any]]
"""(tokens of a document, its number) → which of them are hidden: their places, or true where they are."""


def untrained_twin(model: PreTrainedModel, seed: int) -> PreTrainedModel:
    """The same architecture on the same device, with random weights drawn from `seed`; torch's own state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin: Any = type(model)(model.config)
        table, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        if head is not table and twin.get_output_embeddings().weight is twin.get_input_embeddings().weight:
            # T5's class ties them, whatever it has loaded: drawn apart, as before training (`training/model/build.py`).
            apart = torch.nn.init.normal_(torch.empty(head.shape), std=head.shape[1] ** -0.5)
            twin.get_output_embeddings().weight = torch.nn.Parameter(apart)
    torch.nn.Module.to(twin, model.device)  # transformers' own `to` is annotated for another argument
    return twin


def unigram_scores(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], train_counts: NDArray[np.int64]
) -> list[DocumentScore]:
    """Score each token by its share of the training tokens, one added to every count (Laplace's rule).

    `train_counts` holds one count a token of the vocabulary.
    """
    nll, commonest = _unigram_nll(train_counts), int(train_counts.argmax())
    return [
        DocumentScore(float(nll[ids].sum()), len(ids), len(text.encode()), int(np.sum(ids == commonest)))
        for text, ids in zip(texts, encode(tokenizer, texts), strict=True)
    ]


def unigram_hidden_scores(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], train_counts: NDArray[np.int64], hide: Hide
) -> list[DocumentScore]:
    """As `unigram_scores`, over the tokens that are hidden from the model: always the commonest token is guessed."""
    nll, commonest = _unigram_nll(train_counts), int(train_counts.argmax())
    scores = []
    for document, (text, ids) in enumerate(zip(texts, encode(tokenizer, texts), strict=True)):
        hidden = ids[hide(len(ids), document)]
        scores.append(
            DocumentScore(float(nll[hidden].sum()), len(hidden), len(text.encode()), int(np.sum(hidden == commonest)))
        )
    return scores


def xz_bits_per_byte(texts: Sequence[str]) -> float:
    """What `xz -9e` makes of the texts, joined in their order with nothing between them.

    It sees no training text: it starts from nothing, and finds what repeats within and between these documents.
    """
    raw = "".join(texts).encode()
    return 8 * len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)) / len(raw)


def _unigram_nll(train_counts: NDArray[np.int64]) -> NDArray[np.float64]:
    smoothed = train_counts.astype(np.float64) + 1
    return math.log(smoothed.sum()) - np.log(smoothed)
