"""Who trains and who is measured on: by lot, stable, and never a relative on both sides."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import numpy as np
import pytest

from desdecero.pipelines.corpus.splits import NAMES, Relation, draw, in_domain, missing_documents, relations
from desdecero.pipelines.corpus.splits import assign_splits as assign
from desdecero.pipelines.recipe import Corpus, Domain
from desdecero.pipelines.recipe.base import WITHOUT_PLACES

SOURCES = [{"kind": "files", "path": "x"}]
PLAIN = Corpus.model_validate({"sources": SOURCES, "validation": 0.1})
WITH_DOMAIN = Corpus.model_validate(
    {"sources": SOURCES, "validation": 0.1, "domain": {"name": "d", "where": {"path": "d*"}, "validation": 0.3}}
)

WITH_TEST = WITH_DOMAIN.model_copy(update={"test": 0.05})
TEST_ALONE = PLAIN.model_copy(update={"test": 0.1})


def assign_splits(
    ids: Sequence[str], groups: Sequence[int], inside: Sequence[bool], corpus: Corpus, seed: int
) -> list[str]:
    draws = np.array([draw(seed, identity) for identity in ids])
    found = assign(draws, np.array(groups, dtype=np.int32), np.array(inside, dtype=bool), corpus)
    return [NAMES[number] for number in found]


def ids(count: int) -> list[str]:
    return [f"document {n}" for n in range(count)]


def test_the_shares_are_those_of_the_recipe() -> None:
    inside = [n % 4 == 0 for n in range(4000)]
    found = assign_splits(ids(4000), range(4000), inside, WITH_DOMAIN, seed=0)
    counts = {name: found.count(name) for name in set(found)}
    assert 240 < counts["validation"] < 360 and 250 < counts["domain_validation"] < 350
    assert counts["train"] + counts["validation"] == 3000


def test_a_share_for_the_last_measurement_is_drawn_beside_the_others() -> None:
    inside = [n % 4 == 0 for n in range(4000)]
    before = assign_splits(ids(4000), range(4000), inside, WITH_DOMAIN, seed=0)
    found = assign_splits(ids(4000), range(4000), inside, WITH_TEST, seed=0)
    assert 110 < found.count("test") < 190
    changed = {(old, new) for old, new in zip(before, found, strict=True) if old != new}
    assert changed == {("train", "test")}


def test_the_documents_of_the_last_measurement_stay_when_the_other_share_changes_or_documents_come() -> None:
    few = assign_splits(ids(500), range(500), [False] * 500, TEST_ALONE, seed=3)
    many = assign_splits(ids(900), range(900), [False] * 900, TEST_ALONE, seed=3)
    other = TEST_ALONE.model_copy(update={"validation": 0.3})
    moved = assign_splits(ids(500), range(500), [False] * 500, other, seed=3)
    assert many[:500] == few and few.count("test") > 20
    assert [name == "test" for name in moved] == [name == "test" for name in few]


def test_related_documents_are_in_the_last_measurement_together_or_not_at_all() -> None:
    chance = random.Random(0)
    groups = [chance.randrange(300) for _ in range(900)]
    inside = [chance.random() < 0.3 for _ in range(900)]
    found = assign_splits(ids(900), groups, inside, WITH_TEST, seed=1)
    sides = {"train": "train", "domain_train": "train", "validation": "held", "domain_validation": "held"}
    by_group: dict[int, set[str]] = {}
    for group, split in zip(groups, found, strict=True):
        by_group.setdefault(group, set()).add(sides.get(split, split))
    assert "test" in found
    assert all(len(one - {"held"}) <= 1 and one != {"held", "train"} for one in by_group.values())
    assert not any({"train", "test"} <= one for one in by_group.values())


@pytest.mark.parametrize("count", [3, 4, 6])
@pytest.mark.parametrize("shares", [(0.1, 0.1), (0.8, 0.15), (0.02, 0.9)])
def test_the_smallest_corpora_have_something_in_all_three(count: int, shares: tuple[float, float]) -> None:
    corpus = PLAIN.model_copy(update={"validation": shares[0], "test": shares[1]})
    for seed in range(30):
        for groups in (range(count), [0] * (count - 1) + [1], [0] * count):
            found = assign_splits(ids(count), groups, [False] * count, corpus, seed)
            assert set(found) == {"train", "validation", "test"}


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(ValueError, match="leave nothing to train on"):
        Corpus.model_validate({"sources": SOURCES, "validation": 0.5, "test": 0.5})


def test_a_recipe_without_a_share_for_testing_is_sealed_as_before_there_was_one() -> None:
    assert "test" not in PLAIN.model_dump(mode="json", context=WITHOUT_PLACES)
    assert TEST_ALONE.model_dump(mode="json", context=WITHOUT_PLACES)["test"] == 0.1
    assert PLAIN.model_dump(mode="json")["test"] == 0


def test_three_splits_take_three_documents() -> None:
    fault = str(missing_documents(np.array([False, False]), TEST_ALONE, {}))
    assert fault.startswith("2 documents are left, and three splits take three, one to train on")


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


@pytest.mark.parametrize(
    "groups",
    [
        [0] * 40,  # forty contracts of one form
        [0] * 10,
        [0] * 3,
        [0] * 20 + [1] * 20,  # two forms
        [0] * 100 + [1] * 60 + [2] * 40,
    ],
)
def test_documents_of_one_form_are_drawn_one_by_one_where_no_group_is_small_enough(groups: list[int]) -> None:
    for seed in range(10):
        found = assign_splits(ids(len(groups)), groups, [False] * len(groups), PLAIN, seed)
        assert 1 <= found.count("validation") <= max(2, 0.25 * len(groups)) and "train" in found


def test_a_group_stays_whole_where_another_can_be_held_out() -> None:
    found = assign_splits(ids(46), [0] * 40 + [1, 2, 3, 4, 5, 6], [False] * 46, PLAIN, seed=0)
    assert set(found[:40]) == {"train"} and found.count("validation") >= 1


def test_a_domain_of_one_form_is_drawn_one_by_one_and_the_rest_is_not() -> None:
    groups = [0] * 30 + [*range(1, 41)]
    found = assign_splits(ids(70), groups, [True] * 30 + [False] * 40, WITH_DOMAIN, seed=0)
    assert set(found[:30]) == {"domain_train", "domain_validation"}
    related = relations(
        np.array(groups, dtype=np.int32), np.array([NAMES.index(name) for name in found], dtype=np.int8)
    )  # type: ignore[arg-type]
    held = found.count("domain_validation")
    assert related == {"domain_validation": Relation(held, held, 30 - held)}


def test_relations_count_what_is_held_out_beside_its_relatives() -> None:
    groups = np.array([0, 0, 0, 1, 1, 2, 3, 3], dtype=np.int32)
    splits = np.array([0, 0, 1, 1, 1, 0, 2, 1], dtype=np.int8)
    assert relations(groups, splits) == {"validation": Relation(documents=2, of=4, training_documents=3)}
    assert relations(groups, np.zeros(8, dtype=np.int8)) == {}


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        ({}, r"^1 document is left, and a split takes two.*add text, or cut a long one into several files$"),
        ({"short_lines": 4, "near_duplicate": 1}, r"5 were dropped: short_lines 4, near_duplicate 1.*relax"),
        ({"near_duplicate": 199}, r"of one form, raise corpus\.deduplication\.similarity \(now 0\.8\)"),
        ({"exact_duplicate": 3}, "all others say the same as one that was kept: add other text"),
    ],
)
def test_one_document_cannot_be_split_and_the_cause_is_named(drops: dict[str, int], expected: str) -> None:
    assert re.search(expected, str(missing_documents(np.array([False]), PLAIN, drops)))


def test_a_domain_without_documents_or_with_all_of_them_cannot_be_split() -> None:
    nothing = str(missing_documents(np.zeros(3, dtype=bool), WITH_DOMAIN, {}))
    assert nothing.startswith("corpus.domain d: 0 documents are left that match {path: d*}") and "`where`" in nothing
    everything = str(missing_documents(np.ones(3, dtype=bool), WITH_DOMAIN, {}))
    assert everything.startswith("0 documents are left outside the domain slice")
    assert missing_documents(np.array([True, True, False, False]), WITH_DOMAIN, {}) is None


def test_a_domain_is_all_that_its_patterns_match() -> None:
    domain = Domain(name="d", where={"source": "laws", "year": "19*"})
    assert in_domain(domain, "laws", {"year": 1999})
    assert not in_domain(domain, "laws", {"year": 2001})
    assert not in_domain(domain, "laws", {})
    assert not in_domain(domain, "novels", {"year": 1999})
    assert not in_domain(None, "laws", {})
