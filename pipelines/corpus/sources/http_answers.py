"""HTTP responses in an archive: status, headers, and unpacked body.

Chunked transfer and the content encodings gzip, deflate, br and zstd are undone. A body that contradicts its headers,
but is text as it stands, is taken unchanged: archives unpack bodies and keep the headers.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG, is_binary

MAX_ENCODINGS = 5
_STATUS = re.compile(rb"[ \t\r\n]*(?:HTTP/\d(?:\.\d)?|ICY)[ \t]+(\d{3})\b[^\n]*(?:\n|\Z)", re.IGNORECASE)
_BLANK = re.compile(rb"(?:\A|\n)\r?\n")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r?\n")


class BadBody(ValueError):
    """The body cannot be unpacked; the message is the reason for a quarantine."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with its headers."""

    status: str
    headers: Sequence[tuple[str, str]]
    raw: bytes
    """The body, as it was sent."""

    def values(self, name: str) -> list[str]:
        """Return the values of all headers of a name."""
        return [value for key, value in self.headers if key.lower() == name]

    def body(self, cut: bool = False) -> bytes:
        """Unpack the body. Raises `BadBody`. `cut`: the body is known to be truncated; unpack as much as possible."""
        body = self.raw
        if any("chunked" in value.lower() for value in self.values("transfer-encoding")):
            body = _joined_chunks(body, cut)
        named = [name.strip().lower() for value in self.values("content-encoding") for name in value.split(",")]
        for name in reversed(named[:MAX_ENCODINGS]):
            body = _unpacked(body, name.removeprefix("x-").strip("\"' "), cut)
        if body.startswith(_MAGIC["gzip"]):  # packed twice, or without a header
            body = _unpacked(body, "gzip", cut)
        return body


def parse_answer(block: bytes) -> Answer | None:
    """Parse the response in the block of a record; None if the block is only a body."""
    begun = _STATUS.match(block)
    if begun is None:
        return None
    blank = _BLANK.search(block, begun.end() - 1)
    head, body = (block[begun.end() : blank.start()], block[blank.end() :]) if blank else (block[begun.end() :], b"")
    return Answer(begun[1].decode(), list(_fields(head)), body)


def _fields(head: bytes) -> Iterator[tuple[str, str]]:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    for line in re.sub(r"\r?\n[ \t]+", " ", text).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def _joined_chunks(body: bytes, cut: bool) -> bytes:
    pieces: list[bytes] = []
    place = 0
    while place < len(body):
        size = _CHUNK.match(body, place)
        if size is None or (not pieces and size.end() + int(size[1], 16) > len(body)):
            if not pieces:
                return body  # joined before it was archived
            break
        length = int(size[1], 16)
        if length == 0:
            return b"".join(pieces)
        piece = body[size.end() : size.end() + length]
        pieces.append(piece)
        place = size.end() + length
        if len(piece) < length:
            break
        place += 2 if body[place : place + 2] == b"\r\n" else 1 if body[place : place + 1] == b"\n" else 0
    if pieces and not cut:
        raise BadBody("its transfer in chunks is damaged or cut off")
    return b"".join(pieces)


_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_PLAIN = ("", "identity", "none", "binary", "8bit", "7bit", "utf-8", "utf8")


def _unpacked(body: bytes, name: str, cut: bool) -> bytes:
    if name in _PLAIN or not body:
        return body
    unpack = _UNPACKERS.get(name)
    if unpack is None or not body.startswith(_MAGIC.get(name, b"")):
        if is_binary(body):
            raise BadBody(f"its content encoding {name[:40]!r} is not known, or not that of its bytes")
        return body
    try:
        return unpack(body, cut)
    except BadBody:
        raise
    except Exception as error:  # noqa: BLE001  each library raises errors of its own
        if not is_binary(body) and (name == "deflate" or _is_utf8(body)):
            return body
        raise BadBody(f"its content encoding {name} cannot be undone: {' '.join(str(error).split())[:200]}") from None


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _gzip(body: bytes, cut: bool) -> bytes:
    return _inflate(body, cut, 31)


def _deflate(body: bytes, cut: bool) -> bytes:
    try:
        return _inflate(body, cut, 15)
    except zlib.error:
        return _inflate(body, cut, -15)  # without the header that it should have


def _inflate(body: bytes, cut: bool, window: int) -> bytes:
    pieces, size, left = [], 0, body
    while left:
        stream = zlib.decompressobj(window)
        piece = stream.decompress(left, MAX_RECORD_BYTES + 1 - size)
        pieces.append(piece)
        size += len(piece)
        if size > MAX_RECORD_BYTES:
            raise BadBody(TOO_LONG)
        if not stream.eof and not cut:
            raise BadBody("its compressed body is cut off")
        left = stream.unused_data if stream.unused_data.startswith(_MAGIC["gzip"]) and window == 31 else b""
    return b"".join(pieces)


def _with_arrow(codec: str) -> Callable[[bytes, bool], bytes]:
    def unpack(body: bytes, cut: bool) -> bytes:
        import pyarrow as pa

        pieces, size = [], 0
        with pa.CompressedInputStream(pa.py_buffer(body), codec) as stream:
            try:
                while piece := stream.read(2**12 if cut else 2**20):
                    pieces.append(piece)
                    size += len(piece)
                    if size > MAX_RECORD_BYTES:
                        raise BadBody(TOO_LONG)
            except OSError:
                if not (cut and pieces):
                    raise
        return b"".join(pieces)

    return unpack


_UNPACKERS: dict[str, Callable[[bytes, bool], bytes]] = {
    "gzip": _gzip, "deflate": _deflate, "br": _with_arrow("brotli"), "brotli": _with_arrow("brotli"),
    "zstd": _with_arrow("zstd"),
}  # fmt: skip
