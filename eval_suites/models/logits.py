"""Logits where they are asked for, and the log-probabilities of the tokens that came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import numpy as np
import torch

from desdecero.eval_suites.models.continuations import Likelihoods, Pair

BATCH_LOGITS = 1 << 24
"""Logits in memory at a time: 64 MB as float32. The number of rows in a batch follows from it."""
CACHED_LOGITS = 1 << 18
"""Logits whose exponentials are summed at a time: 1 MB."""


class Asked:
    """Tokens that are asked for: each is scored for a pair, by the logits at a place of a row of the batch."""

    def __init__(self) -> None:
        """Start with none."""
        self.pairs, self.rows, self.places, self.tokens = list[int](), list[int](), list[int](), list[int]()

    def add(self, pair: int, row: int, places: Sequence[int], tokens: Sequence[int]) -> None:
        """Ask for tokens of a pair, by the logits at as many places of a row."""
        self.pairs += repeat(pair, len(tokens))
        self.rows += repeat(row, len(tokens))
        self.places += places
        self.tokens += tokens


@contextmanager
def logits_only_at(model: Any, rows: torch.Tensor, places: torch.Tensor) -> Iterator[None]:
    """Restrict the model's logits to these places of these rows, so that their shape is (places, vocabulary).

    Raises `RuntimeError` for a model that does not call its output layer.
    """
    seen = list[bool]()

    def narrow(_layer: Any, arguments: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        seen.append(True)
        return (arguments[0][rows, places],)

    with model.get_output_embeddings().register_forward_pre_hook(narrow):
        yield
    if not seen:
        raise RuntimeError(f"{model.config.model_type} does not call its output layer, so its logits are not narrowed")


def largest_and_total(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the largest logit of each row, and the logarithm of the sum of their exponentials: both (rows,), float32.

    The logits are overwritten, a part that fits the processor's cache at a time.
    """
    best, total = torch.empty((2, len(logits)), dtype=torch.float32, device=logits.device)
    size = max(1, CACHED_LOGITS // logits.shape[-1])
    for start in range(0, len(logits), size):
        part = logits[start : start + size].float()
        best[start : start + size] = largest = part.amax(dim=-1)
        total[start : start + size] = part.sub_(largest[:, None]).exp_().sum(dim=-1).log_().add_(largest)
    return best, total


class Sums:
    """Sums of log-probabilities over the tokens of each pair."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        """Start at 0 for each pair."""
        self.pairs = pairs
        self.nats = np.zeros(len(pairs))
        self.greedy = np.ones(len(pairs), dtype=np.bool_)

    def add(self, model: Any, asked: Asked, **inputs: Any) -> None:
        """Run the model on its inputs and add log P of each token that is asked for.

        Logits are computed once for each place, whoever asks. The model is run once more for each `BATCH_LOGITS` of
        them.
        """
        width = max(asked.places) + 1
        places, which = np.unique(np.array(asked.rows) * width + np.array(asked.places), return_inverse=True)
        order = np.argsort(which, kind="stable")
        which, tokens, owners = which[order], np.array(asked.tokens)[order], np.array(asked.pairs)[order]
        most = max(1, BATCH_LOGITS // model.config.vocab_size)
        for start in range(0, len(places), most):
            first, last = np.searchsorted(which, (start, start + most))
            rows, columns = torch.from_numpy(np.stack(np.divmod(places[start : start + most], width))).to(model.device)
            with logits_only_at(model, rows, columns):
                logits = model(**inputs).logits
            here = torch.from_numpy(which[first:last] - start).to(model.device)
            chosen = logits[here, torch.from_numpy(tokens[first:last]).to(model.device)].float()
            best, total = largest_and_total(logits)
            np.add.at(self.nats, owners[first:last], (chosen - total[here]).double().cpu().numpy())
            np.logical_and.at(self.greedy, owners[first:last], (chosen >= best[here]).cpu().numpy())

    def likelihoods(self) -> Likelihoods:
        """Return the sums with the sizes of the pairs."""
        tokens = np.array([len(pair.continuation) for pair in self.pairs], dtype=np.int64)
        shortened = np.array([pair.left_out > 0 for pair in self.pairs], dtype=np.bool_)
        return Likelihoods(self.nats, tokens, self.greedy, shortened)
