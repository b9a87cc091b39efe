"""Texts with one token hidden at a time, and the probabilities of what was there: for pseudo-log-likelihoods."""

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
    row: list[int]
    place: int
    token: int
    """The one that stood there."""


def hide_in_turn(pairs: Sequence[Pair], begin: list[int], mark: int, end: list[int]) -> list[Hidden]:
    """Each pair, between `begin` and `end`, once for each token of its continuation, with `mark` in its place."""
    hidden = []
    for number, pair in enumerate(pairs):
        whole = [*begin, *pair.context, *pair.continuation, *end]
        for place in range(len(begin) + len(pair.context), len(whole) - len(end)):
            hidden.append(Hidden(number, [*whole[:place], mark, *whole[place + 1 :]], place, whole[place]))
    return hidden


@contextmanager
def logits_only_at(model: Any, places: list[list[int]]) -> Iterator[None]:
    """Within, the model's logits are those at `places`, (rows, a few), alone: half the time of logits everywhere."""
    columns, seen = torch.tensor(places, device=model.device), list[bool]()
    rows = torch.arange(len(places), device=model.device)[:, None]

    def narrow(layer: Any, arguments: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        seen.append(True)
        return (arguments[0][rows, columns],)

    with model.get_output_embeddings().register_forward_pre_hook(narrow):
        yield
    if not seen:
        raise RuntimeError(f"{model.config.model_type} does not call its output layer, so its logits are not narrowed")


def add_log_probabilities(
    totals: NDArray[np.float64], pairs: list[int], logits: torch.Tensor, asked: list[list[int]]
) -> None:
    """Add log P(asked), (rows, places), by logits (rows, places, vocabulary), to the totals of their pairs."""
    chosen = torch.tensor(asked, device=logits.device)[:, :, None]
    scores = logits.float().log_softmax(dim=-1).gather(2, chosen).squeeze(2).double().sum(dim=1)
    np.add.at(totals, pairs, scores.cpu().numpy())
