"""What form a body is in: by the type that its headers state, and where they state none that helps, by its bytes.

Servers send pages without a type, with one that is misspelt (`text/html charset=utf-8`) or with one that says nothing
(`application/octet-stream`). What browsers do in such cases is written in the WHATWG's MIME Sniffing standard; here
less is asked, because only pages, plain text, PDF and e-books are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from desdecero.pipelines.corpus.document import Form
from desdecero.pipelines.corpus.sources.decoding import Undecodable, decode, is_binary

FORMS: dict[str, Form] = {
    "text/html": "html", "application/xhtml+xml": "html", "text/plain": "text", "application/pdf": "pdf",
    "application/epub+zip": "epub",
}  # fmt: skip
_VAGUE = frozenset((
    "application/octet-stream", "binary/octet-stream", "application/unknown", "unknown/unknown", "*/*",
    "application/x-unknown", "application/x-octet-stream", "application/force-download", "application/download",
    "application/x-download", "application/x-unknown-content-type", "content/unknown", "text/*", "text/unknown",
))  # fmt: skip
"""Types by which servers say that they do not know."""
_REGISTERED = frozenset(("application", "text", "image", "audio", "video", "font", "model", "multipart", "message"))
"""What types begin with: any other beginning is a mistake (`plain/text`), and tells nothing."""
_OTHER = re.compile(
    r"(?:image|video|audio|font|model|multipart|message)/|(?:text|application)/(?:x-)?(?:css|javascript|ecmascript"
    r"|json|csv|calendar|font|zip|gzip|shockwave|wasm|sql|vcard|turtle|markdown|rtf|msword|ms-|vnd\.ms|vnd\.oasis)"
    r"|[^;]*(?:\+json|rss\+xml|atom\+xml|svg\+xml)"
)
"""Types of what is no page and no book: they are believed."""
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
    """Nobody can tell what form a body is in; the message is the reason, ready for a quarantine."""


def stated(values: Iterable[str]) -> tuple[str | None, str | None]:
    """(type, charset) that headers `Content-Type` state, or None. Of several types, the first counts."""
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
    """Whether a stated type alone tells that a body is not read."""
    return media is not None and media not in FORMS and bool(_OTHER.match(media))


def form_of(media: str | None, identified: str | None, body: bytes) -> Form | None:
    """The form of a body; None for what is passed over (pictures, styles). Raises `UnknownType`.

    media: the type that it states. identified: the type that the archive found out (`WARC-Identified-Payload-Type`).
    """
    if is_passed_over(media):
        return None
    seen = recognise(body)
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


def _agreed(form: Form, seen: Form | None) -> Form:
    """The form as stated, unless the bytes are those of another beyond doubt: a page sent as text, a book as a page."""
    return seen if seen in ("pdf", "epub") or (seen == "html" and form == "text") else form


def recognise(body: bytes) -> Form | None:
    """The form that the first bytes tell of, or None where they tell of none that is read."""
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
