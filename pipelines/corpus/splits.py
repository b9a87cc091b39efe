"""Which documents train and which are held out, by lot: a hash of the seed and the document's id.

A document keeps its side when others come or go. Groups of related documents (see `deduplication`) are drawn
as one, by their first member.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.errors import UserError
from pipelines.recipe import Corpus, Domain
from pipelines.run_dir import Split


def in_domain(domain: Domain | None, source: str, meta: Mapping[str, Any]) -> bool:
    """Whether a document belongs to the recipe's domain slice: every pattern of `where` must match."""
    if domain is None:
        return False
    facts = {**meta, "source": source}
    return all(key in facts and fnmatch.fnmatchcase(str(facts[key]), glob) for key, glob in domain.where.items())


def assign_splits(
    ids: Sequence[str], groups: Sequence[int], domain: Sequence[bool], corpus: Corpus, seed: int
) -> list[Split]:
    """The split of each kept document.

    ids, groups, domain: for each document its id, its group's number, and whether it is of the domain slice.
    Raises `UserError` where a split that the recipe asks for would be empty.
    """
    sides = {False: corpus.validation, **({True: corpus.domain.validation} if corpus.domain else {})}
    _refuse_what_cannot_be_split(groups, domain, corpus)
    held_out = _held_out_groups(ids, groups, domain, sides, seed)
    names: dict[tuple[bool, bool], Split] = {
        (False, False): "train", (False, True): "validation",
        (True, False): "domain_train", (True, True): "domain_validation",
    }  # fmt: skip
    return [names[side, group in held_out] for side, group in zip(domain, groups, strict=True)]


def _held_out_groups(
    ids: Sequence[str], groups: Sequence[int], domain: Sequence[bool], sides: Mapping[bool, float], seed: int
) -> set[int]:
    """Groups whose lot falls below the held-out share; below the smaller one, for a group that spans both sides.

    A group larger than the share itself stays in training, or it would be most of what is measured on. Each side
    holds out its lowest lot and trains on its highest in any case: small corpora have something on both.
    """
    sizes: dict[int, Counter[bool]] = {}
    lots: dict[int, float] = {}
    for identity, group, side in zip(ids, groups, domain, strict=True):
        lots.setdefault(group, _draw(seed, identity))
        sizes.setdefault(group, Counter())[side] += 1
    room = {side: max(1.0, share * sum(inside == side for inside in domain)) for side, share in sides.items()}

    def fits(group: int) -> bool:
        return all(count <= room[side] for side, count in sizes[group].items())

    held = {group for group in sizes if fits(group) and lots[group] < min(sides[side] for side in sizes[group])}
    for side in sides:
        groups_of_side = [group for group in sizes if side in sizes[group]]
        if held.isdisjoint(groups_of_side):
            held.add(min(groups_of_side, key=lambda group: (not fits(group), lots[group])))
        if held.issuperset(groups_of_side):
            held.remove(max(groups_of_side, key=lots.__getitem__))
    return held


def _draw(seed: int, identity: str) -> float:
    """A number in [0, 1) that only the seed and the id decide."""
    return int.from_bytes(hashlib.sha256(f"{seed} {identity}".encode()).digest()[:8], "big") / 2**64


def _refuse_what_cannot_be_split(groups: Sequence[int], domain: Sequence[bool], corpus: Corpus) -> None:
    general = {group for group, inside in zip(groups, domain, strict=True) if not inside}
    special = {group for group, inside in zip(groups, domain, strict=True) if inside}
    if corpus.domain and len(special) < 2:
        where = ", ".join(f"{key}: {glob}" for key, glob in corpus.domain.where.items())
        raise UserError(
            f"corpus.domain {corpus.domain.name}: {len(special)} distinct documents match {{{where}}}, and it takes "
            "two, one to train on and one to measure on: mend `where`, or add text that it matches"
        )
    if len(general) < 2:
        raise UserError(
            f"the corpus has {len(general)} distinct documents outside the domain slice, and it takes two, "
            "one to train on and one to measure on: add sources, cut long texts into several, or relax corpus.quality"
        )
