"""The format of a body: by the type that its headers state, and if they state no useful one, by its bytes.

Servers send pages without a type, with a misspelt one (`text/html charset=utf-8`) or with one that says nothing
(`application/octet-stream`). The WHATWG's MIME Sniffing standard describes what browsers do in such cases; less is
needed here, because only pages, plain text, PDF and e-books are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from desdecero.pipelines.corpus.document import FileFormat
from desdecero.pipelines.corpus.sources.decoding import Undecodable, decode, is_binary

FORMS: dict[str, FileFormat] = {
    "text/html": "html", "application/xhtml+xml": "html", "text/plain": "text", "application/pdf": "pdf",
    "application/epub+zip": "epub",
}  # fmt: skip
_VAGUE = frozenset((
    "application/octet-stream", "binary/octet-stream", "application/unknown", "unknown/unknown", "*/*",
    "application/x-unknown", "application/x-octet-stream", "application/force-download", "application/download",
    "application/x-download", "application/x-unknown-content-type", "content/unknown", "text/*", "text/unknown",
))  # fmt: skip
"""Types that servers send for unknown content."""
_REGISTERED = frozenset(("application", "text", "image", "audio", "video", "font", "model", "multipart", "message"))
"""Valid beginnings of types: any other beginning is a mistake (`plain/text`), and is ignored."""
_OTHER = re.compile(
    r"(?:image|video|audio|font|model|multipart|message)/|(?:text|application)/(?:x-)?(?:css|javascript|ecmascript"
    r"|json|csv|calendar|font|zip|gzip|shockwave|wasm|sql|vcard|turtle|markdown|rtf|msword|ms-|vnd\.ms|vnd\.oasis)"
    r"|[^;]*(?:\+json|rss\+xml|atom\+xml|svg\+xml)"
)
"""Types of content other than pages and books: they are trusted."""
_TYPE = re.compile(r"[\s\"']*([a-z0-9*][\w.+*-]*/[\w.+*-]+)", re.IGNORECASE)
_SHORT = re.compile(r"[\s\"']*(?:text[\s;:-]+)?(x?html?)\b", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*[=:]\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_PAGE = re.compile(
    r"[\ufeff\s]*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|title|meta|link|script"
    r"|style|h[1-6]|p|div|table|article|section|main|header|nav|center|font|iframe|a|b|br|ul|ol|img)\b",
    re.IGNORECASE | re.DOTALL,
)
_TAGS = re.compile(r"</(?:p|div|a|li|td|span|h[1-6]|title|body|article)>", re.IGNORECASE)
_DATA = re.compile(
    r"[\ufeff\s]*(?:[\[{]\s*[\"\[{\]}\d]|<\?xml|<(?:rss|feed|svg|urlset|sitemapindex)\b|/\*"
    r"|(?:var|function|import|export) )"
)
_HEAD = 4096


class UnknownType(ValueError):
    """The format of a body cannot be determined; the message is the reason for a quarantine."""


def stated(values: Iterable[str]) -> tuple[str | None, str | None]:
    """Return (type, charset) that headers `Content-Type` state, or None. Of several types, the first counts."""
    media = charset = None
    for value in values:
        if charset is None and (match := _CHARSET.search(value)):
            charset = match[1]
        if media is None:
            if match := _TYPE.match(value):
                media = match[1].lower()
            elif _SHORT.match(value):
                media = "text/html"
    return media, charset


def is_passed_over(media: str | None) -> bool:
    """Tell whether a stated type alone shows that a body is not read."""
    return media is not None and media not in FORMS and bool(_OTHER.match(media))


def form_of(media: str | None, identified: str | None, body: bytes) -> FileFormat | None:
    """Return the format of a body; None for one to skip (pictures, styles). Raises `UnknownType`.

    media: the stated type. identified: the type that the archive detected (`WARC-Identified-Payload-Type`).
    """
    if is_passed_over(media):
        return None
    seen = recognize(body)
    named = FORMS.get((identified or "").partition(";")[0].strip().lower())
    form = FORMS.get(media) if media else None
    if form is not None:
        return "html" if form == "text" and named == "html" else _agreed(form, seen)
    if media and media not in _VAGUE and media.partition("/")[0] in _REGISTERED:
        if found := seen if seen in ("html", "pdf", "epub") else named:
            return found
        raise UnknownType(f"its type {media[:60]} is none that is read")
    if found := _agreed(named, seen) if named else seen:
        return found
    if media and is_binary(body):
        return None  # archives and fonts are sent so
    raise UnknownType("it states no type that helps, and its bytes are of no kind that is read")


def _agreed(form: FileFormat, seen: FileFormat | None) -> FileFormat:
    """Return the stated format, unless the bytes prove another: a page sent as text, a book as a page."""
    return seen if seen in ("pdf", "epub") or (seen == "html" and form == "text") else form


def recognize(body: bytes) -> FileFormat | None:
    """Return the format that the first bytes show, or None if they show none that is read."""
    start = body[:1024].lstrip(b"\r\n\t \0")
    if start.startswith(b"%PDF-"):
        return "pdf"
    if start.startswith(b"PK\x03\x04") and b"mimetypeapplication/epub+zip" in start[:100]:
        return "epub"
    try:
        head = decode(body[:_HEAD])[0]
    except Undecodable:
        return None
    if _PAGE.match(head) or len(_TAGS.findall(head)) >= 3:
        return "html"
    signs = sum(map(head.count, "{}=;<>"))
    return "text" if head.strip() and not _DATA.match(head) and signs <= len(head) / 25 else None
