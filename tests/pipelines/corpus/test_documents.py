"""Held-out documents that are measured: which, and in which order."""

from __future__ import annotations

from desdecero.pipelines.corpus.documents import draw_documents


def documents(count: int) -> list[dict[str, str]]:
    return [{"id": f"d{i}", "text": "x" * (1 + 37 * i % 101)} for i in range(count)]


def test_documents_are_the_longest_start_of_the_seeds_order_that_fits() -> None:
    whole = draw_documents(documents(200), 10**9, seed=4)
    assert sorted(d["id"] for d in whole) == sorted(d["id"] for d in documents(200))
    for size in (2_00, 1_000, 5_000):
        drawn = draw_documents(documents(200), size, seed=4)
        assert drawn == whole[: len(drawn)]
        assert sum(len(d["text"]) for d in drawn) <= size < sum(len(d["text"]) for d in whole[: len(drawn) + 1])


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_reading() -> None:
    drawn = draw_documents(documents(200), 2_000, seed=0)
    assert draw_documents(reversed(documents(200)), 2_000, seed=0) == drawn
    assert draw_documents(documents(200), 2_000, seed=1) != drawn


def test_two_documents_are_drawn_even_if_they_are_too_long() -> None:
    assert len(draw_documents(documents(50), 1, seed=0)) == 2
    assert len(draw_documents(documents(1), 1, seed=0)) == 1
    assert draw_documents([], 1, seed=0) == []
