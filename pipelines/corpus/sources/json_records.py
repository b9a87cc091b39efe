"""Objects of JSON in all the layouts in which data sets have them.

    an object a line                        .jsonl .ndjson, and often .json.gz
    [{…}, {…}]                              an array; its objects are read one by one
    {…} {…}                                 objects one behind the other, over several lines each
    {"data": [{…}, {…}], …}                 an object with one list of objects: those of the list

A damaged object is reported, and reading continues after it. Memory: one object, or one block of the file.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG, LineDecoder
from desdecero.pipelines.corpus.sources.streams import lines, with_head

Item = TypeVar("Item")


class ReadRecord(NamedTuple):
    """One record of a file."""

    place: str
    """`line 12`, `row 12`, `item 12`."""
    fields: dict[str, Any] | str
    """The fields, or the reason why it cannot be read."""
    encoding: str = "utf-8"
    size: int = 0
    """Its size in bytes, exact or approximate."""


_BLOCK = 2**20
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
"""A string, or a bracket; a single quote opens a string that continues in the next block."""


def read_json(file: io.BufferedReader, columns: Sequence[str], decode: LineDecoder) -> Iterator[ReadRecord]:
    """Read the objects of a file. `columns` are those that hold a record's text.

    Raises `ValueError` if the rest of the file cannot be read.
    """
    head, file = with_head(file)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[") and not _is_lines(head):
        for number, element in enumerate(_elements(iter(lambda: file.read1(_BLOCK), b""), 1), start=1):
            yield _record(f"item {number}", element, decode)
        return
    first, found = _ahead(_objects(file), 2)
    if len(first) == 1:
        yield from _single(*first[0], columns, decode)
        next(found)
    for place, line in found:
        yield _record(place, line, decode)


def _objects(file: io.BufferedReader) -> Iterator[tuple[str, bytes | None]]:
    """Yield (place, bytes) of objects, each on a line or over several."""
    first, rest = _ahead(((number, line) for number, line in lines(file) if line is None or line.strip()), 2)
    if not first:
        yield from (("", None) for _ in rest)  # raises what stopped the reading
        return
    opening, following = (*(line for _, line in first), None)[:2]
    begins = following and following.lstrip().startswith((b"{", b"["))
    by_lines = begins and not (opening or b"").rstrip().endswith((b"{", b"[", b","))
    if opening is None or by_lines or _is_whole(opening):
        yield from ((f"line {number}", line) for number, line in rest)
    else:
        elements = _elements((_held(line) + b"\n" for _, line in rest), 0)
        yield from ((f"item {number}", element) for number, element in enumerate(elements, start=1))


def _ahead(items: Iterator[Item], count: int) -> tuple[list[Item], Iterator[Item]]:
    """Return (the first items, all of them); an error of reading ahead is raised after the items that were read."""
    read: list[Item] = []
    try:
        read.extend(islice(items, count))
    except Exception as error:  # noqa: BLE001  raised again behind the items read
        return read, chain(read, _raising(error))
    return read, chain(read, items)


def _raising(error: Exception | None) -> Iterator[Any]:
    if error:
        raise error
    yield


def _held(line: bytes | None) -> bytes:
    if line is None:
        raise ValueError(f"a line {TOO_LONG}: write an object a line (.jsonl)")
    return line


def _is_lines(head: bytes) -> bool:
    """Tell whether each line is a separate array."""
    first, _, rest = head.partition(b"\n")
    return rest.lstrip().startswith(b"[") and _is_whole(first)


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("latin-1"))
        return True
    except (ValueError, RecursionError):
        return False


def _elements(blocks: Iterable[bytes], depth: int) -> Iterator[bytes]:
    """Yield the objects, arrays and strings at this depth of brackets: none, or those of one array."""
    held, at, start, level, number = b"", 0, -1, 0, 1
    for block in blocks:
        if len(held) > MAX_RECORD_BYTES:
            raise ValueError(f"item {number} is {TOO_LONG}: write an object a line (.jsonl)")
        held, at, start = (held[start:] + block, at - start, 0) if start >= 0 else (held[at:] + block, 0, -1)
        for token in _TOKEN.finditer(held, at):
            sign = token[0]
            if sign == b'"':
                break
            at = token.end()
            if sign in b"{[":
                start = token.start() if level == depth else start
                level += 1
            elif sign in b"}]":
                level -= 1
                if level < depth:
                    return
            if level == depth and (start >= 0 or sign[:1] == b'"'):
                yield held[start if start >= 0 else token.start() : at]
                start, number = -1, number + 1
    if start >= 0 or level > 0:
        raise ValueError(f"not JSON: it ends inside item {number}")


def _single(place: str, data: bytes | None, columns: Sequence[str], decode: LineDecoder) -> Iterator[ReadRecord]:
    """Read the only object of a file: a record, or one that holds them all in a list."""
    record = _record(place, data, decode, _MARKING)
    fields = record.fields
    if isinstance(fields, dict) and not any(column.partition(".")[0] in fields for column in columns):
        lists = [
            value
            for value in fields.values()
            if isinstance(value, list) and any(isinstance(item, dict | RepeatedKey) for item in value)
        ]
        if len(lists) == 1:
            for number, item in enumerate(lists[0], start=1):
                yield ReadRecord(f"item {number}", _checked(item), record.encoding, record.size // len(lists[0]))
            return
    yield record if isinstance(fields, str) else record._replace(fields=_checked(fields))


def _record(
    place: str, data: bytes | None, decode: LineDecoder, json_decoder: json.JSONDecoder | None = None
) -> ReadRecord:
    if data is None:
        return ReadRecord(place, TOO_LONG, size=MAX_RECORD_BYTES)
    encoding = "utf-8"
    try:
        text, encoding = decode(data)
        fields = _object((json_decoder or _JSON).decode(text))
    except json.JSONDecodeError as error:
        fields = f"not JSON: {error.msg} at character {error.pos + 1}"
    except RepeatedKey as error:
        fields = str(error)
    except (ValueError, RecursionError) as error:  # not text; an endless number or nesting
        fields = f"not JSON: {error}"
    return ReadRecord(place, fields, encoding, len(data))


def _object(value: Any) -> dict[str, Any] | str:
    if isinstance(value, RepeatedKey):
        return str(value)
    return value if isinstance(value, dict) else f"not a JSON object but {type(value).__name__}"


def _checked(value: Any) -> dict[str, Any] | str:
    """Return the object, unless a key is repeated anywhere in it."""
    return _object(next(_repeated(value), value))


def _repeated(value: Any) -> Iterator[RepeatedKey]:
    if isinstance(value, RepeatedKey):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _repeated(inner)


class RepeatedKey(ValueError):
    """An object has two values under one name."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _marked(pairs)
    if isinstance(found, RepeatedKey):
        raise found
    return found


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any] | RepeatedKey:
    """Return the object, or its fault in its place: a file of one object loses no other record by it."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    name = next(name for name in names if names.count(name) > 1)
    return RepeatedKey(f"the key {name[:100]!r} is there {names.count(name)} times in one object: give it once")


_JSON = json.JSONDecoder(strict=False, object_pairs_hook=_distinct)
_MARKING = json.JSONDecoder(strict=False, object_pairs_hook=_marked)
