"""Which documents train and which are held out, by lot: a hash of the seed and the document's id.

A document keeps its side when others come or go. Groups of related documents (see `deduplication`) are drawn
as one, by their first member. All is done on arrays: some 40 bytes a document.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import UserError
from pipelines.recipe import Corpus, Domain
from pipelines.run_dir import Split

NAMES: tuple[Split, ...] = ("train", "validation", "domain_train", "domain_validation")
"""What the numbers of `assign_splits` mean: 2 for the domain slice, plus 1 for what is held out."""


def in_domain(domain: Domain | None, source: str, meta: Mapping[str, Any]) -> bool:
    """Whether a document belongs to the recipe's domain slice: every pattern of `where` must match."""
    if domain is None:
        return False
    facts = {**meta, "source": source}
    return all(key in facts and fnmatch.fnmatchcase(str(facts[key]), glob) for key, glob in domain.where.items())


def draw(seed: int, identity: str) -> float:
    """A document's lot: a number in [0, 1) that only the seed and the id decide."""
    return int.from_bytes(hashlib.sha256(f"{seed} {identity}".encode()).digest()[:8], "big") / 2**64


def assign_splits(
    lots: NDArray[np.float64], groups: NDArray[np.int32], domain: NDArray[np.bool_], corpus: Corpus
) -> NDArray[np.int8]:
    """The split of each kept document, as an index of `NAMES`.

    lots, groups, domain: for each document its lot, its group's number, and whether it is of the domain slice.
    Raises `UserError` where a split that the recipe asks for would be empty.
    """
    _refuse_what_cannot_be_split(groups, domain, corpus)
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    held_out = _held_out_groups(lots[first], group, domain, corpus)
    return (2 * domain + held_out[group]).astype(np.int8)


def _held_out_groups(
    lots: NDArray[np.float64], group: NDArray[np.int64], domain: NDArray[np.bool_], corpus: Corpus
) -> NDArray[np.bool_]:
    """Groups whose lot falls below the held-out share; below the smaller one, for a group that spans both sides.

    A group larger than the share itself stays in training, or it would be most of what is measured on. Each side
    holds out its lowest lot and trains on its highest in any case: small corpora have something on both.

    lots: of each group. group: of each document.
    """
    shares = [corpus.validation, *([corpus.domain.validation] if corpus.domain else [])]
    sizes = [np.bincount(group[domain == side], minlength=len(lots)) for side in range(len(shares))]
    fits, bound = np.ones(len(lots), dtype=bool), np.ones(len(lots))
    for share, size in zip(shares, sizes, strict=True):
        fits &= size <= max(1.0, share * size.sum())
        bound = np.where(size > 0, np.minimum(bound, share), bound)
    held = fits & (lots < bound)
    for size in sizes:
        members = np.flatnonzero(size)
        if not held[members].any():
            held[members[np.lexsort((lots[members], ~fits[members]))[0]]] = True
        if held[members].all():
            held[members[np.argmax(lots[members])]] = False
    return held


def _refuse_what_cannot_be_split(groups: NDArray[np.int32], domain: NDArray[np.bool_], corpus: Corpus) -> None:
    general, special = (len(np.unique(groups[domain == side])) for side in (False, True))
    if corpus.domain and special < 2:
        where = ", ".join(f"{key}: {glob}" for key, glob in corpus.domain.where.items())
        raise UserError(
            f"corpus.domain {corpus.domain.name}: {special} distinct documents match {{{where}}}, and it takes "
            "two, one to train on and one to measure on: mend `where`, or add text that it matches"
        )
    if general < 2:
        raise UserError(
            f"the corpus has {general} distinct documents outside the domain slice, and it takes two, "
            "one to train on and one to measure on: add sources, cut long texts into several, or relax corpus.quality"
        )
