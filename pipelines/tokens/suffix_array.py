"""An index of the training tokens: where a run of tokens stands in them, word for word, and how often.

    index = open_index(run, recipe)                        # RUN/trace/, built where it is missing or stale
    index.runs(tokens, 8)                                  # (first token, length) of those that lie in no longer one
    index.longest(tokens)                                  # for each token, how many from it on stand there
    index.places(tokens)                                   # how often a run of tokens stands there, and where

A run lies within one document; of one that packing cut into pieces, in one of these. Writes

    trace/<number>.sa      the suffix array of a part of the training tokens (Manber & Myers 1993): the places of its
                           tokens, 4 bytes each, in the order of the texts that begin there
    trace/index.json       the parts, the seal of the tokens that they were made of, what held-out text matches, and a
                           hash of all this

The order is that of the tokens' own bytes, by libdivsufsort (pydivsufsort, MIT): of its places those where a token
begins are kept. Parts end where documents do and are sorted one after another, so that memory does not grow with the
corpus; shards and arrays are mapped into memory, and a search reads a few dozen places. Where documents end is kept in
memory, 8 bytes for each.
"""

from __future__ import annotations

import bisect
import json
import mmap
import shutil
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.files import hash_json, replace_folder, sha256_file, write_json
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import AlteredFile, InvalidFile, Seal, check_regular

VERSION = 2
PART_TOKENS = 25_000_000
"""Sorting takes 5 bytes for each byte of tokens: 250 MB of memory for two-byte tokens, and as much for what is kept."""
PIECE = 32
"""Tokens that are compared at a time: more than most runs have, and few enough to be copied at no cost."""
HELD_OUT_PLACES = 1000
"""Places of held-out text that are looked up: a share is then known to 1.6 points (a standard error, at most)."""


