"""Bytes to text: UTF-8 where it is UTF-8, an older encoding where it is not, a refusal where it is no text.

What a file is written in is decided for the file, never for a line of it: two accents in a line tell nothing, those of
all lines do. `western.py` tells the older encodings apart. Where a file holds lines of several encodings (it was joined
from several), each is read in its encoding where that is sure, and the document says so in its metadata.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from desdecero.pipelines.corpus.sources import western

MAX_RECORD_BYTES = 64 * 2**20
"""A longer record is data, not a document (the Bible has 4 MB), and would not fit a worker's memory many times."""
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
    """The bytes are not text; the message is the reason, ready for a quarantine."""


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """Return (text, encoding) of a whole text.

    A byte order mark is believed. Else UTF-8 is, whatever was declared: no other encoding passes for it by chance.
    Then comes what was declared, if the bytes bear it out; then the older encoding of the West that makes words of them
    (`western.py`). A text joined from several is read line by line, and its encoding is then called
    `utf-8 and windows-1252`.

    Raises `Undecodable` for binary data, and for text that none of these makes sense of: to guess would fill the
    corpus with letters that nobody wrote.
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
    """Decodes the lines of one file, by what all of them show.

    It costs nothing as long as lines are UTF-8. At the first one that is not, the file's lines are read once more, and
    those that are not UTF-8 are judged together. A line that makes no sense in the encoding of the others, and much in
    another, is read in that one.
    """

    def __init__(self, lines: Callable[[], Iterable[bytes | None]]):
        """lines: gives the file's lines, from the first one; None for one that is too long."""
        self._lines = lines

    def __call__(self, line: bytes) -> tuple[str, str]:
        """(text, encoding) of a line. Raises `Undecodable` where it makes no sense in any, or is binary data."""
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
        """(text, encoding) of a line of text; where it makes no sense, its damaged spots as \ufffd, and None."""
        if self.has_utf8 and _is_mostly_utf8(line):
            return line.decode("utf-8", errors="mend"), "utf-8"
        if encoding := western.recognise_line(line, self.encoding, strict=self.has_utf8):
            return western.read(line, encoding), western.name(line, encoding)
        return line.decode("utf-8", errors="replace"), None

    @property
    def has_utf8(self) -> bool:
        """Are lines with characters beyond ASCII UTF-8, more than a few?"""
        return self._survey[0]

    @property
    def encoding(self) -> str | None:
        """Of the lines that are not UTF-8; None where they make no sense together."""
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
        return has_utf8, western.recognise(sample)


def _is_mostly_utf8(line: bytes) -> bool:
    """Are more of its characters beyond ASCII whole than damaged?"""
    try:
        line.decode("utf-8")
        return True
    except UnicodeDecodeError:
        text = line.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", errors="ignore")) - damaged > damaged


def declared_encoding(head: bytes) -> str | None:
    """The encoding that the opening of an HTML or XML file names, or None."""
    match = _DECLARED.search(head[:4096])
    return (match[1] or match[2]).decode("ascii", errors="replace") if match else None


def _marked(data: bytes) -> str | None:
    if data[:1] not in (b"\xef", b"\xff", b"\xfe", b"\x00"):  # most records, and there may be millions
        return None
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def is_binary(data: bytes) -> bool:
    """Over 1% of control characters: text has hardly any, random bytes have 10%, and machine formats NULs."""
    if len(data) <= _SAMPLE and len(data.translate(None, _CONTROLS)) == len(data):
        return False
    middle = len(data) // 2
    return any(
        len(sample) - len(sample.translate(None, _CONTROLS)) > len(sample) / 100
        for sample in (data[:_SAMPLE], data[middle : middle + _SAMPLE], data[-_SAMPLE:])
    )


def unmarked_utf16(sample: bytes) -> str | None:
    """UTF-16 without its mark: in Western text, every other byte is NUL, and the others are not."""
    if b"\0" not in sample:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if half >= 4 and odd > 0.6 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if half >= 4 and even > 0.6 * half and odd < 0.05 * half else None


def _mend(error: UnicodeError) -> tuple[str, int]:
    """A damaged spot in UTF-8: between letters, a byte of Windows-1252 that someone pasted there; else unknown."""
    assert isinstance(error, UnicodeDecodeError)
    start, end = error.start, error.end
    around = error.object[max(0, start - 1) : start] + error.object[end : end + 1]
    if end - start == 1 and error.object[start] >= 0xC0 and len(around) == 2 and around.isalpha():
        return error.object[start:end].decode("windows-1252"), end
    return "\ufffd", end


codecs.register_error("mend", _mend)


def _as_declared(data: bytes, declared: str | None) -> tuple[str, str] | None:
    """The text in the declared encoding, if it is one of text and fits the bytes."""
    try:
        codec = codecs.lookup((declared or "").strip())
        # Pages declare these two by default, whatever they are in; they fit any bytes, and so prove nothing.
        if codec.name in ("iso8859-1", "cp1252", "ascii", "utf-8") or not codec._is_text_encoding:
            return None
        if codec.name.replace("_", "-") in _NO_CHARSETS:
            return None
        text, name = data.decode(codec.name), codec.name
    except (LookupError, UnicodeError, ValueError):
        return None
    # An encoding of one byte a character fits almost anything: its controls (0x80 to 0x9F) are no text.
    return (text, name) if len(_C1.findall(text)) <= len(text) / 1000 else None


_NO_CHARSETS = ("utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined")
_C1 = re.compile("[\x80-\x9f]")
