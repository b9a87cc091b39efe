"""XML as a stream of events, safe for untrusted input: nothing is fetched, no entity is defined, nesting is bounded.

expat, in the standard library, reads in pieces of any size. Documents that define entities (the "billion laughs"
attack) are refused, not expanded.
"""

from __future__ import annotations

import html.entities
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal
from xml.parsers import expat

from desdecero.pipelines.corpus.document import Edits

MAX_DEPTH = 500
"""Limit for nested elements: articles and office documents have some thirty."""

Event = tuple[Literal["start", "end", "text"], str, dict[str, str]]
"""(kind, local name or text, attributes by local name)."""


class XmlDamage(ValueError):
    """The XML cannot be read further; the message is the reason for a quarantine."""


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events of an XML document that comes in pieces. Raises `XmlDamage`."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 2**16
    waiting: list[Event] = []
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise XmlDamage(f"nested deeper than {MAX_DEPTH} elements")
        waiting.append(("start", _local(name), {_local(key): value for key, value in attributes.items()}))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        waiting.append(("end", _local(name), {}))

    def refuse(name: str, *_: object) -> None:
        raise XmlDamage(f"it defines an entity of its own ({name[:50]}), as documents made to swell do")

    def skipped(name: str, is_parameter: bool) -> None:  # an entity of a DTD that is not fetched
        if not is_parameter:
            waiting.append(("text", html.entities.html5.get(f"{name};", "\ufffd"), {}))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: waiting.append(("text", text, {}))
    parser.EntityDeclHandler = refuse
    parser.SkippedEntityHandler = skipped
    for piece in chain(pieces, (b"",)):
        damage = None
        try:
            parser.Parse(piece, not piece)
        except expat.ExpatError as error:
            damage = XmlDamage(f"not well-formed XML: {error}")
        except XmlDamage as error:
            damage = error
        yield from waiting  # the events before the damage are sound
        waiting.clear()
        if damage:
            raise damage


def _local(name: str) -> str:
    return name.rpartition(":")[2]


@dataclass(frozen=True)
class Markup:
    """The roles of the elements of one XML vocabulary."""

    paragraphs: frozenset[str]
    skipped: frozenset[str] = frozenset()
    """Elements left out with all that they hold."""
    texts: frozenset[str] | None = None
    """The only elements whose text counts; None for all."""
    breaks: dict[str, str] = field(default_factory=dict)
    """Text that an empty element stands for: a tab, a new line."""
    cells: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    written: dict[str, Callable[[str, str], str]] = field(default_factory=dict)
    """Functions that write the text of an element in a line: (text, text before it) → text."""
    boxes: frozenset[str] = frozenset()
    """Paragraphs that float at a paragraph, and are read after it."""
    counted: dict[str, str] = field(default_factory=dict)
    """Elements that are left out and counted → kind of edit."""


def paragraphs(stream: Iterable[Event], markup: Markup, edits: Edits) -> Iterator[str]:
    """Yield the paragraphs of a document; a row of a table is one, its cells separated by bars."""
    pieces: list[str] = []
    cells: list[str] = []
    boxed: list[str] = []
    around: list[list[str]] = []  # paragraphs that have boxes in them
    starts: list[int] = []  # indexes in `pieces` where the elements that are written in a line begin
    skipping = texts = rows = 0

    def closed() -> str:
        found = "".join(pieces).strip()
        pieces.clear()
        starts.clear()
        return found

    for kind, name, attributes in stream:
        if skipping:
            skipping += {"start": 1, "end": -1, "text": 0}[kind]
            continue
        if kind == "text":
            if markup.texts is None or texts:
                pieces.append(name if texts else name.replace("\n", " "))
            continue
        if kind == "start" and name in markup.counted:
            edits.add(markup.counted[name])
        if kind == "start" and name in markup.skipped:
            skipping = 1
            continue
        if kind == "start" and name in markup.breaks:
            pieces.append(markup.breaks[name] * min(int(attributes.get("c", "1") or 1), 10))
        if markup.texts is not None and name in markup.texts:
            texts += 1 if kind == "start" else -1
        if name in markup.written:
            if kind == "start":
                starts.append(len(pieces))
            elif starts:
                start = starts.pop()
                before = "".join(pieces[max(0, start - 3) : start])
                pieces[start:] = [markup.written[name]("".join(pieces[start:]), before)]
        elif name in markup.rows:
            rows += 1 if kind == "start" else -1
            if kind == "end" and not rows:
                if row := " | ".join(cell for cell in cells if cell):
                    yield row
                cells.clear()
        elif name in markup.cells and rows:
            cells += [" ".join(closed().split())] if kind == "end" and rows == 1 else []
        elif name in markup.boxes and not rows:
            if kind == "start":
                around.append(pieces)
                pieces = []
            else:
                boxed += [found] if (found := closed()) else []
                pieces = around.pop()
        elif name in markup.paragraphs:
            if rows:
                pieces.append(" ")
            elif found := closed():
                if around:
                    boxed.append(found)
                else:
                    yield found
            if not around and not rows:
                yield from boxed
                boxed.clear()
    if found := closed():
        yield found
    yield from boxed
