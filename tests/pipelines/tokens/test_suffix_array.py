"""The index of the training tokens says what a search through all of them says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokens import suffix_array
from desdecero.pipelines.tokens.suffix_array import HeldOut, TokenIndex, open_index, read_index, sort_tokens


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
    windows = np.lib.stride_tricks.sliding_window_view(tokens, len(wanted))
    return int((windows == wanted).all(axis=1).sum())


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
    content = (run.trace / "index.json").read_text(encoding="utf-8")
    seal = run.seal("tokens", run.recipe())
    assert seal is not None
    (run.trace / "index.json").write_text(content.replace(seal.digest, "0" * 64), encoding="utf-8")
    open_index(run, run.recipe())
    assert (run.trace / "index.json").read_text(encoding="utf-8") == content


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
