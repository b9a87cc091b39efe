"""What a model must beat to have learned something, measured on the same text.

untrained   the same network with random weights: what the architecture gives before any training
unigram     the training tokens' frequencies: what knowing which tokens are common gives, without context
xz          a general compressor: what repeated strings give, without any training
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.eval_suites.models.batching import encode
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.windows import DocumentScore


def untrained_twin(model: LanguageModel, seed: int) -> LanguageModel:
    """Return the same architecture on the same device, with random weights drawn from `seed`; torch's own state is
    kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = model.random_weights(model.model.config)
    torch.nn.Module.to(weights, model.model.device)  # transformers' own `to` is annotated for another argument
    return type(model)(weights, model.tokenizer, model.context_length)


def unigram_scores(
    model: LanguageModel, texts: Sequence[str], train_counts: NDArray[np.int64], seed: int
) -> list[DocumentScore]:
    """Score the tokens that the model is asked for, each by its share of the training tokens, one added to every count
    (Laplace's rule); always the commonest token is guessed.

    `train_counts` holds one count a token of the vocabulary.
    """
    nll, commonest = _unigram_nll(train_counts), int(train_counts.argmax())
    scores = []
    for document, (text, ids) in enumerate(zip(texts, encode(model.tokenizer, texts), strict=True)):
        asked = ids[model.asked(len(ids), document, seed)]
        hits = int(np.sum(asked == commonest))
        scores.append(DocumentScore(float(nll[asked].sum()), len(asked), len(text.encode()), hits))
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
