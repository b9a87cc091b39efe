"""How often each document is trained on: the recipe's mixture of sources, turned into whole numbers of copies."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Share


def wanted_tokens(available: Mapping[str, int], mixture: Mapping[str, Share]) -> dict[str, int]:
    """Training tokens that each source is to give, from those that it has.

    A source gives its tokens `epochs` times, up to `max_tokens`. Where sources have weights, the total is the
    largest that keeps the weights' proportions without asking more than that of any source: as `interleave`
    ends when the first of its streams is exhausted. Sources without a word in the mixture give all, once.

    Raises `UserError` for a source that the corpus does not have, or that alone has no weight.
    """
    if unknown := sorted(set(mixture) - set(available)):
        raise UserError(
            f"tokens.mixture names {', '.join(unknown)}, and the training text comes from "
            f"{', '.join(sorted(available))}: use the names of corpus.sources"
        )
    shares = {name: mixture.get(name, Share()) for name in available}
    limits = {name: min(available[name] * share.epochs, share.max_tokens or math.inf) for name, share in shares.items()}
    weights = {name: share.weight for name, share in shares.items() if share.weight is not None}
    if not weights:
        return {name: int(limit) for name, limit in limits.items()}
    if missing := sorted(set(available) - set(weights)):
        raise UserError(f"tokens.mixture gives weights, but none to {', '.join(missing)}: give one to every source")
    total = min(limits[name] / weight for name, weight in weights.items())
    return {name: int(total * weight) for name, weight in weights.items()}


def lot(seed: int, identity: str) -> int:
    """A number below 2⁶⁴ that only the seed and a document's id decide: the same when other sources come or go."""
    return int.from_bytes(hashlib.sha256(f"{seed} mixture {identity}".encode()).digest()[:8], "big")


def copies(lots: np.ndarray, sources: np.ndarray, lengths: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    """Times that each document is written, so that a source gives its wanted tokens, or up to a document less.

    Every document of a source is written as often as its whole text fits; what is left over goes to those with
    the lowest lots, as far as they fit.

    lots, sources, lengths: for each document its lot, the number of its source, and its tokens.
    wanted: tokens for each number of a source.
    """
    times = np.zeros(len(lengths), np.int32)
    for number, target in enumerate(wanted):
        places = np.flatnonzero(sources == number)
        whole, left = divmod(target, max(1, int(lengths[places].sum())))
        times[places] = whole
        for place in places[np.argsort(lots[places], kind="stable")]:
            if lengths[place] <= left:
                times[place] += 1
                left -= int(lengths[place])
    return times
