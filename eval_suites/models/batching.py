"""From texts to padded batches: tokenizing, batches of rows of like length, padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""A target that counts for nothing: torch's cross-entropy skips this number."""

TOKENIZED_TOGETHER = 512
"""Documents. Ids become arrays after each batch, because lists of ints take seven times the memory."""

Progress = Callable[[Sequence[Any]], Iterable[Any]]
"""Wraps the batches to show how far the work is; `iter` shows nothing."""


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Token ids of each text, with nothing added; special tokens that a person wrote in a text stay text."""
    encoded = []
    for start in range(0, len(texts), TOKENIZED_TOGETHER):
        batch = list(texts[start : start + TOKENIZED_TOGETHER])
        ids = tokenizer(batch, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        encoded += [np.asarray(one, dtype=np.int64) for one in ids]
    return encoded


def batches(keys: Sequence[Any], size: Callable[[int], int]) -> list[list[int]]:
    """Indices of rows in the order of their keys, cut into batches: rows of like length waste little on padding.

    `size`: how many rows a batch may have that begins with the row of that index; at least one is taken.
    """
    order, found, start = sorted(range(len(keys)), key=keys.__getitem__), list[list[int]](), 0
    while start < len(order):
        found.append(order[start : start + max(1, size(order[start]))])
        start += len(found[-1])
    return found


def pad(rows: Sequence[Sequence[int] | NDArray[np.int64]], value: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, attention mask), both (rows, longest) int64: `value` and 0 on the right of what is shorter."""
    lengths = np.array([len(row) for row in rows])
    ids = np.full((len(rows), lengths.max()), value)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
    return torch.from_numpy(ids), torch.from_numpy((np.arange(lengths.max()) < lengths[:, None]).astype(np.int64))
