"""Bytes to text: UTF-8 if valid, otherwise an older encoding, otherwise a refusal if it is not text.

The encoding is decided for the whole file, never for a single line: two accents in a line prove nothing, those of all
lines do. `western.py` distinguishes the older encodings. In a file with lines of several encodings (joined from several
files), each line is read in its encoding if that is certain, and the document's metadata names them.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from desdecero.pipelines.corpus.sources import western

MAX_RECORD_BYTES = 64 * 2**20
"""A longer record is data, not a document (the Bible has 4 MB), and several would not fit a worker's memory."""
TOO_LONG = f"longer than {MAX_RECORD_BYTES // 2**20} MB"

_SAMPLE = 64 * 1024
_CONTROLS = bytes(sorted(set(range(32)) - set(b"\t\n\r\f\x1b")))
_MARKS = (  # that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_DECLARED = re.compile(
    rb"<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]+)|<meta[^>]{0,200}?\bcharset\s*=\s*[\"']?\s*([\w.:-]+)",
    re.IGNORECASE,
)


class Undecodable(ValueError):
    """The bytes are not text; the message is the reason for a quarantine."""


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """Return (text, encoding) of a whole text.

    A byte order mark is trusted. Otherwise UTF-8 is tried, whatever was declared: no other encoding is valid UTF-8 by
    chance. Then comes the declared encoding, if the bytes fit it; then the older Western encoding in which the text
    makes words (`western.py`). A text joined from several is read line by line, and its encoding is then called `utf-8
    and windows-1252`.

    Raises `Undecodable` for binary data, and for text that fits none of these: a guess would fill the corpus with wrong
    letters.
    """
    if marked := _marked(data) or unmarked_utf16(data[:_SAMPLE]):
        return data.decode(marked, errors="replace"), marked
    if is_binary(data):
        raise Undecodable("binary data, not text")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    lines = data.split(b"\n")
    decoder = LineDecoder(lambda: lines)
    if not decoder.has_utf8 and (found := _as_declared(data, declared)):
        return found
    read = [decoder.read(line) for line in lines]
    beyond = Counter(encoding for (_, encoding), line in zip(read, lines, strict=True) if not line.isascii())
    if decoder.encoding and not decoder.has_utf8 and set(beyond) <= {decoder.encoding, None, "latin-1"}:
        return western.read(data, decoder.encoding), western.name(data, decoder.encoding)
    if set(beyond) == {None}:
        raise Undecodable(UNKNOWN)
    names = [name or "what is not known" for name, _ in beyond.most_common()]
    return "\n".join(text for text, _ in read), " and ".join(names)


UNKNOWN = "in an encoding that is neither UTF-8 nor of the West: convert it to UTF-8"


class LineDecoder:
    """Decodes the lines of one file, by the evidence of all of them.

    It costs nothing as long as lines are UTF-8. At the first one that is not, the file's lines are read once more, and
    those that are not UTF-8 are judged together. A line that makes no sense in the encoding of the others, but does in
    another, is read in that one.
    """

    def __init__(self, lines: Callable[[], Iterable[bytes | None]]):
        """lines: yields the file's lines, from the first one; None for one that is too long."""
        self._lines = lines

    def __call__(self, line: bytes) -> tuple[str, str]:
        """Return (text, encoding) of a line. Raises `Undecodable` if it makes no sense in any, or is binary data."""
        if marked := _marked(line):
            return line.decode(marked, errors="replace"), "utf-8" if marked == "utf-8-sig" else marked
        if is_binary(line):
            raise Undecodable("binary data, not text")
        try:
            text = line.decode("utf-8")
            if "_survey" not in self.__dict__ or self.has_utf8 or line.isascii():
                return text, "utf-8"
        except UnicodeDecodeError:
            pass
        text, encoding = self.read(line)
        if encoding is None:
            raise Undecodable("not UTF-8, as other lines of the file are" if self.has_utf8 else UNKNOWN)
        return text, encoding

    def read(self, line: bytes) -> tuple[str, str | None]:
        """Return (text, encoding) of a line of text; if it makes no sense, its damaged bytes as \ufffd, and None."""
        if self.has_utf8 and _is_mostly_utf8(line):
            return line.decode("utf-8", errors="repair"), "utf-8"
        if encoding := western.recognize_line(line, self.encoding, strict=self.has_utf8):
            return western.read(line, encoding), western.name(line, encoding)
        return line.decode("utf-8", errors="replace"), None

    @property
    def has_utf8(self) -> bool:
        """True if more than a few of the lines with characters beyond ASCII are UTF-8."""
        return self._survey[0]

    @property
    def encoding(self) -> str | None:
        """Encoding of the lines that are not UTF-8; None if they make no sense together."""
        return self._survey[1]

    @cached_property
    def _survey(self) -> tuple[bool, str | None]:
        counts = Counter[bool]()

        def foreign() -> Iterator[bytes]:
            for line in self._lines():
                if line is not None and not line.isascii():
                    in_utf8 = _is_mostly_utf8(line)
                    counts[in_utf8] += 1
                    if not in_utf8:
                        yield line

        sample = western.sample(foreign())
        has_utf8 = counts[True] > counts[False] / 50  # "—él" in MacRoman is UTF-8 by chance
        return has_utf8, western.recognize(sample)


