"""Web pages from WARC files and plain text from WET files (ISO 28500), local or over HTTPS, as Common Crawl has them.

Responses with status 200 that hold HTML, plain text, PDF or an e-book are read; pictures, styles and errors are
skipped. A response whose format cannot be determined, or whose body cannot be unpacked, is quarantined. Each document
keeps its address, the date when it was fetched, and its publisher's reservations, in headers and tags (which a WET file
has lost) and for the whole site (`site_rules.py`), as far as archives hold them."""

from __future__ import annotations

import http.client
import io
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.local_paths import is_web_address
from desdecero.pipelines.corpus.document import Document, FileFormat, Quarantined
from desdecero.pipelines.corpus.sources import files
from desdecero.pipelines.corpus.sources.contents import FileOnDisk
from desdecero.pipelines.corpus.sources.decoding import MAX_RECORD_BYTES, TOO_LONG, Undecodable, decode
from desdecero.pipelines.corpus.sources.extraction import require
from desdecero.pipelines.corpus.sources.gzip_members import GzipMembers
from desdecero.pipelines.corpus.sources.http_answers import BadBody, parse_answer
from desdecero.pipelines.corpus.sources.languages import iso_639_1
from desdecero.pipelines.corpus.sources.media_types import UnknownType, form_of, is_passed_over, stated
from desdecero.pipelines.corpus.sources.records import declared_license, printable
from desdecero.pipelines.corpus.sources.reservations import merge, signals
from desdecero.pipelines.corpus.sources.site_rules import MAX_BYTES, Sites, is_rules
from desdecero.pipelines.corpus.sources.streams import DAMAGES
from desdecero.pipelines.corpus.sources.warc_records import WRONG_LENGTH, WarcRecord, records
from desdecero.pipelines.recipe import WebArchive

COMMON_CRAWL = "https://data.commoncrawl.org/"
"""Base of the paths in Common Crawl's lists."""
SUFFIXES = (".warc", ".warc.gz", ".wet", ".wet.gz")
LISTS = (".paths", ".paths.gz")
TIMEOUT = 60
"""Seconds of silence after which a server is given up."""


def contents(source: WebArchive) -> list[str | FileOnDisk]:
    """List the files, those that a list names included; of remote ones, the address."""
    found: list[str | FileOnDisk] = []
    for path in (source.site_rules, source.path):
        if path is None or is_web_address(path):
            found += [path] if path else []
            continue
        found += files.contents_of(path)
        if path.endswith(LISTS) and Path(path).is_file():
            locations = [Path(location) for location in _locations(source, path) if not is_web_address(location)]
            found += [FileOnDisk(location.name, location) for location in locations]
    return found


def read(source: WebArchive) -> Iterator[Document | Quarantined]:
    """Yield the documents of every file. Raises `UserError` if there is none, or if an address does not answer."""
    known = declared_license(source)
    sites = Sites()
    for location in _locations(source, source.site_rules) if source.site_rules else ():
        pages = _read_file(source, location, known.expression, known.evidence, sites)
        yield from (item for item in pages if isinstance(item, Quarantined))
    readable, fault = False, ""
    for location in _locations(source, source.path)[: source.max_files]:
        for item in _read_file(source, location, known.expression, known.evidence, sites):
            if isinstance(item, Document):
                readable = True
            elif not fault:
                fault = f" ({item.place}: {item.reason})"
            yield item
    if not readable:
        raise UserError(f"source {source.name}: no readable pages in {source.path}{fault}: give WARC or WET files")


def _locations(source: WebArchive, path: str) -> list[str]:
    """Return the files to read, by path or address."""
    if path.endswith(LISTS):
        with _open(source, path) as file:
            listed = file.read(MAX_RECORD_BYTES)
        folder = None if is_web_address(path) else Path(path).parent
        paths = [line.strip() for line in listed.decode("utf-8").splitlines() if line.strip()]
        return [_located(path, folder) for path in paths]
    if is_web_address(path):
        return [path]
    found = [str(path) for path in files.find(path)[1] if path.name.endswith(SUFFIXES)]
    if not found:
        raise UserError(f"source {source.name}: no {' '.join(SUFFIXES)} file at {path}: fix `path`")
    return found


