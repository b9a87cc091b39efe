"""Splits into training, validation and test documents, drawn by a hash of the seed and the document's id.

A document stays in its split when others are added or removed. Groups of related documents (see `duplicates`) are drawn
as one, by their first member. If every group is larger than the share to hold out (forty contracts of one form and
nothing else), its documents are drawn one by one: near duplicates of training documents are still not held out, because
deduplication has dropped them, but relatives are, and `relations` counts them. Computed on arrays: some 40 bytes a
document.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.recipe import Corpus, Domain
from desdecero.pipelines.run.layout import Split

NAMES: tuple[Split, ...] = ("train", "validation", "domain_train", "domain_validation", "test")
"""Meaning of the numbers of `assign_splits`: 2 for the domain slice, plus 1 for held-out documents; 4 for the test."""
TRAINING = (0, 2)
TEST = 4


@dataclass(frozen=True, slots=True)
class Relation:
    """Held-out documents of one split that are related to training documents."""

    documents: int
    of: int
    """Number of documents in the split."""
    training_documents: int
    """Number of training documents that they are related to, directly or through others."""


def in_domain(domain: Domain | None, source: str, meta: Mapping[str, Any]) -> bool:
    """Tell whether a document belongs to the recipe's domain slice: every pattern of `where` must match."""
    if domain is None:
        return False
    facts = {**meta, "source": source}
    return all(key in facts and fnmatch.fnmatchcase(str(facts[key]), glob) for key, glob in domain.where.items())


def draw(seed: int, identity: str) -> float:
    """Draw a number in [0, 1) that depends on the seed and the id alone."""
    return int.from_bytes(hashlib.sha256(f"{seed} {identity}".encode()).digest()[:8], "big") / 2**64


def assign_splits(
    draws: NDArray[np.float64], groups: NDArray[np.int32], domain: NDArray[np.bool_], corpus: Corpus
) -> NDArray[np.int8]:
    """Assign each kept document a split, as an index of `NAMES`. Each side that the recipe has needs two documents, and
    the general one three if there is a test; see `missing_documents`.

    Validation takes the lowest draws and the test the highest, so that neither depends on the other's share. A group of
    the test that spans the domain slice is held out there too.

    draws, groups, domain: for each document its draw, its group's number, and whether it is of the domain slice.
    """
    _, group = np.unique(groups, return_inverse=True)
    shares = _shares(corpus)
    for side, share in enumerate(shares):
        apart = [share, corpus.test] if corpus.test and not side else [share]
        group = _single_where_none_fits(group, np.flatnonzero(domain == side), apart)
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    held_out = _held_out_groups(draws[first], group, domain, shares, leave=2 if corpus.test else 1)
    splits = 2 * domain + held_out[group]
    if corpus.test:
        tested = _test_groups(draws[first], group, domain, [corpus.test, *shares[1:]], held_out)[group]
        splits[tested] = np.where(domain[tested], NAMES.index("domain_validation"), TEST)
    return splits.astype(np.int8)


def relations(groups: NDArray[np.int32], splits: NDArray[np.int8]) -> dict[str, Relation]:
    """Count, for each held-out split, the documents related to training documents; only splits that have some."""
    training = np.isin(splits, TRAINING)
    found: dict[str, Relation] = {}
    for number in (number for number in range(len(NAMES)) if number not in TRAINING):
        held = splits == number
        related = held & np.isin(groups, groups[training])
        if related.any():
            relatives = training & np.isin(groups, groups[related])
            found[NAMES[number]] = Relation(int(related.sum()), int(held.sum()), int(relatives.sum()))
    return found


def missing_documents(domain: NDArray[np.bool_], corpus: Corpus, drops: Mapping[str, int]) -> str | None:
    """Return why these documents cannot be split and how to fix it, in a sentence; None if they can.

    domain: True for each kept document of the domain slice. drops: number of dropped documents, by reason.
    """
    general, special = int((~domain).sum()), int(domain.sum())
    takes = "a split takes two, one to train on and one to measure on"
    least = 3 if corpus.test else 2
    if corpus.domain and special < 2:
        where = ", ".join(f"{key}: {glob}" for key, glob in corpus.domain.where.items())
        return (
            f"corpus.domain {corpus.domain.name}: {_count(special)} left that {'match' if special != 1 else 'matches'} "
            f"{{{where}}}, and {takes}: fix `where`, or add text that it matches"
        )
    if general >= least:
        return None
    if corpus.test:
        takes = "three splits take three, one to train on, one to choose by and one to measure on (corpus.test)"
    outside = " outside the domain slice" if corpus.domain else ""
    gone = ", ".join(f"{reason} {count:,}" for reason, count in sorted(drops.items(), key=lambda item: -item[1]))
    dropped = f" ({sum(drops.values()):,} were dropped: {gone})" if drops else ""
    return f"{_count(general)} left{outside}{dropped}, and {takes}: {_remedy(corpus, drops)}"


