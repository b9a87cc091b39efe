"""The index of the training tokens says what a search through all of them says."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import hash_json, write_json
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens import suffix_array
from desdecero.pipelines.tokens.suffix_array import (
    HeldOut,
    Part,
    SuffixArray,
    TokenIndex,
    find_index,
    open_index,
    read_index,
    sort_tokens,
)


@pytest.fixture(scope="module")
def run(run_without_adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return RunDir(shutil.copytree(run_without_adapter, tmp_path_factory.mktemp("traced") / "run"))


@pytest.fixture(scope="module", params=["one part", "several parts"])
def index(request: pytest.FixtureRequest, run: RunDir) -> TokenIndex:
    shutil.rmtree(run.trace, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "several parts":
            patch.setattr(suffix_array, "PART_TOKENS", 3000)
        made = open_index(run, run.recipe())
    assert (len(made.arrays) > 1) == (request.param == "several parts")
    return made


def training(run: RunDir) -> NDArray[Any]:
    (shard,) = run.token_files("train")
    return np.fromfile(shard, run.report("tokens", run.recipe()).dtype)


def documents(run: RunDir) -> list[NDArray[Any]]:
    rows, tokens = read_index(run, "train"), training(run)
    return [tokens[start : start + size] for start, size in zip(rows["start"], rows["tokens"], strict=True)]


def count(tokens: NDArray[Any], wanted: NDArray[Any]) -> int:
    """How often tokens stand in others: each place of the first is tried, token by token."""
    places = np.arange(len(tokens) - len(wanted) + 1)
    for offset, token in enumerate(wanted):
        places = places[tokens[places + offset] == token]
    return len(places)


def test_it_agrees_with_a_search_on_training_spans_and_on_the_same_with_one_token_changed(
    run: RunDir, index: TokenIndex
) -> None:
    tokens, generator = training(run), np.random.default_rng(0)
    texts = [text for text in documents(run) if len(text) > 24]
    for _ in range(1000):
        text = texts[generator.integers(len(texts))]
        size = int(generator.integers(2, 24))
        start = int(generator.integers(len(text) - size))
        span = text[start : start + size].copy()
        found, places = index.places(span, most=3)
        assert found == count(tokens, span) >= 1 and len(places) == min(found, 3)
        assert all((tokens[place.position : place.position + size] == span).all() for place in places)
        assert index.longest(span)[0] == size
        span[generator.integers(size)] = generator.integers(20, 400)
        assert index.places(span)[0] == count(tokens, span)
        longest = index.longest(span)
        for first in {0, size // 2}:
            assert longest[first] == 0 or count(tokens, span[first : first + longest[first]]) > 0
            if first + longest[first] < size:
                assert count(tokens, span[first : first + longest[first] + 1]) == 0


def index_of(folder: Path, documents: Sequence[Sequence[int]], parts: int = 1, dtype: str = "<u2") -> TokenIndex:
    """Return the index of documents one after another, with nothing between them, in so many parts."""
    typed = np.dtype(dtype)
    ends, arrays = np.cumsum([len(document) for document in documents]), []
    np.concatenate(documents).astype(typed).tofile(folder / "train.bin")
    for number, group in enumerate(np.array_split(ends, parts)):
        start, file = int(arrays[-1].part.start + arrays[-1].part.tokens if arrays else 0), folder / f"{number}.sa"
        tokens = np.fromfile(folder / "train.bin", typed, int(group[-1]) - start, offset=start * typed.itemsize)
        sort_tokens(tokens).tofile(file)
        made = Part("train.bin", start, len(tokens), file.name, "")
        arrays.append(SuffixArray(folder / "train.bin", made, file, typed.itemsize, ends))
    return TokenIndex(arrays, typed, HeldOut([], []))


def longest_by_search(documents: Sequence[Sequence[int]], text: Sequence[int]) -> list[int]:
    known = {tuple(one[a:b]) for one in documents for a in range(len(one)) for b in range(a + 1, len(one) + 1)}
    found = []
    for start in range(len(text)):
        end = start
        while end < len(text) and tuple(text[start : end + 1]) in known:
            end += 1
        found.append(end - start)
    return found


@pytest.mark.parametrize("dtype", ["<u2", "<u4"])
@pytest.mark.parametrize("parts", [1, 3])
def test_no_run_crosses_the_end_of_a_document_even_where_no_closing_token_stands(
    parts: int, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suffix_array, "PIECE", 3)  # texts and runs are far longer than what is compared at a time
    generator = np.random.default_rng(parts)
    for alphabet in (2, 3, 40):
        documents = [
            generator.integers(alphabet, size=size).tolist() for size in generator.integers(1, 40, 12).tolist()
        ]
        index = index_of(tmp_path, documents, parts, dtype)
        middle = [token for document in documents[3:5] for token in document]
        text = [*generator.integers(alphabet + 1, size=60).tolist(), *documents[0], *documents[2], *middle]
        expected = longest_by_search(documents, text)
        assert index.longest(text) == expected
        reached = [start + length for start, length in enumerate(expected)]
        maximal = [(n, size) for n, size in enumerate(expected) if size and (n == 0 or reached[n] > reached[n - 1])]
        assert index.runs(text) == maximal
        assert index.runs(text, 5) == [(start, size) for start, size in maximal if size >= 5]
        for start, size in maximal:
            run = tuple(text[start : start + size])
            count = sum(tuple(one[at : at + size]) == run for one in documents for at in range(len(one)))
            assert index.places(run)[0] == count >= 1


def test_a_document_that_was_copied_whole_is_one_run_and_takes_time_in_proportion(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    words = generator.zipf(1.3, size=120_000) % 500
    documents = [words[:40_000], words[40_000:80_000], words[80_000:]]
    index = index_of(tmp_path, documents)

    def seconds(text: NDArray[Any]) -> float:
        started = time.process_time()
        assert index.runs(text, 20) == [(0, len(text))]
        return time.process_time() - started

    seconds(documents[1][:10_000])
    assert seconds(documents[1]) < 1
    between = np.concatenate([documents[2][:30_000], documents[1][100:20_100]])
    assert index.runs(between, 20) == [(0, 30_000), (30_000, 20_000)]
    changed = documents[1].copy()
    changed[25_000] = 600
    assert index.runs(changed, 20) == [(0, 25_000), (25_001, 14_999)]


def test_tokens_of_four_bytes_are_sorted_as_those_of_two() -> None:
    tokens = np.random.default_rng(0).integers(0, 5, 300)
    for dtype in ("<u2", "<u4"):
        typed = tokens.astype(dtype)
        expected = sorted(range(len(typed)), key=lambda place: typed[place:].tobytes())
        assert sort_tokens(typed).tolist() == expected


def test_the_share_of_held_out_text_counts_places_with_room_alone() -> None:
    held_out = HeldOut(longest=[9, 3, 8, 2], room=[20, 20, 8, 2])
    assert held_out.share(8) == 2 / 3
    assert held_out.share(2) == 1.0
    assert held_out.share(21) is None


def test_an_index_is_opened_again_as_it_is_and_one_of_other_tokens_is_built_anew(run: RunDir) -> None:
    shutil.rmtree(run.trace, ignore_errors=True)  # it may be one of several parts
    open_index(run, run.recipe())
    before = {file.name: file.stat().st_mtime_ns for file in run.trace.iterdir()}
    open_index(run, run.recipe())
    assert {file.name: file.stat().st_mtime_ns for file in run.trace.iterdir()} == before
    file = run.trace / "index.json"
    written = file.read_text(encoding="utf-8")
    content = json.loads(written)
    del content["seal"]
    for stale in (content | {"tokens": "0" * 64}, content | {"version": 1}):
        write_json(file, stale | {"seal": hash_json(stale)})
        assert find_index(run, run.recipe()) is None
        open_index(run, run.recipe())
        assert file.read_text(encoding="utf-8") == written


def test_an_index_whose_numbers_were_altered_is_refused(run: RunDir) -> None:
    open_index(run, run.recipe())
    file = run.trace / "index.json"
    written = file.read_text(encoding="utf-8")
    content = json.loads(written)
    for altered in (
        content | {"held_out": {"longest": [0, 0], "room": [9, 9]}},
        content | {"version": 99},
        content | {"parts": []},
        {name: value for name, value in content.items() if name != "seal"},
        {},
        [1],
    ):
        write_json(file, altered)
        with pytest.raises(UserError, match=r"index\.json was altered since it was built: delete the folder"):
            open_index(run, run.recipe())
    file.write_text(written, encoding="utf-8")
    open_index(run, run.recipe())


@pytest.mark.parametrize("name", ["train-00000.bin", "index.parquet", "ledger.parquet"])
def test_tokens_that_were_altered_or_taken_away_after_the_index_was_built_are_noticed(run: RunDir, name: str) -> None:
    open_index(run, run.recipe())
    file = run.tokens / name
    content = file.read_bytes()
    for altered in (content[:-1] + bytes([content[-1] ^ 1]), content[:-2], None):
        file.unlink()
        if altered is not None:
            file.write_bytes(altered)
        with pytest.raises(UserError, match=f"{name} is missing or not as it was sealed: `desdecero verify"):
            open_index(run, run.recipe())
    file.write_bytes(content)
    open_index(run, run.recipe())


@pytest.mark.parametrize("file", ["00000.sa", "index.json"])
def test_an_altered_index_is_refused_and_a_deleted_one_is_built(run: RunDir, file: str) -> None:
    open_index(run, run.recipe())
    content = (run.trace / file).read_bytes()
    (run.trace / file).write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    with pytest.raises(UserError, match=f"{file} was altered since it was built"):
        open_index(run, run.recipe())
    shutil.rmtree(run.trace)
    open_index(run, run.recipe())


def test_a_build_that_was_broken_off_leaves_what_was_there(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(run.trace, ignore_errors=True)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(suffix_array, "replace_folder", stopped)
    with pytest.raises(KeyboardInterrupt):
        open_index(run, run.recipe())
    assert not run.trace.exists()
    monkeypatch.undo()
    assert open_index(run, run.recipe()).arrays
