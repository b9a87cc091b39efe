"""An index of the training tokens: where a run of tokens stands in them, word for word, and how often.

    index = open_index(run, recipe)                        # RUN/trace/, built where it is missing or stale
    index.longest(tokens)                                  # for each token, how many from it on stand there
    index.places(tokens)                                   # every place of a run of tokens

Writes

    trace/<number>.sa      the suffix array of a part of the training tokens (Manber & Myers 1993): the places of its
                           tokens, 4 bytes each, in the order of the texts that begin there
    trace/index.json       the parts, the seal of the tokens that they were made of, and what held-out text matches

The order is that of the tokens' own bytes, by libdivsufsort (pydivsufsort, MIT): of its places those where a token
begins are kept. Parts end where documents do and are sorted one after another, so that memory does not grow with the
corpus; shards and arrays are mapped into memory, and a search reads a few dozen places.
"""

from __future__ import annotations

import bisect
import json
import mmap
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import replace_folder, sha256_file, write_json
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir

VERSION = 1
PART_TOKENS = 25_000_000
"""Sorting takes 5 bytes for each byte of tokens: 250 MB of memory for two-byte tokens, and as much for what is kept."""
LONGEST = 512
"""Tokens of a run that are compared; longer ones count as so long."""
HELD_OUT_PLACES = 1000
"""Places of held-out text that are looked up: a share is then known to 1.6 points (a standard error, at most)."""


@dataclass(frozen=True)
class Part:
    """Training tokens that were sorted together."""

    shard: str
    start: int
    tokens: int
    file: str
    sha256: str
    """Of the suffix array."""


@dataclass(frozen=True)
class Place:
    """A token of a shard."""

    shard: str
    position: int


class SuffixArray:
    """One part: its tokens' bytes and their suffix array, mapped into memory."""

    def __init__(self, shard: Path, part: Part, array: Path, width: int):
        self.part, self.width = part, width
        with shard.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with array.open("rb") as file:
            self._places = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)).cast("I")
        self._first = part.start * width
        self._end = self._first + part.tokens * width

    def match(self, text: bytes) -> int:
        """Return how many tokens of the beginning of `text` stand in this part, in one place."""
        size = len(text)
        place = bisect.bisect_left(self._places, text, key=lambda position: self._at(position, size))
        near = (self._places[one] for one in (place - 1, place) if 0 <= one < len(self._places))
        return max((_common(text, self._at(position, size), self.width) for position in near), default=0)

    def range(self, text: bytes) -> tuple[int, int]:
        """Return the first place in the array whose text begins with these bytes, and one beyond the last."""

        def key(position: int) -> bytes:
            return self._at(position, len(text))

        first = bisect.bisect_left(self._places, text, key=key)
        return first, bisect.bisect_right(self._places, text, lo=first, key=key)

    def places(self, text: bytes, most: int) -> tuple[int, list[Place]]:
        """Return how often these bytes stand here, and the first places where they do, in no order of the text."""
        first, end = self.range(text)
        positions = self._places[first : min(end, first + most)]
        return end - first, [Place(self.part.shard, self.part.start + position) for position in positions]

    def _at(self, position: int, size: int) -> bytes:
        begin = self._first + position * self.width
        return self._bytes[begin : min(begin + size, self._end)]


@dataclass(frozen=True)
class HeldOut:
    """What stands in the training tokens of held-out text, from places that a seed draws."""

    longest: Sequence[int]
    """For each place, tokens from it on that stand there."""
    room: Sequence[int]
    """For each place, tokens to the end of its document."""

    def share(self, tokens: int) -> float | None:
        """Return the share of the runs of so many tokens that stand in training; None where no document has so many."""
        fitting = [longest >= tokens for longest, room in zip(self.longest, self.room, strict=True) if room >= tokens]
        return sum(fitting) / len(fitting) if fitting else None


class TokenIndex:
    """The suffix arrays of all parts."""

    def __init__(self, arrays: Sequence[SuffixArray], dtype: np.dtype[Any], held_out: HeldOut):
        self.arrays, self.dtype, self.held_out = arrays, dtype, held_out

    def longest(self, tokens: Sequence[int] | NDArray[Any]) -> list[int]:
        """Return for each token how many from it on, up to `LONGEST`, stand together in the training tokens."""
        return _longest(self.arrays, np.asarray(tokens, self.dtype))

    def places(self, tokens: Sequence[int] | NDArray[Any], most: int = 5) -> tuple[int, list[Place]]:
        """Return how often these tokens stand in the training tokens, and some of the places."""
        text, count, places = np.asarray(tokens, self.dtype).tobytes(), 0, list[Place]()
        for array in self.arrays:
            found, some = array.places(text, most - len(places))
            count, places = count + found, places + some
        return count, places


def open_index(run: RunDir, recipe: Recipe) -> TokenIndex:
    """Return the index of the run's training tokens; it is built where it is missing or of other tokens.

    Raises `UserError` for a run without tokens, and for an index that was altered.
    """
    seal = run.seal("tokens", recipe)
    if seal is None:
        raise UserError(
            f"{run} has no tokens to look a text up in: make them with `desdecero run RECIPE --until tokens`"
        )
    dtype = np.dtype(run.report("tokens", recipe).dtype)
    content = _read(run.trace)
    if content is None or (content["version"], content["tokens"]) != (VERSION, seal.digest):
        with run.lock():
            _build(run, recipe, seal.digest, dtype)
        content = _read(run.trace)
        assert content is not None, "it has been written"
    arrays = []
    for part in (Part(**values) for values in content["parts"]):
        file = run.trace / part.file
        if not file.is_file() or sha256_file(file) != part.sha256:
            raise UserError(
                f"{file} was altered since it was built: delete the folder {run.trace}, and it is built anew"
            )
        arrays.append(SuffixArray(run.tokens / part.shard, part, file, dtype.itemsize))
    return TokenIndex(arrays, dtype, HeldOut(**content["held_out"]))


