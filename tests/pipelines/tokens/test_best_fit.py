"""Best-fit packing loses nothing, cuts only what does not fit, and wastes little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens import shards as token_shards
from desdecero.pipelines.tokens.best_fit import Comparison, best_fit, cut, lay_out
from desdecero.pipelines.tokens.shards import BestFit, Shards

END, PADDING = 0, 1


def lengths(seed: int, number: int, longest: int) -> np.ndarray:
    """Short ones, long ones, and those that just do or do not fit."""
    generator = np.random.default_rng(seed)
    drawn = np.exp(generator.uniform(0, np.log(longest), number)).astype(np.int64)
    return np.maximum(1, drawn + generator.integers(-1, 2, number))


def documents(sizes: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Each with tokens of its own number, from 2 on, and closed by the end."""
    numbered = enumerate(sizes.tolist())
    return [(str(number), np.append(np.full(size - 1, 2 + number), END).astype("<u2")) for number, size in numbered]


def packed(out: Path, sizes: np.ndarray, block_length: int) -> tuple[np.ndarray, list[dict[str, int]]]:
    """(blocks, rows of the index), as the stage writes them, a few documents at a time."""
    run = RunDir(out)
    run.tokens.mkdir()
    texts, rows = documents(sizes), []
    with Shards(run, "train", np.dtype("<u2")) as shards:
        packing = BestFit(shards, block_length, END, PADDING)
        for start in range(0, len(texts), 7):
            rows.append(packing.add(texts[start : start + 7]))
        rows.append(packing.finish())
    tokens = np.concatenate([np.fromfile(file, "<u2") for file in run.token_files("train")])
    return tokens.reshape(-1, block_length), pa.concat_tables(rows).to_pylist()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("block_length", [16, 17, 33, 100])
def test_every_token_is_there_once_and_only_long_documents_are_cut(
    tmp_path: Path, seed: int, block_length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_shards, "WINDOW_TOKENS", 2000)  # several windows,
    monkeypatch.setattr(token_shards, "SHARD_TOKENS", 1000)  # and several files
    sizes = lengths(seed, 150, 3 * block_length)
    blocks, rows = packed(tmp_path, sizes, block_length)
    files = {name: np.fromfile(RunDir(tmp_path).tokens / name, "<u2") for name in {row["shard"] for row in rows}}
    assert len(files) > 1
    texts = dict(documents(sizes))
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["id"], []).extend(files[row["shard"]][row["start"] : row["start"] + row["tokens"]])
    assert {name: tokens.tolist() for name, tokens in texts.items()} == found
    pieces = [row["id"] for row in rows]
    for name, tokens in texts.items():
        assert (pieces.count(name) > 1) is (len(tokens) >= block_length)
    # What no row speaks of is padding, and one end of text at most in a block, at its beginning.
    spoken_of = {name: np.zeros(len(file), bool) for name, file in files.items()}
    for row in rows:
        place = spoken_of[row["shard"]][row["start"] : row["start"] + row["tokens"]]
        assert not place.any()
        place[:] = True
    rest = np.concatenate([np.where(spoken_of[n], PADDING, files[n]) for n in sorted(files)]).reshape(-1, block_length)
    assert (rest[:, 1:] == PADDING).all() and np.isin(rest[:, 0], (END, PADDING)).all()
    assert blocks.size == sum(map(len, files.values()))


def test_the_token_before_a_piece_says_what_it_is(tmp_path: Path) -> None:
    """After the end of text a document begins; what goes on with one is at the edge, or after padding."""
    sizes = lengths(3, 400, 300)
    blocks, rows = packed(tmp_path, sizes, 50)
    seen, edges = set(), 0
    flat = blocks.ravel()
    for row in rows:
        goes_on = row["id"] in seen
        seen.add(row["id"])
        if row["start"] % 50 == 0:
            edges += 1
            assert goes_on
        else:
            assert flat[row["start"] - 1] == (PADDING if goes_on else END)
    assert edges > 10


def test_the_same_documents_are_packed_alike(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        made.append(packed(tmp_path / name, lengths(5, 300, 200), 40))
    assert np.array_equal(made[0][0], made[1][0]) and made[0][1] == made[1][1]


@pytest.mark.parametrize("seed", range(5))
def test_things_go_where_one_by_one_best_fit_decreasing_puts_them(seed: int) -> None:
    """The plain algorithm, a thing at a time, fills its bins to the same levels."""
    sizes = lengths(seed, 500, 90).clip(max=100)
    bins, number = best_fit(sizes, 100)
    rooms: list[int] = []
    for size in sorted(sizes.tolist(), reverse=True):
        fitting = [room for room in rooms if room >= size]
        if fitting:
            rooms[rooms.index(min(fitting))] -= size
        else:
            rooms.append(100 - size)
    assert sorted(np.bincount(bins, sizes, number).astype(int).tolist()) == sorted(100 - room for room in rooms)


def test_pieces_make_up_their_documents() -> None:
    sizes = np.arange(1, 200)
    document, start, length = cut(sizes, 20)
    assert np.array_equal(np.bincount(document, length), sizes)
    assert (length >= 1).all() and length[start > 0].max() == 20 and length[start == 0].max() == 19


def test_prose_is_packed_with_little_waste_and_cut_less(prose: list[str]) -> None:
    sizes = [len(text) // 4 for text in prose]
    comparison = Comparison()
    comparison.add(sizes)
    for found in comparison.report():
        context, fitted, stream = found.context_length, found.best_fit, found.concatenate
        assert fitted.documents_cut == sum(size > context for size in sizes) <= stream.documents_cut
        assert fitted.documents_cut_that_would_fit == stream.padding_share == 0
        if context <= 1024:
            assert 0 < fitted.padding_share < 0.02
    border, cut_by_stream = 0, 0
    for size in sizes:
        cut_by_stream += border // 256 != (border + size - 1) // 256
        border += size
    assert comparison.report()[0].concatenate.documents_cut == cut_by_stream


def test_layout_counts_its_padding() -> None:
    layout = lay_out(np.array([10, 3]), 16)  # <end> + 13 tokens + 2 of padding
    assert (len(layout.opens), layout.padding(16)) == (1, 2)