def _is_mostly_utf8(line: bytes) -> bool:
    """Tell whether more of its characters beyond ASCII are whole than damaged."""
    try:
        line.decode("utf-8")
        return True
    except UnicodeDecodeError:
        text = line.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", errors="ignore")) - damaged > damaged


def declared_encoding(head: bytes) -> str | None:
    """Return the encoding that the opening of an HTML or XML file names, or None."""
    match = _DECLARED.search(head[:4096])
    return (match[1] or match[2]).decode("ascii", errors="replace") if match else None


def _marked(data: bytes) -> str | None:
    if data[:1] not in (
        b"\xef",
        b"\xff",
        b"\xfe",
        b"\x00",
    ):  # fast path for most records, of which there may be millions
        return None
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def is_binary(data: bytes) -> bool:
    """Detect over 1% of control characters: text has hardly any, random bytes have 10%, and machine formats NULs."""
    if len(data) <= _SAMPLE and len(data.translate(None, _CONTROLS)) == len(data):
        return False
    middle = len(data) // 2
    return any(
        len(sample) - len(sample.translate(None, _CONTROLS)) > len(sample) / 100
        for sample in (data[:_SAMPLE], data[middle : middle + _SAMPLE], data[-_SAMPLE:])
    )


def unmarked_utf16(sample: bytes) -> str | None:
    """Detect UTF-16 without its mark: in Western text, every other byte is NUL, and the others are not."""
    if b"\0" not in sample:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if half >= 4 and odd > 0.6 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if half >= 4 and even > 0.6 * half and odd < 0.05 * half else None


def _repair(error: UnicodeError) -> tuple[str, int]:
    """Decode a damaged spot in UTF-8: between letters, a byte of pasted Windows-1252; otherwise U+FFFD."""
    assert isinstance(error, UnicodeDecodeError)
    start, end = error.start, error.end
    around = error.object[max(0, start - 1) : start] + error.object[end : end + 1]
    if end - start == 1 and error.object[start] >= 0xC0 and len(around) == 2 and around.isalpha():
        return error.object[start:end].decode("windows-1252"), end
    return "\ufffd", end


codecs.register_error("repair", _repair)


def _as_declared(data: bytes, declared: str | None) -> tuple[str, str] | None:
    """Decode the text in the declared encoding, if it is one of text and fits the bytes."""
    try:
        codec = codecs.lookup((declared or "").strip())
        # Pages declare these two by default, whatever they are in; they fit any bytes, and so prove nothing.
        if codec.name in ("iso8859-1", "cp1252", "ascii", "utf-8") or not codec._is_text_encoding:  # noqa: SLF001  no public name
            return None
        if codec.name.replace("_", "-") in _NO_CHARSETS:
            return None
        text, name = data.decode(codec.name), codec.name
    except (LookupError, UnicodeError, ValueError):
        return None
    # A single-byte encoding fits almost any bytes: its controls (0x80 to 0x9F) do not occur in text.
    return (text, name) if len(_C1.findall(text)) <= len(text) / 1000 else None


_NO_CHARSETS = ("utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined")
_C1 = re.compile("[\x80-\x9f]")
