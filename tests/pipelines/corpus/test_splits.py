"""Who trains and who is measured on: by lot, stable, and never a relative on both sides."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from pipelines.corpus.splits import NAMES, draw, in_domain
from pipelines.corpus.splits import assign_splits as assign
from pipelines.errors import UserError
from pipelines.recipe import Corpus, Domain

SOURCES = [{"kind": "files", "path": "x"}]
PLAIN = Corpus.model_validate({"sources": SOURCES, "validation": 0.1})
WITH_DOMAIN = Corpus.model_validate(
    {"sources": SOURCES, "validation": 0.1, "domain": {"name": "d", "where": {"path": "d*"}, "validation": 0.3}}
)


def assign_splits(
    ids: Sequence[str], groups: Sequence[int], inside: Sequence[bool], corpus: Corpus, seed: int
) -> list[str]:
    lots = np.array([draw(seed, identity) for identity in ids])
    found = assign(lots, np.array(groups, dtype=np.int32), np.array(inside, dtype=bool), corpus)
    return [NAMES[number] for number in found]


def ids(count: int) -> list[str]:
    return [f"document {n}" for n in range(count)]


def test_the_shares_are_those_of_the_recipe() -> None:
    inside = [n % 4 == 0 for n in range(4000)]
    found = assign_splits(ids(4000), range(4000), inside, WITH_DOMAIN, seed=0)
    counts = {name: found.count(name) for name in set(found)}
    assert 240 < counts["validation"] < 360 and 250 < counts["domain_validation"] < 350
    assert counts["train"] + counts["validation"] == 3000


def test_a_document_keeps_its_side_when_others_come() -> None:
    few = assign_splits(ids(500), range(500), [False] * 500, PLAIN, seed=3)
    many = assign_splits(ids(900), range(900), [False] * 900, PLAIN, seed=3)
    assert many[:500] == few
    assert assign_splits(ids(500), range(500), [False] * 500, PLAIN, seed=4) != few


def test_a_group_is_never_cut_even_where_it_spans_the_domain() -> None:
    chance = random.Random(0)
    groups = [chance.randrange(300) for _ in range(900)]
    inside = [chance.random() < 0.3 for _ in range(900)]
    found = assign_splits(ids(900), groups, inside, WITH_DOMAIN, seed=1)
    held = {group for group, split in zip(groups, found, strict=True) if split.endswith("validation")}
    trained = {group for group, split in zip(groups, found, strict=True) if split.endswith("train")}
    assert held and trained and not held & trained


def test_a_group_larger_than_the_share_trains() -> None:
    for seed in range(30):
        found = assign_splits(ids(100), [0] * 60 + list(range(1, 41)), [False] * 100, PLAIN, seed)
        assert set(found[:60]) == {"train"} and "validation" in found


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_smallest_corpora_have_something_on_both_sides(count: int) -> None:
    for seed in range(30):
        assert set(assign_splits(ids(count), range(count), [False] * count, PLAIN, seed)) == {"train", "validation"}


def test_what_cannot_be_split_is_refused_with_what_to_change() -> None:
    with pytest.raises(UserError, match="1 distinct documents outside the domain slice"):
        assign_splits(ids(3), [0, 0, 0], [False] * 3, PLAIN, seed=0)
    with pytest.raises(UserError, match=r"corpus.domain d: 0 distinct documents match \{path: d\*\}.*mend `where`"):
        assign_splits(ids(3), [0, 1, 2], [False] * 3, WITH_DOMAIN, seed=0)
    with pytest.raises(UserError, match="0 distinct documents outside the domain slice"):
        assign_splits(ids(3), [0, 1, 2], [True] * 3, WITH_DOMAIN, seed=0)


def test_a_domain_is_all_that_its_patterns_match() -> None:
    domain = Domain(name="d", where={"source": "laws", "year": "19*"})
    assert in_domain(domain, "laws", {"year": 1999})
    assert not in_domain(domain, "laws", {"year": 2001})
    assert not in_domain(domain, "laws", {})
    assert not in_domain(domain, "novels", {"year": 1999})
    assert not in_domain(None, "laws", {})
