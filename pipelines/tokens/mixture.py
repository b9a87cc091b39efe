"""Convert the recipe's mixture of sources into whole numbers of copies of each document."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Share


def target_tokens(available: Mapping[str, int], mixture: Mapping[str, Share]) -> dict[str, int]:
    """Return the training tokens that each source contributes, given those that it has.

    A source contributes its tokens `epochs` times, up to `max_tokens`. Where sources have weights, the total is the
    largest that keeps the weights' proportions within these limits: as `interleave` ends when the first of its streams
    is exhausted. Sources that the mixture does not name contribute all their tokens, once.

    Raises `UserError` for a source that the corpus does not have, or that has no weight while others have one.
    """
    if unknown := sorted(set(mixture) - set(available)):
        raise UserError(
            f"tokens.mixture names {', '.join(unknown)}, but the training text comes from "
            f"{', '.join(sorted(available))}: use the names of corpus.sources"
        )
    shares = {name: mixture.get(name, Share()) for name in available}
    limits = {name: min(available[name] * share.epochs, share.max_tokens or math.inf) for name, share in shares.items()}
    weights = {name: share.weight for name, share in shares.items() if share.weight is not None}
    if not weights:
        return {name: int(limit) for name, limit in limits.items()}
    if missing := sorted(set(available) - set(weights)):
        raise UserError(f"tokens.mixture gives no weight to {', '.join(missing)}: give one to every source or to none")
    total = min(limits[name] / weight for name, weight in weights.items())
    return {name: int(total * weight) for name, weight in weights.items()}


def draw(seed: int, identity: str) -> int:
    """Hash the seed and a document's id to a number below 2⁶⁴, which does not depend on the other sources."""
    return int.from_bytes(hashlib.sha256(f"{seed} mixture {identity}".encode()).digest()[:8], "big")


def copies(draws: np.ndarray, sources: np.ndarray, lengths: np.ndarray, targets: Sequence[int]) -> np.ndarray:
    """Return how often each document is written, so that a source reaches its target, or up to a document less.

    Every document of a source is written as often as the whole source fits into the target; the rest of the target
    goes to the documents with the lowest draws, as far as they fit.

    draws, sources, lengths: for each document its draw, the number of its source, and its tokens
    targets: tokens for each number of a source
    """
    times = np.zeros(len(lengths), np.int32)
    for number, target in enumerate(targets):
        places = np.flatnonzero(sources == number)
        whole, left = divmod(target, max(1, int(lengths[places].sum())))
        times[places] = whole
        for place in places[np.argsort(draws[places], kind="stable")]:
            if lengths[place] <= left:
                times[place] += 1
                left -= int(lengths[place])
    return times
