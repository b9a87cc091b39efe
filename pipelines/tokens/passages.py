"""Passages drawn from the documents of a split, as they lie in the token files.

    train = draw_passages(run, recipe, "train", count=200, tokens=96, seed=recipe.seed)
    held_out = draw_passages(run, recipe, "test", count=200, tokens=96, seed=recipe.seed)

Documents come in an order that the seed draws, each as likely as any other, and each gives at most two passages: one
from its beginning and one from a place later in it, all of which are as likely. Canaries are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.eval_suites.by_heart.passages import Passage
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.tokens import CANARY
from desdecero.pipelines.run.layout import Split
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens.suffix_array import read_index


def draw_passages(
    run: RunDir,
    recipe: Recipe,
    split: Split,
    count: int,
    tokens: int,
    seed: int,
    least: int | None = None,
    beginnings: bool = False,
) -> list[Passage]:
    """Return up to `count` passages of `tokens` tokens; fewer where the documents have no more.

    least: tokens of a passage that is taken whole because its document ends sooner; by default `tokens`
    beginnings: draw none from a place later in a document

    The token that closes a document is in none. A document that the recipe repeats is drawn once, and one that was cut
    to fit into blocks is drawn from its first piece.
    """
    rows, generator = read_index(run, split), np.random.default_rng(seed)
    first = _first_rows(rows["id"], canaries=recipe.tokens.canaries is not None)
    dtype = np.dtype(run.report("tokens", recipe).dtype)
    shards: dict[str, NDArray[Any]] = {}
    passages = list[Passage]()
    for row in generator.permutation(first[rows["tokens"][first] > (least or tokens)]).tolist():
        if len(passages) >= count:
            break
        name, length = str(rows["shard"][row]), int(rows["tokens"][row]) - 1
        if name not in shards:
            shards[name] = np.memmap(run.tokens / name, dtype, "r")
        ids = shards[name][int(rows["start"][row]) :][:length]
        offsets = [0]
        if length > tokens and not beginnings:
            offsets.append(int(generator.integers(1, length - tokens + 1)))
        passages += [Passage(str(rows["id"][row]), each, tuple(ids[each : each + tokens].tolist())) for each in offsets]
    return passages[:count]


def _first_rows(ids: NDArray[Any], canaries: bool) -> NDArray[np.int64]:
    """Return the place of the first row of each document, in the order of the rows, those of canaries left out."""
    names, first = np.unique(ids.astype(str), return_index=True)
    return np.sort(first[~np.char.startswith(names, f"{CANARY}/")] if canaries else first)
