"""Decontamination: texts that the model will be measured on must not be in its training data.

Both sides are read as words in lower case, without signs, blanks and line ends. A passage of 13 words of an item in a
document is a match (Brown et al. 2020, appendix C); a shorter item matches as a whole, from 8 words on. Items that are
still shorter would match by chance; they are counted, because they are not searched for."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from desdecero.eval_suites.paired_sentences.probes import LANGUAGES, shipped_probes
from desdecero.pipelines import recipe as recipes
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.text_arrays import LETTER, Characters, SpanHasher, words

MIN_LETTERED = 0.5
"""Share of a passage's words that must hold a letter: `1 2 3 4 …` occurs in any table."""
_BATCH = 2000
_FILTER_BITS = 24
"""At most 16 MB for the table that rejects nearly every passage without a match."""
_SENTENCE_END = re.compile(r"[.!?…]+[\"'»”)\]]*\s+|\n\s*\n")


@dataclass(frozen=True, slots=True)
class Item:
    """A text of an evaluation suite."""

    suite: str
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """A passage of a document that occurs in an item too."""

    start: int
    end: int
    """Offset in characters of the document."""
    suite: str
    item: str


class Decontaminate:
    """The step. Drops with `contamination`, or removes the sentences that match, as the recipe says.

    Edits are counted by passage; examples show the passage, followed by `suite: item`.
    """

    name = "decontamination"

    def __init__(self, section: recipes.Decontamination):
        self.section = section
        self.index = Index(items_of(section), section.words, section.shortest)

    def __call__(self, draft: Draft) -> None:
        """Drop the draft or remove its matching sentences."""
        matches = self.index.matches(draft.text)
        for match in matches:
            draft.edits["contamination"] += 1
            passage = " ".join(draft.text[match.start : match.end].split())
            draft.show("contamination", passage, f"{match.suite}: {match.item}")
        if matches and self.section.action == "drop":
            draft.reason = "contamination"
        elif matches:
            draft.text = without_sentences(draft.text, matches)
            if not draft.text:
                draft.reason = "contamination"


class Index:
    """The passages of all items, indexed for search in many documents.

    Memory: 24 bytes for each passage of 13 words, of which an item of n words has n - 12.
    """

    def __init__(self, items: Iterable[Item], length: int = 13, shortest: int = 8):
        self.length = length
        self.items = list(items)
        self.too_short = 0
        """Number of items that are not searched for."""
        lengths: dict[int, list[tuple[NDArray[np.uint64], NDArray[np.int32]]]] = {}
        for start in range(0, len(self.items), _BATCH):
            batch = self.items[start : start + _BATCH]
            tokens = _Tokens([item.text for item in batch])
            sizes = np.bincount(tokens.texts, minlength=len(batch))
            self.too_short += int((sizes < shortest).sum())
            for size in range(shortest, length + 1):
                firsts = tokens.passages(size)
                # The whole item, or any passage of one that is long enough.
                firsts = firsts[(sizes[tokens.texts[firsts]] == size) | (size == length)]
                numbers = (tokens.texts[firsts] + start).astype(np.int32)
                lengths.setdefault(size, []).append((tokens.hashes(firsts, size), numbers))
        self._tables = {
            size: _Table(np.concatenate([hashes for hashes, _ in parts]), np.concatenate([own for _, own in parts]))
            for size, parts in lengths.items()
            if any(len(hashes) for hashes, _ in parts)
        }

    def items_in(self, text: str) -> set[int]:
        """Return the numbers of all items that share a passage with the text."""
        tokens = _Tokens([text])
        found: set[int] = set()
        for size, table in self._tables.items():
            firsts = np.arange(max(0, len(tokens.starts) - size + 1))
            found |= table.owners(tokens.hashes(firsts, size))
        return found

    def matches(self, text: str) -> list[Match]:
        """Return the matching passages, in order; neighbours that belong to one item are one passage.

        A passage that stands in several items is reported for the first of them.
        """
        tokens = _Tokens([text])
        found: list[tuple[int, int, int]] = []
        for size, table in self._tables.items():
            firsts, owners = table.find(tokens.hashes(np.arange(max(0, len(tokens.starts) - size + 1)), size))
            found += zip(firsts.tolist(), (firsts + size).tolist(), owners.tolist(), strict=True)
        joined: list[list[int]] = []
        for first, end, item in sorted(found):
            if joined and first <= joined[-1][1] and item == joined[-1][2]:
                joined[-1][1] = max(end, joined[-1][1])
            else:
                joined.append([first, end, item])
        return [
            Match(int(tokens.starts[first]), int(tokens.ends[end - 1]), self.items[item].suite, self.items[item].id)
            for first, end, item in joined
        ]


class _Tokens:
    """The words of several texts, and the hashes of their passages."""

    def __init__(self, texts: Sequence[str]):
        self._characters = Characters(texts)
        self.starts, self.ends = words(self._characters)
        self.texts = self._characters.text_of(self.starts)
        self._passage = SpanHasher(self._characters.hasher(fold=True)(self.starts, self.ends))

    def hashes(self, firsts: NDArray[np.int64], size: int) -> NDArray[np.uint64]:
        """Hash the passages of `size` words that begin with these."""
        return self._passage(firsts, firsts + size)

    def passages(self, size: int) -> NDArray[np.int64]:
        """Return the first words of the passages of `size` words that lie in one text and are not mostly figures."""
        firsts = np.arange(max(0, len(self.starts) - size + 1))
        inside = self.texts[firsts] == self.texts[firsts + size - 1]
        lettered = np.zeros(len(self._characters.kinds) + 1, dtype=np.int64)
        np.cumsum((self._characters.kinds & LETTER) != 0, out=lettered[1:])
        words_with_letters = np.zeros(len(self.starts) + 1, dtype=np.int64)
        np.cumsum(lettered[self.ends] > lettered[self.starts], out=words_with_letters[1:])
        inside &= words_with_letters[firsts + size] - words_with_letters[firsts] >= MIN_LETTERED * size
        found: NDArray[np.int64] = firsts[inside]
        return found


