"""Held-out text that is measured: how documents are cut, which pieces are drawn, and how often."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from desdecero.pipelines.corpus.documents import PIECE_BYTES, Drawn, cut, draw_documents

WORDS = ["A", "piece", "of", "a", "novel,", "or", "law:", "ñandú,", "𝄞", "and", "語.", ""]


def prose(size: int, seed: int) -> str:
    """About so many bytes, with lines and paragraphs."""
    generator = np.random.default_rng(seed)
    words = [WORDS[i] + " \n"[int(j == 0)] * (1 + int(k == 0)) for i, j, k in generator.integers(0, 9, (size // 4, 3))]
    return "".join(words).encode()[:size].decode(errors="ignore")


def documents(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"d{i}", "text": prose(20 + 37 * i % 1001, i), "source": f"s{i % 2}", "language": "en"}
        for i in range(count)
    ]


def drawn_bytes(drawn: list[Drawn]) -> int:
    return sum(len(piece.encode()) for document in drawn for piece in document.pieces)


@pytest.mark.parametrize("limit", [64, 500, PIECE_BYTES])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000, 8001, 40_000])
def test_pieces_are_the_text_and_none_is_too_long_nor_a_splinter(size: int, limit: int) -> None:
    for text in (prose(size, seed=size), "語" * (size // 3), "\n\n" * (size // 2)):
        pieces = cut(text, limit)
        sizes = [len(piece.encode()) for piece in pieces]
        assert "".join(pieces) == text and max(sizes, default=0) <= limit
        assert len(pieces) < 2 or min(sizes) >= limit // 3


def test_a_cut_is_made_at_a_paragraph_or_a_line_or_a_space_where_there_is_one_near() -> None:
    spaces, lines = "abc def " * 40, "abc def\nabc def " * 40
    paragraphs = "abc def\nabc def\n\nabc def " * 40
    assert all(piece.startswith(" ") for piece in cut(spaces, 100)[1:])  # as a tokenizer expects a word
    assert all(piece.endswith("\n") for piece in cut(lines, 100)[:-1])
    assert all(piece.endswith("\n\n") for piece in cut(paragraphs, 120)[:-1])


def test_pieces_are_the_beginning_of_the_seeds_order_and_nearly_fill_the_size() -> None:
    for size in (2_000, 10_000, 50_000):
        drawn = draw_documents(documents(200), size, seed=4)
        assert size * 7 / 8 <= drawn_bytes(drawn) <= size
        larger = {d.id: d for d in draw_documents(documents(200), size + 100, seed=4)}
        if size >= 8 * PIECE_BYTES:
            assert all(set(d.numbers) <= set(larger[d.id].numbers) for d in drawn)


def test_all_is_drawn_where_all_fits_and_pieces_join_to_the_text() -> None:
    given = {d["id"]: d for d in [*documents(50), {"id": "novel", "text": prose(100_000, 1), "source": "s"}]}
    drawn = draw_documents(given.values(), 10**9, seed=4)
    assert {d.id: "".join(d.pieces) for d in drawn} == {i: d["text"] for i, d in given.items() if d["text"]}
    novel = next(d for d in drawn if d.id == "novel")
    assert len(novel.pieces) >= 13 and novel.length == len(given["novel"]["text"].encode())
    assert novel.numbers == tuple(range(len(novel.pieces))) and novel.facts == {"source": "s"}


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_reading() -> None:
    drawn = draw_documents(documents(200), 2_000, seed=0)
    assert draw_documents(reversed(documents(200)), 2_000, seed=0) == drawn
    assert draw_documents(documents(200), 2_000, seed=1) != drawn


def test_two_documents_are_drawn_where_there_are_two() -> None:
    assert len(draw_documents(documents(50), 1, seed=0)) == 2
    assert len(draw_documents(documents(1), 1, seed=0)) == 1
    assert draw_documents([], 1, seed=0) == []
    pair = [{"id": "short", "text": "A sentence."}, {"id": "novel", "text": prose(2_000_000, 0)}]
    for seed in range(5):
        assert {d.id for d in draw_documents(pair, 40_000, seed)} == {"short", "novel"}


def test_every_byte_is_drawn_equally_often_whatever_the_length_of_its_document() -> None:
    """By whole documents, those of over 100 kB were drawn a third as often as the others."""
    generator = np.random.default_rng(0)
    sizes = np.sort(np.exp(generator.normal(8, 1.8, 120))).astype(int).clip(200, 200_000)
    given = [{"id": f"{i}", "text": "word and\n" * (size // 9)} for i, size in enumerate(sizes)]
    lengths = np.array([len(document["text"]) for document in given])
    budget = lengths.sum() // 8
    draws, times = 300, np.zeros(len(given))
    for seed in range(draws):
        drawn = draw_documents(given, int(budget), seed)
        assert drawn_bytes(drawn) <= budget
        for document in drawn:
            times[int(document.id)] += drawn_bytes([document])
    groups = np.digitize(lengths, [2_000, 8_000, 40_000])
    shares = [times[groups == group].sum() / lengths[groups == group].sum() / draws for group in range(4)]
    assert shares == pytest.approx([np.mean(shares)] * 4, rel=0.08)
    assert np.mean(shares) == pytest.approx(1 / 8, rel=0.08)
