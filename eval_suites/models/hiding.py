"""Pseudo-log-likelihoods: texts with one token hidden at a time, and the probabilities of the hidden tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from desdecero.eval_suites.models.interface import Pair


@dataclass(frozen=True)
class Hidden:
    """A context and its continuation with one token of the latter hidden."""

    pair: int
    """Index of the pair that it was made from."""
    row: list[int]
    """Token ids with the mark in place of the hidden one."""
    place: int
    """Index of the mark in `row`."""
    token: int
    """Id of the hidden token."""


def hide_in_turn(pairs: Sequence[Pair], begin: list[int], mark: int, end: list[int]) -> list[Hidden]:
    """Return each pair, between `begin` and `end`, once per token of its continuation, with `mark` in its place."""
    hidden = []
    for number, pair in enumerate(pairs):
        whole = [*begin, *pair.context, *pair.continuation, *end]
        for place in range(len(begin) + len(pair.context), len(whole) - len(end)):
            hidden.append(Hidden(number, [*whole[:place], mark, *whole[place + 1 :]], place, whole[place]))
    return hidden


@contextmanager
def logits_only_at(model: Any, places: list[list[int]]) -> Iterator[None]:
    """Restrict the model's logits to `places`, shape (rows, places): half the time of logits at every place.

    Raises `RuntimeError` for a model that does not call its output layer.
    """
    columns, seen = torch.tensor(places, device=model.device), list[bool]()
    rows = torch.arange(len(places), device=model.device)[:, None]

    def narrow(_layer: Any, arguments: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        seen.append(True)
        return (arguments[0][rows, columns],)

    with model.get_output_embeddings().register_forward_pre_hook(narrow):
        yield
    if not seen:
        raise RuntimeError(f"{model.config.model_type} does not call its output layer, so its logits are not narrowed")


def add_log_probabilities(
    totals: NDArray[np.float64], pairs: list[int], logits: torch.Tensor, asked: list[list[int]]
) -> None:
    """Add log P(asked) to the totals of the pairs, one pair per row.

    `asked` has shape (rows, places) and `logits` (rows, places, vocabulary).
    """
    chosen = torch.tensor(asked, device=logits.device)[:, :, None]
    scores = logits.float().log_softmax(dim=-1).gather(2, chosen).squeeze(2).double().sum(dim=1)
    np.add.at(totals, pairs, scores.cpu().numpy())