def _located(path: str, folder: Path | None) -> str:
    """Resolve a line of a list: an address, a file relative to the list, or a path of Common Crawl."""
    if is_web_address(path):
        return path
    return str(folder / path) if folder and (folder / path).is_file() else COMMON_CRAWL + path


def _open(source: WebArchive, location: str) -> io.BufferedReader:
    """Open the content of a file, decompressed."""
    try:
        if is_web_address(location):
            file = cast(io.BufferedReader, urllib.request.urlopen(location, timeout=TIMEOUT))
        else:
            file = io.BufferedReader(io.FileIO(location))
        return io.BufferedReader(GzipMembers(file), 2**17) if location.lower().endswith(".gz") else file
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"source {source.name}: cannot read {location} ({reason}): fix `path` or the network") from None


def _read_file(
    source: WebArchive, location: str, expression: str, evidence: str, sites: Sites
) -> Iterator[Document | Quarantined]:
    name = printable(location.rpartition("/")[2])
    number = 0
    try:
        with _open(source, location) as file:
            for record in records(file):
                if isinstance(record, str):
                    yield Quarantined(f"{name}, after record {number}", record)
                    continue
                number += 1
                found = _document(record, sites)
                if isinstance(found, str):
                    yield Quarantined(f"{name}, record {number}{_address(record)}", found)
                elif found:
                    form, text, data, language, meta = found
                    require(form)
                    terms = {"terms": source.terms} if source.terms else {}
                    yield Document(
                        id=f"{name}#{number}", text=text, source=source.name, license=expression,
                        license_evidence=evidence, language=language or source.language or "",
                        meta={**terms, **meta, "path": name}, form=form, data=data,
                    )  # fmt: skip
    except (*DAMAGES, http.client.HTTPException) as error:
        yield Quarantined(f"{name}, after record {number}", " ".join(str(error).split())[:300] or type(error).__name__)


def _address(record: WarcRecord) -> str:
    address = record.headers.get("warc-target-uri", "").strip("<>")
    return f" ({printable(address[:200])})" if address else ""


_Found = tuple[FileFormat, str, bytes, str, dict[str, Any]]
"""Format, text, data, language and metadata of a document."""


def _document(record: WarcRecord, sites: Sites) -> _Found | str | None:
    """Return the document in a record; the reason if it cannot be read; None for a record that is not a document.

    A site's rules for all its pages are added to `sites`.
    """
    header = record.headers
    if header.get("warc-type", "").lower() not in ("response", "resource", "conversion"):
        return None
    address = header.get("warc-target-uri", "").strip("<>")
    if address.startswith(("dns:", "whois:", "ftp:", "metadata:", "urn:")):
        return None
    if record.damage and record.damage != WRONG_LENGTH:
        return record.damage
    cut = "warc-truncated" in header
    answer = parse_answer(record.block) if header["warc-type"].lower() == "response" else None
    if answer is not None and answer.status != "200":
        return None
    types = answer.values("content-type") if answer else _own_type(header)
    media, charset = stated(types)
    if is_passed_over(media) and not is_rules(address):
        return None
    try:
        body = answer.body(cut) if answer else record.block
        if is_rules(address):
            sites.read(address, body[:MAX_BYTES])
            return None
        form = form_of(media, header.get("warc-identified-payload-type"), body)
    except (BadBody, UnknownType) as error:
        return str(error)
    if form is None:
        return None
    if len(body) > MAX_RECORD_BYTES:
        return TOO_LONG
    damages = ("cut off by the crawler" if cut else "", record.damage)
    meta = {
        "url": address, "retrieved": header.get("warc-date"), "record": header.get("warc-record-id"),
        "encoding": charset, "damage": "; ".join(filter(None, damages)),
        **merge(signals(answer.headers) if answer else {}, sites.signals(address)),
    }  # fmt: skip
    meta = {key: printable(value) for key, value in meta.items() if value}
    language = iso_639_1(header.get("warc-identified-content-language", "").partition(",")[0])
    if form != "text":
        return form, "", body, language, meta
    try:
        text, meta["encoding"] = decode(body, meta.get("encoding"))
    except Undecodable as error:
        return str(error)
    return form, text, b"", language, meta


def _own_type(header: dict[str, str]) -> list[str]:
    """Return the type of a record that is only a body. `application/http` means that it should have been a response."""
    stated_type = header.get("content-type", "")
    return [] if stated_type.startswith("application/http") else [stated_type]