Bytes = bytes | mmap.mmap
"""Of tokens."""


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
    """One part: its tokens' bytes and their suffix array, mapped into memory.

    ends: one beyond the last token of each document of the shard, or of each piece that one was cut into, ascending
    """

    def __init__(self, shard: Path, part: Part, array: Path, width: int, ends: NDArray[np.int64]):
        self.part, self.width = part, width
        with shard.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with array.open("rb") as file:
            self._places = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)).cast("I")
        self._first = part.start * width
        self._end = self._first + part.tokens * width
        self._ends = ends[np.searchsorted(ends, part.start, "right") :] - part.start
        self._each_end = self._ends.data

    def match(self, text: Bytes, start: int, limit: int) -> int:
        """Return how many tokens of a text, from `start` to before `limit`, stand in one document of this part.

        text: bytes of tokens; `start` and `limit` count tokens
        """
        text_start, text_end, best = start * self.width, limit * self.width, 0
        middle = self._insertion(text, text_start, text_end)
        for place, step in ((middle - 1, -1), (middle, 1)):
            # The nearest place has most in common. Where a document ends in it, the next may have more in one document.
            while 0 <= place < len(self._places):
                common = self._common(text, text_start, text_end, self._places[place])
                if common > best:
                    best = max(best, min(common, self._room(self._places[place])))
                if common <= best:
                    break
                place += step
        return best

    def places(self, text: bytes, most: int) -> tuple[int, list[Place]]:
        """Return how often these tokens stand in one document here, and some places where they do."""
        first, end = self._range(text)
        positions = np.asarray(self._places[first:end])
        rooms = self._ends[np.searchsorted(self._ends, positions, "right")] - positions
        inside = positions[rooms >= len(text) // self.width]
        return len(inside), [Place(self.part.shard, self.part.start + one) for one in inside[:most].tolist()]

    def _insertion(self, text: Bytes, start: int, end: int) -> int:
        """Return the place in the array before which all texts are smaller than these bytes, and none after it.

        Pieces of the text are compared that grow twofold, among the places that the shorter one leaves.
        """
        low, high, size = 0, len(self._places), PIECE * self.width
        while True:
            piece = text[start : min(start + size, end)]
            low = bisect.bisect_left(self._places, piece, low, high, key=lambda one: self._at(one, len(piece)))
            if start + size >= end or low == high or self._at(self._places[low], size) != piece:
                return low
            high = bisect.bisect_right(self._places, piece, low, high, key=lambda one: self._at(one, size))
            size *= 2

    def _range(self, text: bytes) -> tuple[int, int]:
        """Return the first place in the array whose text begins with these bytes, and one beyond the last."""

        def key(position: int) -> bytes:
            return self._at(position, len(text))

        first = self._insertion(text, 0, len(text))
        return first, bisect.bisect_right(self._places, text, lo=first, key=key)

    def _common(self, text: Bytes, start: int, end: int, position: int) -> int:
        """Return the number of tokens that a text and the training text from a position on begin with in common."""
        done, size, other_start = 0, PIECE * self.width, self._first + position * self.width
        room = min(end - start, self._end - other_start)
        while done < room:
            stop = min(done + size, room)
            one, other = text[start + done : start + stop], self._bytes[other_start + done : other_start + stop]
            if one != other:
                different = int.from_bytes(one, "little") ^ int.from_bytes(other, "little")
                return (done + ((different & -different).bit_length() - 1) // 8) // self.width
            done, size = stop, size * 2
        return room // self.width

    def _room(self, position: int) -> int:
        """Return the number of tokens from a position on to the end of its document."""
        return self._each_end[bisect.bisect_right(self._each_end, position)] - position

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

    def runs(self, tokens: Sequence[int] | NDArray[Any], least: int = 1) -> list[tuple[int, int]]:
        """Return (first token, tokens) of the runs of at least so many tokens that stand in one training document.

        Only those that lie in no longer one. A text that was copied whole takes time in proportion to its length.
        """
        text, count = np.asarray(tokens, self.dtype).tobytes(), len(tokens)
        found, start, reached = list[tuple[int, int]](), 0, 0
        while start < count and reached < count:
            length = _match(self.arrays, text, start, count)
            if start + length > reached:
                reached = start + length
                if length >= least:
                    found.append((start, length))
            start += 1
            if (inside := reached + 1 - PIECE) > start:  # far before the end of a run: go to the first that outlasts it

                def outlasts(place: int, beyond: int = reached + 1) -> bool:
                    return place + _match(self.arrays, text, place, beyond) == beyond

                start += bisect.bisect_left(range(start, inside), True, key=outlasts)
        return found

    def longest(self, tokens: Sequence[int] | NDArray[Any]) -> list[int]:
        """Return for each token how many from it on stand together in one training document."""
        reached = np.arange(len(tokens))
        for start, length in self.runs(tokens):
            reached[start : start + length] = start + length
        found: list[int] = (reached - np.arange(len(tokens))).tolist()
        return found

    def places(self, tokens: Sequence[int] | NDArray[Any], most: int = 5) -> tuple[int, list[Place]]:
        """Return how often these tokens stand in one training document, and some of the places."""
        text, count, places = np.asarray(tokens, self.dtype).tobytes(), 0, list[Place]()
        for array in self.arrays:
            found, some = array.places(text, most - len(places))
            count, places = count + found, places + some
        return count, places


def open_index(run: RunDir, recipe: Recipe, locked: bool = False) -> TokenIndex:
    """Return the index of the run's training tokens; it is built where it is missing or of other tokens.

    locked: True for a stage, whose command has locked the run

    Raises `UserError` for a run without tokens, and `AlteredFile` where these or the index were altered.
    """
    index = find_index(run, recipe)
    if index is None:
        with nullcontext() if locked else run.lock():
            _build(run, recipe, _tokens_seal(run, recipe))
        index = find_index(run, recipe)
        assert index is not None, "it has been written"
    return index


def find_index(run: RunDir, recipe: Recipe) -> TokenIndex | None:
    """Return the index of the run's training tokens; None where it is missing or of other tokens. Raises as above."""
    seal = _tokens_seal(run, recipe)
    content = _read(run)
    if content is None or content["tokens"] != seal.digest:
        return None
    dtype, ends = np.dtype(run.report("tokens", recipe).dtype), _ends(run)
    arrays = []
    for part in (Part(**values) for values in content["parts"]):
        file = run.trace / part.file
        if not file.is_file() or sha256_file(file) != part.sha256:
            raise _altered(run, file)
        arrays.append(SuffixArray(run.tokens / part.shard, part, file, dtype.itemsize, ends[part.shard]))
    return TokenIndex(arrays, dtype, HeldOut(**content["held_out"]))


def _tokens_seal(run: RunDir, recipe: Recipe) -> Seal:
    """Return the seal of the tokens, after hashing every file of theirs."""
    if not (run.tokens / "done.json").is_file():
        raise UserError(
            f"{run} has no tokens to look a text up in: make them with `desdecero run RECIPE --until tokens`"
        )
    run.report("tokens", recipe)  # names the fault of a seal that was altered
    seal = run.seal("tokens", recipe)
    assert seal is not None, "its report was read"
    for name, output in seal.outputs.items():
        file = run.path / name
        try:
            same = check_regular(file) == output["bytes"] and sha256_file(file) == output["sha256"]
        except (OSError, InvalidFile):
            same = False
        if not same:
            raise AlteredFile(
                name,
                f"{file} is missing or not as it was sealed: `desdecero verify {run}` names all that was "
                f"altered, and `desdecero tokens {run}` makes the tokens again",
            )
    return seal


def _altered(run: RunDir, file: Path) -> AlteredFile:
    return AlteredFile(
        run.place(file),
        f"{file} was altered since it was built: delete the folder {run.trace}, and it is built anew",
    )


# --- building --------------------------------------------------------------------------------------------------


def _read(run: RunDir) -> dict[str, Any] | None:
    """Read `index.json`; None where there is none or one of another version. Raises `AlteredFile`."""
    file = run.trace / "index.json"
    if not file.is_file():
        return None
    try:
        content = dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise _altered(run, file) from None
    if content.get("version") in range(1, VERSION):
        return None
    if content.pop("seal", None) != hash_json(content):
        raise _altered(run, file)
    return content


def _build(run: RunDir, recipe: Recipe, seal: Seal) -> None:
    """Sort all parts, and write the index below `unsealed/` before it takes the place of the one that was there."""
    new, dtype = run.unsealed.trace, np.dtype(run.report("tokens", recipe).dtype)
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    parts, ends = list(_parts(run)), _ends(run)
    bar = progress(title="trace: index", total=sum(size for _, _, size in parts), unit="token")
    written, arrays = list[Part](), list[SuffixArray]()
    for number, (shard, start, size) in enumerate(parts):
        file = new / f"{number:05d}.sa"
        sort_tokens(np.fromfile(run.tokens / shard, dtype, count=size, offset=start * dtype.itemsize)).tofile(file)
        written.append(Part(shard, start, size, file.name, sha256_file(file)))
        arrays.append(SuffixArray(run.tokens / shard, written[-1], file, dtype.itemsize, ends[shard]))
        bar.update(size)
    bar.close()
    held_out = _held_out(run, recipe.seed, arrays, dtype)
    content = {"version": VERSION, "tokens": seal.digest, "parts": [asdict(part) for part in written]}
    content["held_out"] = asdict(held_out)
    write_json(new / "index.json", {**content, "seal": hash_json(content)})
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


def _ends(run: RunDir) -> dict[str, NDArray[np.int64]]:
    """Return for each shard one beyond the last token of each document, or piece of one, in ascending order."""
    rows = read_index(run, "train")
    ends = rows["start"] + rows["tokens"]
    return {shard: np.sort(ends[rows["shard"] == shard]) for shard in set(rows["shard"])}


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
        room.append(int(lengths[document]) - inside)
        offset = (int(rows["start"][document]) + inside) * dtype.itemsize
        text = np.fromfile(run.tokens / rows["shard"][document], dtype, count=room[-1], offset=offset).tobytes()
        longest.append(_match(arrays, text, 0, room[-1]))
    return HeldOut(longest, room)


# --- searching -------------------------------------------------------------------------------------------------


def _match(arrays: Sequence[SuffixArray], text: Bytes, start: int, limit: int) -> int:
    return max(array.match(text, start, limit) for array in arrays)
