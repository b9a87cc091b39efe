"""Baselines that a model must beat to have learned something, measured on the same text.

untrained   the same network with random weights: the score of the architecture before any training
unigram     the training tokens' frequencies: the score of knowing which tokens are common, without context
ngram       an n-gram model of the training tokens: the score of knowing what follows the last few tokens
xz          a general compressor: the score of repeated strings, without any training
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
from desdecero.eval_suites.ngram import NGram


def untrained_twin(model: LanguageModel, seed: int) -> LanguageModel:
    """Return the same architecture on the same device, with random weights drawn from `seed`.

    The state of torch's CPU generator is restored afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = model.random_weights(model.model.config)
    torch.nn.Module.to(weights, model.model.device)  # transformers' own `to` is annotated for another argument
    return type(model)(weights, model.tokenizer, model.context_length)


def unigram_scores(
    model: LanguageModel, texts: Sequence[str], train_counts: NDArray[np.int64], seed: int
) -> list[DocumentScore]:
    """Score the tokens that the model is asked for, each by its share of the training tokens.

    One is added to every count (Laplace's rule). The guess is always the most common token. `train_counts` has shape
    (vocabulary,): one count per token. Returns one score per text.
    """
    nll, commonest = _unigram_nll(train_counts), int(train_counts.argmax())
    scores = []
    for document, (text, ids) in enumerate(zip(texts, encode(model.tokenizer, texts), strict=True)):
        asked = ids[model.asked(len(ids), document, seed)]
        hits = int(np.sum(asked == commonest))
        scores.append(DocumentScore.of(text, nll[asked].sum(), len(asked), hits))
    return scores


def ngram_scores(model: LanguageModel, texts: Sequence[str], ngram: NGram, seed: int) -> list[DocumentScore]:
    """Score the tokens that a causal model is asked for, by an n-gram model over the same token ids.

    The first token of a text is predicted from the token that begins one. Returns one score per text. Raises
    `ValueError` for a model that gives no probability to a text, because it sees what follows a token too.
    """
    if not model.text_probability:
        raise ValueError(
            f"an n-gram model predicts texts from left to right, and is no baseline of a {model.objective} one"
        )
    documents = encode(model.tokenizer, texts)
    found = ngram.predict([np.r_[model.begin[-1], ids] for ids in documents])
    scores = []
    for document, (text, ids, predictions) in enumerate(zip(texts, documents, found, strict=True)):
        asked = model.asked(len(ids), document, seed)
        nll = -predictions.log_probability[1:][asked].sum()
        hits = int(np.sum(predictions.first_choice[1:][asked] == ids[asked]))
        scores.append(DocumentScore.of(text, nll, len(ids[asked]), hits))
    return scores


def xz_bits_per_byte(texts: Sequence[str]) -> float:
    """Return the bits per byte of `xz -9e` on the texts, joined in their order with nothing between them.

    The compressor sees no training text: it exploits only repetition within and between these documents.
    """
    raw = "".join(texts).encode()
    return 8 * len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)) / len(raw)


def _unigram_nll(train_counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return −ln p of each token of the vocabulary, in nats, shape (vocabulary,)."""
    smoothed = train_counts.astype(np.float64) + 1
    return math.log(smoothed.sum()) - np.log(smoothed)