# --- building --------------------------------------------------------------------------------------------------


def _read(folder: Path) -> dict[str, Any] | None:
    """Read `index.json`; None where there is none. Raises `UserError` for one of another form."""
    file = folder / "index.json"
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if {"version", "tokens", "parts", "held_out"} <= set(content):
            return dict(content)
    except (ValueError, TypeError):
        pass
    raise UserError(f"{file} was altered since it was built: delete the folder {folder}, and it is built anew")


def _build(run: RunDir, recipe: Recipe, tokens: str, dtype: np.dtype[Any]) -> None:
    """Sort all parts, and write the index below `unsealed/` before it takes the place of the one that was there."""
    new = run.unsealed.trace
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    parts = list(_parts(run))
    bar = progress(title="trace: index", total=sum(size for _, _, size in parts), unit="token")
    written, arrays = list[Part](), list[SuffixArray]()
    for number, (shard, start, size) in enumerate(parts):
        file = new / f"{number:05d}.sa"
        sort_tokens(np.fromfile(run.tokens / shard, dtype, count=size, offset=start * dtype.itemsize)).tofile(file)
        written.append(Part(shard, start, size, file.name, sha256_file(file)))
        arrays.append(SuffixArray(run.tokens / shard, written[-1], file, dtype.itemsize))
        bar.update(size)
    bar.close()
    held_out = _held_out(run, recipe.seed, arrays, dtype)
    content = {"version": VERSION, "tokens": tokens, "parts": [asdict(part) for part in written]}
    write_json(new / "index.json", {**content, "held_out": asdict(held_out)})
    replace_folder(new, run.trace)


def sort_tokens(tokens: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the suffix array of tokens, of n: their places in the order of the bytes from each on."""
    from pydivsufsort import divsufsort

    width = tokens.dtype.itemsize
    places: NDArray[Any] = divsufsort(tokens.view(np.uint8))
    of_tokens: NDArray[np.uint32] = (places[places % width == 0] // width).astype(np.uint32)
    return of_tokens


def _parts(run: RunDir) -> Iterator[tuple[str, int, int]]:
    """Yield (shard, first token, number of tokens) of parts that end where documents do, of `PART_TOKENS` or so."""
    rows = read_index(run, "train")
    for shard in sorted(set(rows["shard"])):
        mine = rows["shard"] == shard
        order = np.argsort(rows["start"][mine])
        starts = rows["start"][mine][order]
        ends = starts + rows["tokens"][mine][order]
        first = 0
        for number in range(len(starts)):
            if number == len(starts) - 1 or ends[number + 1] - starts[first] > PART_TOKENS:
                yield str(shard), int(starts[first]), int(ends[number] - starts[first])
                first = number + 1


def read_index(run: RunDir, split: str) -> dict[str, NDArray[Any]]:
    """Return the columns id, shard, start and tokens of the documents of a split, in the order of the shards."""
    import pyarrow.parquet as pq

    table = pq.read_table(run.token_index, filters=[("split", "=", split)])
    return {name: table[name].to_numpy() for name in ("id", "shard", "start", "tokens")}


def _held_out(run: RunDir, seed: int, arrays: Sequence[SuffixArray], dtype: np.dtype[Any]) -> HeldOut:
    """Look up places of held-out text, each with the tokens to the end of its document, the closing one left out."""
    split = next((split for split in ("test", "validation") if run.token_files(split)), None)
    if split is None:
        return HeldOut([], [])
    rows = read_index(run, split)
    generator, lengths = np.random.default_rng(seed), rows["tokens"] - 1
    drawn = generator.choice(len(lengths), HELD_OUT_PLACES, p=lengths / lengths.sum())
    longest, room = list[int](), list[int]()
    for document in drawn.tolist():
        inside = int(generator.integers(lengths[document]))
        room.append(min(int(lengths[document]) - inside, LONGEST))
        offset = (int(rows["start"][document]) + inside) * dtype.itemsize
        tokens = np.fromfile(run.tokens / rows["shard"][document], dtype, count=room[-1], offset=offset)
        longest.append(max(array.match(tokens.tobytes()) for array in arrays))
    return HeldOut(longest, room)


# --- searching -------------------------------------------------------------------------------------------------


def _longest(arrays: Sequence[SuffixArray], tokens: NDArray[Any]) -> list[int]:
    text, width = tokens.tobytes(), tokens.dtype.itemsize
    return [
        max(array.match(text[start : start + LONGEST * width]) for array in arrays)
        for start in range(0, len(text), width)
    ]


def _common(one: bytes, other: bytes, width: int) -> int:
    """Return the number of tokens that two texts have in common at their beginning."""
    size = min(len(one), len(other))
    if one[:size] == other[:size]:
        return size // width
    different = int.from_bytes(one[:size], "little") ^ int.from_bytes(other[:size], "little")
    return ((different & -different).bit_length() - 1) // 8 // width
