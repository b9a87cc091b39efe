"""Rows of tables as text: separated by commas, semicolons, tabs or bars, whichever yields the columns.

A damaged row is told, and reading goes on with the line behind the one where it began: a quote that never ends swallows
no other row.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence

from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG, LineDecoder, Undecodable
from desdecero.pipelines.corpus.sources.json_records import Record
from desdecero.pipelines.corpus.sources.streams import lines

SEPARATORS = ",;\t|"
MAX_REREAD = 4 * MAX_RECORD_BYTES
"""Characters that may be read twice because a row that swallowed them was damaged: more is no table."""
_HINT = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""Excel's first line, in tables that are not separated as the country has it."""


def read_csv(file: io.BufferedReader, columns: Sequence[str], decode: LineDecoder) -> Iterator[Record]:
    """A header, then one record a row. `columns` are those that hold a record's text.

    A row with more or fewer fields than the header is damaged: what it holds cannot be told apart. Raises `ValueError`
    where the header has not those columns, and where the rest of the file cannot be read.
    """
    csv.field_size_limit(MAX_RECORD_BYTES)
    source = _Lines(file, decode)
    names, separator = _header(source, columns)
    while (row := source.row(separator)) is not None:
        place = f"line {source.last}"
        yield from source.take_faults()
        if isinstance(row, str):
            source.rewind()
            literal = source.first_line.rstrip("\r\n").split("\t") if separator == "\t" else []
            if len(literal) != len(names):  # in tables with tabs, quotes often stand for themselves
                yield Record(f"line {source.begun}", f"not CSV: {row}", source.encoding, source.size)
                continue
            place, row = f"line {source.begun}", literal
        if len(row) > len(names) and not any(row[len(names) :]):
            row = row[: len(names)]
        if len(row) == len(names):
            yield Record(place, dict(zip(names, row, strict=True)), source.encoding, source.size)
        elif row:
            source.rewind()
            yield Record(
                f"line {source.begun}", f"{len(row)} fields below {len(names)} columns", source.encoding, source.size
            )
    yield from source.take_faults()


def _header(source: _Lines, columns: Sequence[str]) -> tuple[list[str], str]:
    """(names of the columns, what separates them). Raises `ValueError` where a wanted one is missing or there twice."""
    while source.peek() and not source.peek().strip():
        source.skip()
    if hint := _HINT.fullmatch(source.peek()):
        source.skip()
    text = source.peek()
    readings: dict[str, list[str]] = {}
    for separator in (*([hint[1]] if hint else []), *SEPARATORS):
        row = source.row(separator, keep=True)
        readings[separator] = [name.strip() for name in row] if isinstance(row, list) else []
    for separator, names in readings.items():
        if all(column in names for column in columns):
            source.row(separator)
            if twice := next((column for column in columns if names.count(column) > 1), None):
                raise ValueError(f"two columns are called {twice!r}: rename one")
            return _distinct(names), separator
    names = max(readings.values(), key=len)
    missing = ", ".join(repr(column) for column in columns)
    have = ", ".join(repr(name[:60]) for name in names[:40]) or repr(text.strip()[:200])
    raise ValueError(f"no column {missing}; it has {have}: set the source's text_field to the one that holds the text")


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of columns, the second of a name as `name (2)`."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


class _Lines:
    """Decoded lines, of which those of a damaged row but its first are read again."""

    def __init__(self, file: io.BufferedReader, decode: LineDecoder):
        self._lines, self._decode = lines(file), decode
        self._again: deque[tuple[int, str, str]] = deque()
        self._taken: list[tuple[int, str, str]] = []
        self._faults: list[Record] = []
        self._reread = 0

    def row(self, separator: str, keep: bool = False) -> list[str] | str | None:
        """The next row, or what is wrong with it; None at the end. `keep`: read it again the next time."""
        self._taken = []
        found: list[str] | str | None
        try:
            found = next(csv.reader(self, delimiter=separator, strict=True), None)
        except csv.Error as error:
            if any("\r" in line.rstrip("\r\n") for _, line, _ in self._taken):  # line ends of several kinds
                self._split()
                return self.row(separator, keep)
            found = str(error)
        if keep:
            self._again.extendleft(reversed(self._taken))
        return found

    def _split(self) -> None:
        """Read the lines of the last row again, each cut where it holds a line end of another kind."""
        again = [
            (number, f"{piece}\n", encoding)
            for number, line, encoding in self._taken
            for piece in line.rstrip("\r\n").split("\r")
        ]
        self._again.extendleft(reversed(again))

    def rewind(self) -> None:
        """Read the lines of the last row again, but its first."""
        again, self._taken = self._taken[1:], self._taken[:1]
        self._again.extendleft(reversed(again))
        self._reread += sum(len(line) for _, line, _ in again)
        if self._reread > MAX_REREAD:
            raise ValueError("not CSV: too many quotes that never end")

    @property
    def begun(self) -> int:
        return self._taken[0][0]

    @property
    def last(self) -> int:
        return self._taken[-1][0]

    @property
    def first_line(self) -> str:
        return self._taken[0][1]

    @property
    def encoding(self) -> str:
        """Of the row; the one that is not UTF-8, where its lines differ."""
        return next((encoding for _, _, encoding in self._taken if encoding != "utf-8"), "utf-8")

    @property
    def size(self) -> int:
        return sum(len(line) for _, line, _ in self._taken[:1_000])

    def peek(self) -> str:
        if not self._again:
            self._again.extend(line for line in [self._read()] if line)
        return self._again[0][1] if self._again else ""

    def skip(self) -> None:
        self._again.popleft()

    def take_faults(self) -> list[Record]:
        faults, self._faults = self._faults, []
        return faults

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if line is None:
            raise StopIteration
        self._taken.append(line)
        return line[1]

    def _read(self) -> tuple[int, str, str] | None:
        """The next line; one that is no text is empty, and told among the faults."""
        for number, line in self._lines:
            if line is None:
                self._faults.append(Record(f"line {number}", TOO_LONG, size=MAX_RECORD_BYTES))
                return number, "\n", "utf-8"
            try:
                text, encoding = self._decode(line)
            except Undecodable as error:
                self._faults.append(Record(f"line {number}", str(error), size=len(line)))
                return number, "\n", "utf-8"
            return number, f"{text}\n", encoding
        return None