class _Table:
    """Maps the hash of a passage to the items that hold it."""

    def __init__(self, hashes: NDArray[np.uint64], items: NDArray[np.int32]):
        order = np.lexsort((items, hashes))
        self._owners = items[order]
        self._hashes, self._bounds = np.unique(hashes[order], return_index=True)
        self._items = self._owners[self._bounds]
        self._bounds = np.append(self._bounds, len(hashes))
        bits = min(_FILTER_BITS, max(10, int(16 * len(self._hashes)).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._seen = np.zeros(1 << bits, dtype=bool)
        self._seen[self._hashes >> self._shift] = True

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return (indexes of the hashes that are in the table, the first item of each)."""
        here, places = self._places(hashes)
        return here, self._items[places]

    def owners(self, hashes: NDArray[np.uint64]) -> set[int]:
        """Return all items that hold one of these passages."""
        _, places = self._places(hashes)
        return {
            int(item)
            for place in np.unique(places)
            for item in self._owners[self._bounds[place] : self._bounds[place + 1]]
        }

    def _places(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (indexes of the hashes that are in the table, their places in it)."""
        likely = np.flatnonzero(self._seen[hashes >> self._shift])
        places = np.minimum(np.searchsorted(self._hashes, hashes[likely]), len(self._hashes) - 1)
        here = self._hashes[places] == hashes[likely]
        return likely[here], places[here]


def without_sentences(text: str, matches: Sequence[Match]) -> str:
    """Remove the sentences that hold a match: half a sentence is bad training text."""
    bounds = [0, *(end.end() for end in _SENTENCE_END.finditer(text)), len(text)]
    starts = np.array(bounds[:-1])
    keep = np.ones(len(starts), dtype=bool)
    for match in matches:
        first, last = np.searchsorted(starts, [match.start, match.end - 1], side="right") - 1
        keep[first : last + 1] = False
    return "".join(text[bounds[i] : bounds[i + 1]] for i in np.flatnonzero(keep)).strip()


# --- suites ------------------------------------------------------------------------------------------------


def items_of(section: recipes.Decontamination) -> list[Item]:
    """Read all items that the section names."""
    own = list(_probes()) if section.probes else []
    return own + [item for suite in section.suites for item in read_suite(suite)]


def read_suite(suite: recipes.SuiteFile) -> Iterator[Item]:
    """Read the items of a file or of a folder: every text of every record, or those that the recipe names.

    Raises `UserError` if a file cannot be read: otherwise only part of the suite would be removed.
    """
    path = Path(suite.path)
    paths = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    if not path.exists():
        raise UserError(f"corpus.decontamination.suites: {suite.path}: no such file or folder; fix the path")
    read = 0
    for file in paths:
        if path.is_dir() and not any(file.name.endswith(ending) for ending in _READERS):
            continue
        for place, record in _records(file):
            for key, text in _texts(record, suite.fields):
                read += 1
                yield Item(suite.name, ":".join(part for part in (file.name.split(".")[0], place, key) if part), text)
    if not read:
        fields = f" with a text in {', '.join(suite.fields)}" if suite.fields else ""
        raise UserError(f"corpus.decontamination.suites: {suite.path}: no record{fields}; fix path or fields")


def _records(path: Path) -> Iterator[tuple[str, Any]]:
    reader = next((reader for ending, reader in _READERS.items() if path.name.endswith(ending)), None)
    if reader is None:
        raise UserError(f"{path}: a suite is read from {' '.join(_READERS)} files; convert it to one of them")
    try:
        yield from reader(path)
    except (OSError, EOFError, ValueError, csv.Error, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as a suite ({str(error).splitlines()[0]}); fix the file") from None


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if text := line.decode("utf-8-sig" if number == 1 else "utf-8").strip():
                yield str(number), text


def _json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    yield from ((place, json.loads(line)) for place, line in _lines(path))


def _table(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
        yield from ((str(number), row) for number, row in enumerate(rows, start=1))


def _parquet(path: Path) -> Iterator[tuple[str, Any]]:
    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1000):
            for row in batch.to_pylist():
                number += 1
                yield str(number), row


def _tree(path: Path) -> Iterator[tuple[str, Any]]:
    """Read a whole JSON or YAML file; its lists are its records, at any depth."""
    text = path.read_text(encoding="utf-8")
    yield "", json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


_READERS = {
    ".txt": _lines, ".jsonl": _json_lines, ".jsonl.gz": _json_lines, ".csv": _table, ".tsv": _table,
    ".parquet": _parquet, ".json": _tree, ".yaml": _tree, ".yml": _tree,
}  # fmt: skip


def _texts(value: Any, fields: Sequence[str], key: str = "", named: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every text in a record, or of those below the keys in `fields`."""
    if isinstance(value, str):
        if value.strip() and (named or not fields):
            yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, fields, f"{key}.{name}".strip("."), named or name in fields)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value, start=1):
            yield from _texts(inner, fields, f"{key}.{number}".strip("."), named)


def _probes() -> Iterator[Item]:
    """Yield the project's own probes of bias, with each of their mentions."""
    for language in LANGUAGES:
        for probes in shipped_probes(language):
            for context in probes.contexts:
                for mention in (mention for pair in probes.pairs for mention in pair):
                    yield Item("probes", context.id, f"{mention} {context.context}")
