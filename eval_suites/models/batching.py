"""Tokenization, batches of rows of similar length, and padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""Target that is not scored: torch's cross-entropy skips this number."""

TOKENIZED_TOGETHER = 512
"""Documents tokenized in one call. Ids become arrays after each, because lists of ints take seven times the memory."""

Progress = Callable[[Sequence[Any]], Iterable[Any]]
"""Function that wraps the batches to show progress; `iter` shows nothing."""


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Return the token ids of each text, with nothing added; special tokens written in a text are encoded as text."""
    encoded = []
    for start in range(0, len(texts), TOKENIZED_TOGETHER):
        batch = list(texts[start : start + TOKENIZED_TOGETHER])
        ids = tokenizer(batch, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        encoded += [np.asarray(one, dtype=np.int64) for one in ids]
    return encoded


def given_back(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[bool]:
    """Tell of each text whether decoding its tokens gives it back unchanged."""
    return [
        tokenizer.decode(ids.tolist(), clean_up_tokenization_spaces=False) == text
        for text, ids in zip(texts, encode(tokenizer, texts), strict=True)
    ]


def batches(keys: Sequence[Any], size: Callable[[int], int]) -> list[list[int]]:
    """Cut the indices of rows, sorted by their keys, into batches, so that rows of similar length share a batch.

    `size` gives the maximum number of rows of a batch that begins with the row of that index; at least one is taken.
    """
    order, groups, start = sorted(range(len(keys)), key=keys.__getitem__), list[list[int]](), 0
    while start < len(order):
        groups.append(order[start : start + max(1, size(order[start]))])
        start += len(groups[-1])
    return groups


def pad(rows: Sequence[Sequence[int] | NDArray[np.int64]], value: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and attention mask, both int64 of shape (rows, longest).

    Shorter rows are filled on the right, with `value` in the ids and 0 in the mask.
    """
    lengths = np.array([len(row) for row in rows])
    ids = np.full((len(rows), lengths.max()), value)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
    return torch.from_numpy(ids), torch.from_numpy((np.arange(lengths.max()) < lengths[:, None]).astype(np.int64))
