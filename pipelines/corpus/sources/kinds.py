"""The kind of a file: by the suffix of its name, and if that does not help, by its first bytes."""

from __future__ import annotations

import codecs
import re
from typing import Literal

from desdecero.pipelines.corpus.document import FileFormat
from desdecero.pipelines.corpus.sources.decoding import is_binary, unmarked_utf16

Records = Literal["json", "csv", "parquet"]
Kind = FileFormat | Records | Literal["zip"]

WHOLE: dict[str, FileFormat] = {
    ".txt": "text", ".md": "text", ".rst": "text", ".html": "html", ".htm": "html", ".xhtml": "html", ".pdf": "pdf",
    ".epub": "epub", ".docx": "docx", ".odt": "odt", ".rtf": "rtf", ".xml": "jats", ".nxml": "jats", ".tex": "latex",
}  # fmt: skip
"""Files that are one document."""
RECORDS: dict[str, Records] = {
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".tab": "csv",
    ".parquet": "parquet",
}  # fmt: skip
"""Files of records."""
SUFFIXES = (*WHOLE, *RECORDS, ".zip")
SOFFICE = "soffice --headless --convert-to"
REMEDIES = {
    **dict.fromkeys((".doc", ".dot"), f"an old Word document: save it as .docx ({SOFFICE} docx)"),
    **dict.fromkeys((".xls", ".xlsx", ".ods"), f"a spreadsheet: save its sheets as .csv ({SOFFICE} csv)"),
    **dict.fromkeys((".ppt", ".pptx", ".odp"), f"slides: save them as .pdf ({SOFFICE} pdf)"),
    **dict.fromkeys((".mobi", ".azw", ".azw3", ".fb2", ".lit"), "an e-book: convert it to .epub (ebook-convert)"),
    **dict.fromkeys((".djvu", ".ps"), "scanned or printed pages: convert them to .pdf or text"),
    **dict.fromkeys((".rar", ".7z", ".tar", ".tgz", ".tbz2", ".txz"), "an archive: unpack it"),
    **dict.fromkeys((".warc", ".wet", ".arc"), "web pages in an archive: read it with a source of kind `web_archive`"),
    **dict.fromkeys((".css", ".js", ".mjs", ".map", ".svg"), "layout or code of a web page, no prose"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp"), "a picture: read its text with OCR"),
    **dict.fromkeys((".mp3", ".mp4", ".wav", ".ogg", ".m4a", ".avi", ".mov", ".mkv"), "sound or film: transcribe it"),
}
"""Suffix → description of a file that no reader accepts, and what to do about it."""
_MAGIC: tuple[tuple[bytes, Kind | str], ...] = (
    (b"%PDF-", "pdf"), (b"{\\rtf", "rtf"), (b"PAR1", "parquet"), (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".doc"), (b"\x1f\x8b", "compressed: add .gz to its name"),
    (b"BZh", "compressed: add .bz2 to its name"), (b"\xfd7zXZ\0", "compressed: add .xz to its name"),
    (b"\x28\xb5\x2f\xfd", "compressed: add .zst to its name"),
)  # fmt: skip

_JSON = re.compile(rb'(?:\[\s*)?\{\s*"[^"\\\n]{1,100}"\s*:')
"""The beginning of an object of JSON, or an array of them; no text begins like this."""


def kind_of(suffix: str, head: bytes) -> Kind | str:
    """Return the kind of a file, or the reason why no reader accepts it. `head`: its first bytes."""
    if known := WHOLE.get(suffix) or RECORDS.get(suffix):
        return known
    if suffix == ".zip":
        return "zip"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            if kind == "zip":
                return _zipped(suffix, head)
            if kind == ".doc":
                return REMEDIES.get(suffix, "a document of an old Office: save it as .docx, .csv or .pdf")
            return kind
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or unmarked_utf16(head):
        return "text"
    if is_binary(head):
        return REMEDIES.get(suffix) or f"no reader for {suffix or 'a name without a suffix'}: binary data, not text"
    opening = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if opening.startswith((b"<!doctype html", b"<html")):
        return "html"
    if _JSON.match(opening):
        return "json"
    if suffix in REMEDIES and suffix not in (".doc", ".dot"):
        return REMEDIES[suffix]
    return "text"


def _zipped(suffix: str, head: bytes) -> Kind | str:
    """Return the kind of a zip file, by its first member."""
    if suffix in REMEDIES:
        return REMEDIES[suffix]
    if b"mimetypeapplication/epub+zip" in head[:200]:
        return "epub"
    if b"mimetypeapplication/vnd.oasis.opendocument.text" in head[:200]:
        return "odt"
    return "docx" if head[30:49] == b"[Content_Types].xml" and b"word/" in head else "zip"
