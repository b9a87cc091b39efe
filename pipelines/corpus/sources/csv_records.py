"""Rows of tables as text: separated by commas, semicolons, tabs or bars, whichever yields the columns.

A damaged row is reported, and reading continues with the line after its first one: a quote that never ends swallows
no other row.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence

from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG, LineDecoder, Undecodable
from desdecero.pipelines.corpus.sources.json_records import ReadRecord
from desdecero.pipelines.corpus.sources.streams import lines

SEPARATORS = ",;\t|"
MAX_REREAD = 4 * MAX_RECORD_BYTES
"""Limit for the characters read twice because a damaged row swallowed them: a file with more is not a table."""
_HINT = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""Excel's first line, in tables whose separator differs from the locale's."""


def read_csv(file: io.BufferedReader, columns: Sequence[str], decode: LineDecoder) -> Iterator[ReadRecord]:
    """Read a header, then one record a row. `columns` are those that hold a record's text.

    A row with more or fewer fields than the header is damaged: its values cannot be assigned to columns. Raises
    `ValueError` if the header lacks those columns, or if the rest of the file cannot be read.
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
            if len(literal) != len(names):  # in tables with tabs, quotes are often literal
                yield ReadRecord(f"line {source.begun}", f"not CSV: {row}", source.encoding, source.size)
                continue
            place, row = f"line {source.begun}", literal
        if len(row) > len(names) and not any(row[len(names) :]):
            row = row[: len(names)]
        if len(row) == len(names):
            yield ReadRecord(place, dict(zip(names, row, strict=True)), source.encoding, source.size)
        elif row:
            source.rewind()
            yield ReadRecord(
                f"line {source.begun}", f"{len(row)} fields below {len(names)} columns", source.encoding, source.size
            )
    yield from source.take_faults()


def _header(source: _Lines, columns: Sequence[str]) -> tuple[list[str], str]:
    """Return (names of the columns, separator). Raises `ValueError` if a required one is missing or occurs twice."""
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
    """Return the names of columns, the second of a name as `name (2)`."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


class _Lines:
    """Decoded lines; after a damaged row, its lines except the first are read again."""

    def __init__(self, file: io.BufferedReader, decode: LineDecoder):
        self._lines, self._decode = lines(file), decode
        self._again: deque[tuple[int, str, str]] = deque()
        self._taken: list[tuple[int, str, str]] = []
        self._faults: list[ReadRecord] = []
        self._reread = 0

    def row(self, separator: str, keep: bool = False) -> list[str] | str | None:
        """Return the next row, or its fault; None at the end. `keep`: read it again the next time."""
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
        """Read the lines of the last row again, each cut at line ends of other kinds."""
        again = [
            (number, f"{piece}\n", encoding)
            for number, line, encoding in self._taken
            for piece in line.rstrip("\r\n").split("\r")
        ]
        self._again.extendleft(reversed(again))

    def rewind(self) -> None:
        """Read the lines of the last row again, except the first."""
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
        """Encoding of the row; the one that is not UTF-8, if its lines differ."""
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

    def take_faults(self) -> list[ReadRecord]:
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
        """Return the next line; one that is not text is empty, and reported among the faults."""
        for number, line in self._lines:
            if line is None:
                self._faults.append(ReadRecord(f"line {number}", TOO_LONG, size=MAX_RECORD_BYTES))
                return number, "\n", "utf-8"
            try:
                text, encoding = self._decode(line)
            except Undecodable as error:
                self._faults.append(ReadRecord(f"line {number}", str(error), size=len(line)))
                return number, "\n", "utf-8"
            return number, f"{text}\n", encoding
        return None