def _remedy(corpus: Corpus, drops: Mapping[str, int]) -> str:
    """Suggest a fix for the commonest reason for which documents were dropped."""
    commonest = max(drops, key=lambda reason: drops[reason], default="")
    if commonest == "near_duplicate":
        return (
            "they are near duplicates of one another; for many documents of one form, raise "
            f"corpus.deduplication.similarity (now {corpus.deduplication.similarity:g}), or add other text"
        )
    if commonest == "exact_duplicate":
        return "all others say the same as one that was kept: add other text"
    return f"add text, or cut a long one into several files{', or drop less (relax corpus.quality)' if drops else ''}"


def _count(documents: int) -> str:
    return f"{documents} document{'' if documents == 1 else 's'} {'is' if documents == 1 else 'are'}"


def _shares(corpus: Corpus) -> list[float]:
    return [corpus.validation, *([corpus.domain.validation] if corpus.domain else [])]


def _largest_group(share: float, documents: int) -> float:
    """Return the number of documents that a group may have to be held out: at most the share, but at least one."""
    return max(1.0, share * documents)


def _single_where_none_fits(
    group: NDArray[np.int64], members: NDArray[np.int64], shares: list[float]
) -> NDArray[np.int64]:
    """Put each of these documents into a separate group if too few of their groups are small enough to be held out: one
    for each share, and one more to train on."""
    _, sizes = np.unique(group[members], return_counts=True)
    fit = int(np.sum(sizes <= _largest_group(min(shares), len(members))))
    if not len(members) or (fit >= len(shares) and len(sizes) > len(shares)):
        return group
    single = group.copy()
    single[members] = group.max() + 1 + np.arange(len(members))
    return single


def _held_out_groups(
    draws: NDArray[np.float64], group: NDArray[np.int64], domain: NDArray[np.bool_], shares: list[float], leave: int
) -> NDArray[np.bool_]:
    """Select the groups whose draw falls below the held-out share; below the smaller one, if a group spans both sides.

    A group larger than the share itself stays in training, or it would dominate the measurement. Each side always holds
    out its lowest draw and trains on its highest: small corpora have documents on both sides.

    draws: of each group. group: of each document. leave: number of groups of the general side that are not held out.
    """
    sizes, fits, bound = _bounds(group, domain, shares, len(draws))
    held = fits & (draws < bound)
    for side, size in enumerate(sizes):
        members = np.flatnonzero(size)
        if not held[members].any():
            held[members[np.lexsort((draws[members], ~fits[members]))[0]]] = True
        chosen = members[held[members]]
        surplus = len(chosen) - (len(members) - (1 if side else leave))
        if surplus > 0:
            released = min(surplus, max(1, len(chosen) - 1))
            held[chosen[np.argsort(-draws[chosen])[:released]]] = False
    return held


def _test_groups(
    draws: NDArray[np.float64],
    group: NDArray[np.int64],
    domain: NDArray[np.bool_],
    shares: list[float],
    held: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Select the groups with the highest draws as `_held_out_groups` does with the lowest, among those not `held`."""
    sizes, fits, bound = _bounds(group, domain, shares, len(draws))
    free = ~held & (sizes[0] > 0)
    tested = free & fits & (draws >= 1 - bound)
    members = np.flatnonzero(free)
    if not tested.any():
        tested[members[np.lexsort((-draws[members], ~fits[members]))[0]]] = True
    for size in sizes:
        left = np.flatnonzero((size > 0) & ~held)
        if len(left) and tested[left].all():
            tested[left[np.argmin(draws[left])]] = False
    return tested


def _bounds(
    group: NDArray[np.int64], domain: NDArray[np.bool_], shares: list[float], groups: int
) -> tuple[list[NDArray[np.int64]], NDArray[np.bool_], NDArray[np.float64]]:
    """Return, of each group, (its size on each side, whether it is small enough to be held out, the share that is)."""
    sizes = [np.bincount(group[domain == side], minlength=groups) for side in range(len(shares))]
    fits, bound = np.ones(groups, dtype=bool), np.ones(groups)
    for share, size in zip(shares, sizes, strict=True):
        fits &= size <= _largest_group(share, int(size.sum()))
        bound = np.where(size > 0, np.minimum(bound, share), bound)
    return sizes, fits, bound
